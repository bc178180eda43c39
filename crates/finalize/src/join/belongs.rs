//! Whether media segments are of the initial segment that they were named with.
//!
//! The representations of one presentation often have the same track ids and clocks, and only what
//! is in the samples tells that the pictures are of another size. So the first samples of each
//! segment are looked at: their syntax, and of keyframes whether they decode.

use crate::{Error, Result};
use tapo_bmff::{be_u16, be_u32, full_box};
use tapo_codec::{Decodes, Delimiting, Depth, Hints, Recogniser, Verdict, describe, recogniser};
use tapo_io::{ByteSource, Files, Span, Window};
use tapo_movie::{Fragment, Movie, Sample, SampleDescription, TopBox, Track};

/// Samples of a segment and track that are looked at.
const SAMPLES: usize = 4;
/// Bytes of a sample that are looked at, at most.
const LARGEST: u64 = 8 << 20;
/// A clock that is wrong is wrong by more than this factor: 48,000 is 1.088 times 44,100.
const CLOCK: f64 = 1.05;
/// Shorter segments are not compared, seconds: some writers round to a sample here and there.
const SHORT: f64 = 0.5;

/// Refuses media segments of tracks that the initial segment does not describe.
pub(super) fn check_tracks(source: &Files, fragments: &[Fragment], movie: &Movie) -> Result<()> {
    for fragment in fragments {
        let is_known = |id: u32| movie.tracks.iter().any(|t| t.header.id == id);
        if let Some(other) = fragment.tracks.iter().find(|t| !is_known(t.track_id)) {
            let piece = source.piece_at(fragment.moof.start).unwrap_or(0);
            let id = other.track_id;
            return Err(refused(source, piece, &format!("holds a track {id}")));
        }
    }
    Ok(())
}

/// Refuses media segments whose samples contradict what the initial segment says of them.
pub(super) fn check(
    source: &Files,
    fragments: &[Fragment],
    top: &[TopBox],
    movie: &Movie,
) -> Result<()> {
    if let Some((piece, why)) = wrong_clock(source, fragments, top, movie)? {
        return Err(refused(source, piece, &why));
    }
    for track in &movie.tracks {
        let seen = Seen::of(source, track)?;
        if let Some(piece) = seen.first_wrong.filter(|_| seen.is_wrong()) {
            let what = if track.is_video() {
                "pictures"
            } else {
                "sound"
            };
            let id = track.header.id;
            let why = format!("holds {what} that cannot be decoded as those of track {id}");
            return Err(refused(source, piece, &why));
        }
    }
    Ok(())
}

fn refused(source: &Files, piece: usize, why: &str) -> Error {
    let path = source.pieces().get(piece).map(|p| p.path.clone());
    Error::DoesNotFit {
        path: path.unwrap_or_else(|| source.path().to_owned()),
        why: format!(
            "{why}: it does not belong to the initial segment {}",
            source.path().display()
        ),
    }
}

/// What the samples of a track's segments say of its sample entry.
#[derive(Debug, Default)]
struct Seen {
    /// Segments with a sample that fits.
    right: usize,
    /// Segments with none.
    wrong: usize,
    first_wrong: Option<usize>,
}

impl Seen {
    fn of(source: &Files, track: &Track) -> Result<Self> {
        let mut seen = Self::default();
        let mut samples = track.samples.iter().peekable();
        while let Some(first) = samples.next() {
            let Some(piece) = source.piece_at(first.span.start) else {
                break;
            };
            let end = source.pieces().get(piece).map_or(0, |p| p.span.end);
            let mut some = vec![first];
            while let Some(next) = samples.next_if(|s| s.span.start < end) {
                if some.len() < SAMPLES {
                    some.push(next);
                }
            }
            match fits(source, track, &some)? {
                Some(true) => seen.right += 1,
                Some(false) => {
                    seen.wrong += 1;
                    seen.first_wrong = seen.first_wrong.or(Some(piece));
                }
                None => {}
            }
        }
        Ok(seen)
    }

    /// One segment among others may be damaged.
    const fn is_wrong(&self) -> bool {
        self.wrong > 0 && (self.right == 0 || (self.wrong > 1 && self.wrong * 8 >= self.right))
    }
}

/// Whether samples are what their sample entry says; `None` if nothing tells.
fn fits(source: &Files, track: &Track, samples: &[Sample]) -> Result<Option<bool>> {
    let (mut seen, mut refused) = (0, 0);
    for sample in samples.iter().filter(|s| s.span.len() <= LARGEST) {
        let number = sample.description.saturating_sub(1) as usize;
        let Some(mut judge) = track.descriptions.get(number).and_then(|d| judge(track, d)) else {
            return Ok(None);
        };
        let bytes = source.read_span(sample.span)?;
        let mut window = Window::new(&bytes);
        let probed = judge.probe(&mut window, 0, bytes.len() as u64, Depth::Thorough)?;
        seen += 1;
        let Verdict::Sample(access) = probed else {
            refused += 1;
            continue;
        };
        if !track.is_video() {
            match access.len == bytes.len() as u64 && access.flaw.is_none() {
                true => return Ok(Some(true)),
                false => refused += 1,
            }
            continue;
        }
        for set in &access.parameter_sets {
            // One that cannot be read is none.
            let _ = judge.adopt(&bytes.read_span(*set)?);
        }
        // Heads of pictures look alike.
        match judge.decodes(&bytes) {
            Decodes::Yes => return Ok(Some(true)),
            Decodes::No(_) if access.flaw.is_none() => return Ok(Some(false)),
            Decodes::No(_) | Decodes::Unknown => {}
        }
    }
    Ok((seen > 0 && seen == refused).then_some(false))
}

/// Codings of sound whose samples are one frame each, with all of its syntax known.
const SOUND: [&[u8; 4]; 1] = [b"mp4a"];

fn judge(track: &Track, description: &SampleDescription) -> Option<Box<dyn Recogniser>> {
    let children = description.entry.children();
    let boxes: Vec<_> = children.map(|(kind, b)| (kind.0, b)).collect();
    if !track.is_video() && !SOUND.contains(&&description.kind().0) {
        return None;
    }
    let said = describe(description.kind().0, &boxes);
    // All parameter sets are in the entry, and there is none.
    let complete = matches!(&description.kind().0, b"avc1" | b"hvc1");
    if complete && said.parameter_sets.is_empty() {
        return None;
    }
    let hints = Hints {
        handler: Some(track.handler.0),
        channels: description.channels(),
        sample_rate: description.sample_rate(),
        ..Hints::default()
    };
    let judge = recogniser(description.kind().0, &boxes, &hints);
    judge.filter(|r| r.delimiting() == Delimiting::Exact)
}

/// Segment indexes (`sidx`, ISO/IEC 14496-12 §8.16.3) say how long segments last by a clock of
/// their own: where samples last otherwise, the clock of the track is another's. The segment, and why.
fn wrong_clock(
    source: &Files,
    fragments: &[Fragment],
    top: &[TopBox],
    movie: &Movie,
) -> Result<Option<(usize, String)>> {
    for found in top.iter().filter(|b| b.kind == b"sidx").take(8) {
        let piece = source.piece_at(found.span.start).unwrap_or(0);
        let within = source.pieces().get(piece).map_or(found.span, |p| p.span);
        let length = found.payload().len().min(1 << 16);
        let payload = source.read_span(Span::at(found.payload().start, length))?;
        let Some((id, seconds)) = lasts(&payload) else {
            continue;
        };
        let Some(track) = movie.tracks.iter().find(|t| t.header.id == id) else {
            continue;
        };
        let its = fragments
            .iter()
            .filter(|f| f.whole && within.contains(f.moof));
        let ticks = its.flat_map(|f| f.tracks.iter().filter(|t| t.track_id == id));
        let ticks: u64 = ticks.map(|t| t.duration).fold(0, u64::saturating_add);
        let own = as_seconds(ticks, track.timescale);
        // An index of several files, or one that was left empty, says nothing of this one.
        let one = source.pieces().len() > 1 && seconds > SHORT && own > 0.0;
        let ratio = own / seconds;
        if one && !(1.0 / CLOCK..CLOCK).contains(&ratio) {
            return Ok(Some((
                piece,
                format!(
                    "lasts {seconds:.2} s by its index, and {own:.2} s by the clock of track {id}"
                ),
            )));
        }
    }
    Ok(None)
}

/// The track that a `sidx` is of, and how long it lasts, seconds.
fn lasts(payload: &[u8]) -> Option<(u32, f64)> {
    let (version, _, rest) = full_box(payload)?;
    let (id, timescale) = (be_u32(rest, 0)?, be_u32(rest, 4)?);
    // The earliest time and the first offset; two bytes are reserved.
    let times = if version == 0 { 8 } else { 16 };
    let count = usize::from(be_u16(rest, 8 + times + 2)?);
    let first = 8 + times + 4;
    let mut ticks = 0_u64;
    for entry in 0..count {
        ticks = ticks.saturating_add(be_u32(rest, first + 12 * entry + 4)?.into());
    }
    Some((id, as_seconds(ticks, timescale)))
}

#[expect(clippy::cast_precision_loss, reason = "a comparison of lengths")]
fn as_seconds(ticks: u64, timescale: u32) -> f64 {
    ticks as f64 / f64::from(timescale.max(1))
}
