//! Fragments that no box leads to: inside the media of another one, whose size
//! is wrong, or behind bytes that are no box.

use crate::{Form, Ledger, Result};
use std::collections::HashSet;
use tapo_bmff::BoxHeader;
use tapo_io::{ByteSource, Span};
use tapo_movie::{Fragment, Read};

/// Bytes that are searched for fragments, in all.
const SEARCHED: u64 = 64 << 20;

/// Fragments that are read.
const MOST: usize = 1 << 16;

/// Bytes of a `moof` in front of what tells it from others: its header, and its number.
const NUMBERED: u64 = 24;

/// The fragments whose data is all there and is no sample of the index. In a
/// `Hybrid` file those that the index was made from are not among them.
pub(crate) fn fragments(
    source: &dyn ByteSource,
    read: &Read,
    form: Form,
    ledger: &Ledger,
) -> Result<Vec<Fragment>> {
    let Some(movie) = &read.movie else {
        return Ok(Vec::new());
    };
    if !matches!(form, Form::Fragmented | Form::Hybrid) {
        return Ok(Vec::new());
    }
    let (mut moofs, mut left) = (Vec::new(), SEARCHED);
    for spare in stretches(read, ledger) {
        search(source, spare, &mut left, &mut moofs)?;
    }
    let spans: Vec<Span> = moofs.iter().map(|(moof, _)| *moof).collect();
    let all = tapo_movie::read_fragments(source, movie, &spans)?;
    let (mut hidden, mut known) = (Vec::new(), Vec::new());
    for (fragment, (_, spare)) in all.into_iter().zip(moofs) {
        let unused = fragment.moof.end + 8 + bytes(&fragment) <= spare.end;
        if holds(&fragment) && (unused || form == Form::Fragmented) {
            hidden.push(fragment);
        } else {
            known.push(fragment.moof);
        }
    }
    unlike(source, &mut hidden, &known)?;
    Ok(hidden)
}

fn holds(fragment: &Fragment) -> bool {
    fragment.whole && bytes(fragment) > 0
}

fn bytes(fragment: &Fragment) -> u64 {
    let parts = fragment.tracks.iter().map(|t| t.bytes);
    parts.fold(0, u64::saturating_add)
}

/// Drops those that say what one of the others says: it was left out as a repetition.
fn unlike(source: &dyn ByteSource, hidden: &mut Vec<Fragment>, known: &[Span]) -> Result<()> {
    let body = |moof: Span| {
        let body = Span::new(moof.end.min(moof.start + NUMBERED), moof.end);
        source.read_span(body)
    };
    if hidden.is_empty() {
        return Ok(());
    }
    let lens: HashSet<u64> = hidden.iter().map(|f| f.moof.len()).collect();
    let mut said = HashSet::new();
    for moof in known.iter().filter(|m| lens.contains(&m.len())) {
        said.insert(body(*moof)?);
    }
    let mut kept = Vec::new();
    for fragment in hidden.drain(..) {
        if !said.contains(&body(fragment.moof)?) {
            kept.push(fragment);
        }
    }
    *hidden = kept;
    Ok(())
}

/// Ranges in `mdat`, or outside of all boxes, of which nothing is used.
fn stretches(read: &Read, ledger: &Ledger) -> Vec<Span> {
    let mut all: Vec<Span> = Vec::new();
    for entry in ledger.entries().filter(|e| e.what.is_spare()) {
        match all.last_mut() {
            Some(last) if last.end == entry.span.start => last.end = entry.span.end,
            _ => all.push(entry.span),
        }
    }
    all.retain(|span| {
        let place = read.top.partition_point(|b| b.span.end <= span.start);
        let home = read.top.get(place);
        let home = home.filter(|b| b.span.start <= span.start);
        home.is_none_or(|b| b.kind == b"mdat") && span.len() > NUMBERED
    });
    all
}

/// Collects the `moof` boxes in a stretch, each with the stretch.
fn search(
    source: &dyn ByteSource,
    spare: Span,
    left: &mut u64,
    moofs: &mut Vec<(Span, Span)>,
) -> Result<()> {
    let mut at = spare.start;
    while at + NUMBERED <= spare.end && moofs.len() < MOST {
        // One follows the other, as long as their sizes lead on.
        let head = source.read_span(Span::at(at, 16).intersect(spare))?;
        let end = BoxHeader::read(at, &head).and_then(|header| {
            let end = header.declared_end(spare.end)?;
            let usual = matches!(
                &header.kind.0,
                b"moof" | b"mdat" | b"prft" | b"uuid" | b"free"
            ) || matches!(&header.kind.0, b"styp" | b"sidx" | b"emsg");
            (usual && end > at && end <= spare.end).then_some((header, end))
        });
        if let Some((header, end)) = end {
            if header.kind == b"moof" {
                moofs.push((Span::new(at, end), spare));
            }
            at = end;
            continue;
        }
        let rest = Span::at(at + 1, *left).intersect(spare);
        let Some(next) = next_moof(source, rest)? else {
            *left -= rest.len();
            return Ok(());
        };
        *left -= next - rest.start;
        at = next;
    }
    Ok(())
}

/// Where the first `moof` begins that fits into `span`.
fn next_moof(source: &dyn ByteSource, span: Span) -> Result<Option<u64>> {
    let mut from = span.start;
    while let Some(at) = tapo_movie::next_moof(source, Span::new(from, span.end))? {
        let head = source.read_span(Span::at(at, BoxHeader::MAX_LEN as u64))?;
        let end = BoxHeader::read(at, &head).and_then(|header| header.declared_end(span.end));
        if end.is_some_and(|end| end <= span.end) {
            return Ok(Some(at));
        }
        from = at + 1;
    }
    Ok(None)
}
