//! The hash chain of our own recordings: is every fragment what was recorded.

use crate::{Depth, Finding, Form, Inspection, Problem, Result};
use sha2::{Digest, Sha256};
use tapo_bmff::{FourCc, Step, Walker};
use tapo_io::{ByteSource, Span, Window};
use tapo_movie::{FragmentStamp, TopBox};

/// Broken seals that are told one by one.
const TOLD: usize = 100;

/// Where fragments stand: at the top level, or what is inside the `mdat` of a
/// finalized recording.
pub(crate) fn places(inspection: &Inspection) -> Vec<Span> {
    match inspection.form {
        Form::Fragmented => vec![Span::new(0, inspection.read.size)],
        Form::Hybrid => {
            let is_stamp = |kind: FourCc| matches!(&kind.0, b"uuid" | b"prft" | b"moof");
            let entries = inspection.ledger.entries();
            let first = entries.filter_map(|e| match e.what {
                crate::Holding::Leftover { kind } if is_stamp(kind) => Some(e.span.start),
                _ => None,
            });
            let mdats = inspection.read.top.iter().filter(|b| b.kind == b"mdat");
            let first = first.min();
            let mdats = mdats.map(TopBox::payload).filter_map(|p| {
                let start = first.filter(|at| (p.start..p.end).contains(at))?;
                Some(Span::new(start, p.end))
            });
            mdats.collect()
        }
        _ => Vec::new(),
    }
}

/// Checks the seals, where every byte is looked at.
pub(super) fn check(
    source: &dyn ByteSource,
    inspection: &Inspection,
    found: &mut Vec<Finding>,
) -> Result<()> {
    let Some(own) = inspection
        .own
        .as_ref()
        .filter(|_| inspection.depth == Depth::All)
    else {
        return Ok(());
    };
    let mut link: Option<[u8; 32]> = Some(Sha256::digest(own.stamp.encode()).into());
    let mut told = 0;
    for place in places(inspection) {
        let mut window = Window::new(source);
        let mut walker = Walker::new(place, None);
        let mut stamp: Option<(FragmentStamp, Span)> = None;
        let mut moof: Option<Span> = None;
        while let Some(step) = walker.next(&mut window)? {
            let Step::Box { header, span, .. } = step else {
                // What stands behind damage begins a chain of its own.
                link = None;
                continue;
            };
            match &header.kind.0 {
                b"uuid" if header.user_type == Some(FragmentStamp::USER_TYPE) => {
                    let payload = Span::new(span.start + header.len(), span.end);
                    let bytes =
                        source.read_span(payload.intersect(Span::at(payload.start, 4096)))?;
                    moof = None;
                    stamp = FragmentStamp::parse(&bytes).map(|s| (s, span));
                }
                b"moof" => moof = Some(span),
                b"mdat" => {
                    let Some(((stamp, at), moof)) = stamp.take().zip(moof.take()) else {
                        continue;
                    };
                    let sealed = Span::new(moof.start, span.end);
                    let sha256 = digest(source, sealed)?;
                    let is_chained = link.is_none_or(|before| chained(&before, &stamp));
                    let problem = match (sha256 == stamp.sha256, is_chained) {
                        (true, true) => None,
                        (false, _) => Some((
                            seal_broken as fn(u32) -> Problem,
                            Span::new(at.start, span.end),
                        )),
                        (true, false) => Some((chain_broken as fn(u32) -> Problem, at)),
                    };
                    link = Some(stamp.chain);
                    if let Some((problem, span)) = problem.filter(|_| told < TOLD) {
                        let number = u32::try_from(stamp.sequence).unwrap_or(u32::MAX);
                        let problem = problem(number);
                        found.push(Finding::new(problem).at(span));
                        told += 1;
                    }
                }
                _ => {}
            }
        }
    }
    Ok(())
}

/// Whether a stamp's link follows from the link before.
fn chained(before: &[u8; 32], stamp: &FragmentStamp) -> bool {
    let link = Sha256::new()
        .chain_update(before)
        .chain_update(stamp.sha256);
    <[u8; 32]>::from(link.finalize()) == stamp.chain
}

fn digest(source: &dyn ByteSource, span: Span) -> Result<[u8; 32]> {
    const PIECE: u64 = 1 << 20;
    let mut hash = Sha256::new();
    let mut at = span.start;
    while at < span.end {
        let bytes = source.read_span(Span::at(at, PIECE).intersect(span))?;
        if bytes.is_empty() {
            break;
        }
        at += bytes.len() as u64;
        hash.update(&bytes);
    }
    Ok(hash.finalize().into())
}

const fn seal_broken(fragment: u32) -> Problem {
    Problem::SealBroken { fragment }
}

const fn chain_broken(fragment: u32) -> Problem {
    Problem::ChainBroken { fragment }
}
