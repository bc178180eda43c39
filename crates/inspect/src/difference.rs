//! Two files compared: is it the same media in another container, and what else
//! differs.

use crate::{Inspection, Listing, Result};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use tapo_bmff::{BoxTree, FourCc};
use tapo_io::{ByteSource, Span};
use tapo_movie::{Sample, Track, rescale};

/// Two files against each other.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Difference {
    /// Tracks, matched by handler in the order in which they stand.
    pub tracks: Vec<TrackDifference>,
    /// Boxes that one has and the other has not, or that differ; media, and the
    /// tables that place it, left out. By path, then number.
    pub boxes: Vec<BoxDifference>,
    /// Boxes that are the same in both.
    pub same_boxes: usize,
}

impl Difference {
    /// Whether all samples of all tracks have the same bytes.
    #[must_use]
    pub fn same_media(&self) -> bool {
        let same = |t: &TrackDifference| t.samples.0 == t.samples.1 && t.identical == t.samples.0;
        !self.tracks.is_empty() && self.tracks.iter().all(same)
    }
}

/// A track of each file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TrackDifference {
    /// The handler of both.
    pub handler: FourCc,
    /// Their ids; `None` where one file has no such track.
    pub ids: (Option<u32>, Option<u32>),
    /// Samples of each.
    pub samples: (u64, u64),
    /// Samples of the same number with the same bytes.
    pub identical: u64,
    /// Whether the sample entries are the same.
    pub configuration: bool,
    /// Number of the first sample whose bytes differ, from 1 on.
    pub bytes: Option<u32>,
    /// Of the first with the same bytes and another decode or composition time,
    /// counted from the first sample, more than a tick of the slower clock off.
    pub time: Option<u32>,
    /// Of the first that is a sync sample in one only.
    pub sync: Option<u32>,
}

/// What is different about a box.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub enum Change {
    /// Only the first file has it.
    First,
    /// Only the second file has it.
    Second,
    /// Its bytes differ.
    Bytes,
}

/// A box that differs.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BoxDifference {
    /// The types from the top level on.
    pub path: Vec<FourCc>,
    /// Which of the boxes with this path, from 1 on.
    pub number: u32,
    /// How it differs.
    pub change: Change,
    /// Where it stands in the first file, and in the second.
    pub spans: (Option<Span>, Option<Span>),
}

/// Differences of boxes that are kept.
const KEPT: usize = 1000;

/// Compares two files.
///
/// # Errors
/// A source fails.
pub fn difference(
    first: (&dyn ByteSource, &Inspection),
    second: (&dyn ByteSource, &Inspection),
) -> Result<Difference> {
    let tracks = |i: &Inspection| i.read.movie.clone().map(|m| m.tracks).unwrap_or_default();
    let (ours, mut theirs) = (tracks(first.1), tracks(second.1));
    let mut all = Vec::new();
    for track in &ours {
        let place = theirs.iter().position(|t| t.handler == track.handler);
        let other = place.map(|i| theirs.remove(i));
        all.push(samples(first.0, Some(track), second.0, other.as_ref())?);
    }
    for track in &theirs {
        all.push(samples(first.0, None, second.0, Some(track))?);
    }
    let (boxes, same_boxes) = boxes(first.0, second.0)?;
    Ok(Difference {
        tracks: all,
        boxes,
        same_boxes,
    })
}

fn samples(
    first: &dyn ByteSource,
    ours: Option<&Track>,
    second: &dyn ByteSource,
    theirs: Option<&Track>,
) -> Result<TrackDifference> {
    let count = |t: Option<&Track>| t.map_or(0, |t| u64::from(t.samples.len()));
    let mut told = TrackDifference {
        handler: ours.or(theirs).map_or(FourCc(*b"    "), |t| t.handler),
        ids: (ours.map(|t| t.header.id), theirs.map(|t| t.header.id)),
        samples: (count(ours), count(theirs)),
        identical: 0,
        configuration: false,
        bytes: None,
        time: None,
        sync: None,
    };
    let (Some(ours), Some(theirs)) = (ours, theirs) else {
        return Ok(told);
    };
    let entries = |t: &Track| -> Vec<Vec<(FourCc, Vec<u8>)>> {
        let boxes = |d: &tapo_movie::SampleDescription| {
            let held = d.entry.children().map(|(k, b)| (k, b.to_vec()));
            // Bit rates are the muxer's.
            let held = held.filter(|(k, _)| !matches!(&k.0, b"btrt" | b"esds"));
            std::iter::once((d.kind(), Vec::new()))
                .chain(held)
                .collect()
        };
        t.descriptions.iter().map(boxes).collect()
    };
    told.configuration = entries(ours) == entries(theirs);
    let (mut a, mut b) = (Vec::new(), Vec::new());
    let mut origins: Option<(Sample, Sample)> = None;
    let pairs =
        Listing::new(&ours.samples, first.len()).zip(Listing::new(&theirs.samples, second.len()));
    for (x, y) in pairs {
        let origin = *origins.get_or_insert((x, y));
        let whole = x.span.end <= first.len() && y.span.end <= second.len();
        let same = whole
            && x.span.len() == y.span.len()
            && load(first, x.span, &mut a)? == load(second, y.span, &mut b)?;
        if !same {
            told.bytes = told.bytes.or(Some(x.number));
            continue;
        }
        told.identical += 1;
        if !same_time(
            &x,
            &origin.0,
            ours.timescale,
            &y,
            &origin.1,
            theirs.timescale,
        ) {
            told.time = told.time.or(Some(x.number));
        }
        if x.sync != y.sync {
            told.sync = told.sync.or(Some(x.number));
        }
    }
    if told.bytes.is_none() && told.samples.0 != told.samples.1 {
        let shorter = told.samples.0.min(told.samples.1);
        told.bytes = u32::try_from(shorter + 1).ok();
    }
    Ok(told)
}

/// A sample's bytes; of a large one its hash.
fn load<'b>(source: &dyn ByteSource, span: Span, into: &'b mut Vec<u8>) -> Result<&'b [u8]> {
    const PIECE: u64 = 1 << 20;
    if span.len() <= PIECE {
        into.resize(usize::try_from(span.len()).unwrap_or(0), 0);
        let got = source.read_at(span.start, into)?;
        into.truncate(got);
        return Ok(into);
    }
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
    into.clear();
    into.extend_from_slice(&hash.finalize());
    Ok(into)
}

/// Whether two samples stand at the same time behind the first of their tracks,
/// within a tick of the slower clock.
fn same_time(x: &Sample, x0: &Sample, x_ticks: u32, y: &Sample, y0: &Sample, y_ticks: u32) -> bool {
    // In nanoseconds; a tick of the slower clock is the least that can be told.
    const NANO: u32 = 1_000_000_000;
    let slack = u64::from(NANO / x_ticks.min(y_ticks).max(1)) + 1;
    let since = |s: &Sample, origin: &Sample, ticks| {
        let shown = s.pts().abs_diff(origin.pts());
        (
            rescale(s.dts - origin.dts.min(s.dts), ticks, NANO),
            rescale(shown, ticks, NANO),
        )
    };
    let (a, b) = (since(x, x0, x_ticks), since(y, y0, y_ticks));
    a.0.abs_diff(b.0) <= slack && a.1.abs_diff(b.1) <= slack
}

/// Boxes whose bytes follow from where the media stands.
fn is_place(kind: FourCc) -> bool {
    matches!(
        &kind.0,
        b"mdat"
            | b"stco"
            | b"co64"
            | b"stsc"
            | b"stsz"
            | b"stz2"
            | b"moof"
            | b"sidx"
            | b"mfra"
            | b"free"
            | b"skip"
            | b"wide"
    )
}

type Paths = BTreeMap<(Vec<[u8; 4]>, u32), Span>;

/// The leaves of a file by path and number.
fn leaves(source: &dyn ByteSource) -> Result<Paths> {
    let tree = BoxTree::read(source)?;
    let mut numbers: BTreeMap<Vec<[u8; 4]>, u32> = BTreeMap::new();
    let mut all = Paths::new();
    for (id, node) in tree.iter() {
        let mut path = vec![node.kind.0];
        let mut at = id;
        while let Some((up, around)) = tree.parent(at) {
            path.push(around.kind.0);
            at = up;
        }
        path.reverse();
        let placed = path.iter().any(|k| is_place(FourCc(*k)));
        if placed || tree.children(id).next().is_some() {
            continue;
        }
        let number = numbers.entry(path.clone()).or_default();
        *number += 1;
        all.insert((path, *number), node.span);
    }
    Ok(all)
}

fn boxes(first: &dyn ByteSource, second: &dyn ByteSource) -> Result<(Vec<BoxDifference>, usize)> {
    let (ours, theirs) = (leaves(first)?, leaves(second)?);
    let (mut all, mut same) = (Vec::new(), 0);
    let (mut a, mut b) = (Vec::new(), Vec::new());
    let keys: std::collections::BTreeSet<_> = ours.keys().chain(theirs.keys()).collect();
    for key in keys {
        let spans = (ours.get(key).copied(), theirs.get(key).copied());
        let change = match spans {
            (Some(x), Some(y)) => {
                if x.len() == y.len() && load(first, x, &mut a)? == load(second, y, &mut b)? {
                    same += 1;
                    continue;
                }
                Change::Bytes
            }
            (Some(_), None) => Change::First,
            _ => Change::Second,
        };
        if all.len() < KEPT {
            all.push(BoxDifference {
                path: key.0.iter().map(|k| FourCc(*k)).collect(),
                number: key.1,
                change,
                spans,
            });
        }
    }
    Ok((all, same))
}
