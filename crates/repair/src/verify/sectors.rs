//! Sectors filled with one value: what storage gives back for those it has lost.

use super::{BATCH, SECTOR};
use crate::Result;
use crate::item::{Item, Items};
use crate::profile::{Finding, Profile, TrackProfile};
use rayon::prelude::*;
use tapo_codec::nal::NalLengthSize;
use tapo_codec::{Depth, Verdict};
use tapo_io::{ByteSource, Span, Window};
use tapo_movie::Track;

/// [`SECTOR`], for slices.
const SECTOR_BYTES: usize = 512;

/// Fillings of one sample that are looked at closely: where so many are allowed, so
/// are the others.
const RUNS: u32 = 16;

/// Bytes that are read in one go.
const PIECE: u64 = 256 << 10;

/// The items in which a filled sector stands where there can be none.
pub(super) fn blank(
    source: &dyn ByteSource,
    items: &Items,
    profile: &Profile,
) -> Result<Vec<usize>> {
    let tracks = profile.movie.tracks.iter().zip(&profile.tracks);
    let tracks: Vec<Option<Coding<'_>>> = tracks.map(|(t, of)| Coding::of(t, of)).collect();
    let batches = (0..items.len().div_ceil(BATCH)).into_par_iter();
    let found = batches.map(|batch| {
        let range = batch * BATCH..((batch + 1) * BATCH).min(items.len());
        let mut found = Vec::new();
        let mut bytes = Vec::new();
        for (item, index) in items.range(range.clone()).zip(range) {
            let coding = tracks.get(usize::from(item.track));
            let Some(coding) = coding.and_then(Option::as_ref) else {
                continue;
            };
            if coding.is_damaged(source, &item, &mut bytes)? {
                found.push(index);
            }
        }
        Ok(found)
    });
    let found = found.collect::<Result<Vec<_>>>()?;
    Ok(found.concat())
}

/// How long the lengths of a track's NAL units are, if its samples are made of
/// them: they lead through a sample whatever stands between them.
pub(crate) fn units(track: &Track) -> Option<NalLengthSize> {
    let description = track.descriptions.first()?;
    let boxes = description.entry.children();
    let boxes: Vec<_> = boxes.map(|(k, b)| (k.0, b)).collect();
    tapo_codec::describe(description.kind().0, &boxes).nal_length_size
}

/// Whether NAL units of at least so many bytes fill a range exactly.
///
/// # Errors
/// The source fails.
pub(crate) fn lead_through(
    window: &mut Window<'_>,
    span: Span,
    size: NalLengthSize,
    least: u64,
) -> Result<bool> {
    let size = size.bytes();
    let mut at = span.start;
    while at < span.end {
        let field = window.bytes(at, size)?;
        let len = field.iter().fold(0_u64, |n, b| n << 8 | u64::from(*b));
        if field.len() < size || len < least {
            return Ok(false);
        }
        at = at.saturating_add(size as u64).saturating_add(len);
    }
    Ok(at == span.end)
}

/// What a track's samples can hold.
struct Coding<'a> {
    of: &'a TrackProfile,
    /// Of NAL units: the bytes of their lengths, and whether they are of H.265.
    units: Option<(NalLengthSize, bool)>,
    /// Of constant-rate sound: the byte that silence is written with, where one
    /// is known, and any sound may be.
    sound: Option<Silence>,
}

/// Fillings that sound may have.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
enum Silence {
    /// G.711, in which a long row of these bytes is sound: silence, in both signs.
    Codes([u8; 2]),
    /// Linear: zeros may be silence.
    Linear,
}

impl<'a> Coding<'a> {
    /// `None` where nothing is known of what its samples hold.
    fn of(track: &Track, of: &'a TrackProfile) -> Option<Self> {
        let description = track.descriptions.first()?;
        let entry = &description.entry;
        let sound = match (of.finding, &description.kind().0) {
            (Finding::Syntax, _) if track.is_video() || track.is_audio() => None,
            // ITU-T G.711: +0 and -0, even bits inverted in A-law, all in mu-law.
            (Finding::Frames { .. }, b"alaw") => Some(Silence::Codes([0x55, 0xD5])),
            (Finding::Frames { .. }, b"ulaw") => Some(Silence::Codes([0x7F, 0xFF])),
            (Finding::Frames { .. }, _) if track.is_audio() => Some(Silence::Linear),
            _ => return None,
        };
        let h265 = entry.child(b"hvcC").is_some();
        Some(Self {
            of,
            units: units(track).map(|size| (size, h265)),
            sound,
        })
    }

    /// Whether a sector of the item is filled with zeros or ones, and that cannot
    /// be.
    fn is_damaged(
        &self,
        source: &dyn ByteSource,
        item: &Item,
        bytes: &mut Vec<u8>,
    ) -> Result<bool> {
        let span = item.span();
        let mut at = span.start.next_multiple_of(SECTOR);
        let end = span.end / SECTOR * SECTOR;
        // Sectors with the same filling that follow each other.
        let mut run: Option<(Span, u8)> = None;
        let mut allowed = 0;
        while at < end {
            let len = usize::try_from(PIECE.min(end - at)).unwrap_or(0);
            bytes.resize(len, 0);
            let got = source.read_at(at, bytes)?;
            if got < len {
                break;
            }
            for sector in bytes.chunks(SECTOR_BYTES) {
                let here = Span::at(at, SECTOR);
                at = here.end;
                match (filling(sector), &mut run) {
                    (Some(with), Some((run, byte))) if *byte == with => run.end = here.end,
                    (with, run) => {
                        if let Some((filled, byte)) = run.take() {
                            if self.is_wrong(source, span, filled, byte)? {
                                return Ok(true);
                            }
                            allowed += 1;
                            if allowed == RUNS {
                                return Ok(false);
                            }
                        }
                        *run = with.map(|byte| (here, byte));
                    }
                }
            }
        }
        match run {
            Some((filled, byte)) => self.is_wrong(source, span, filled, byte),
            None => Ok(false),
        }
    }

    /// Whether a sample cannot have these bytes.
    fn is_wrong(
        &self,
        source: &dyn ByteSource,
        sample: Span,
        filled: Span,
        byte: u8,
    ) -> Result<bool> {
        match (self.units, self.sound) {
            (Some((size, h265)), _) => {
                if !in_slice(source, sample, filled.start, size, h265)? {
                    return Ok(false);
                }
                // Three zeros are forbidden, but some encoders pad their units.
                Ok(byte != 0 || self.is_flawed(source, sample)?)
            }
            (None, Some(Silence::Codes(silence))) => Ok(!silence.contains(&byte)),
            (None, _) => is_cut_out(source, sample, filled, byte),
        }
    }

    fn is_flawed(&self, source: &dyn ByteSource, sample: Span) -> Result<bool> {
        let Some(recogniser) = &self.of.recogniser else {
            return Ok(false);
        };
        let mut window = Window::new(source);
        let depth = Depth::Thorough;
        let verdict = recogniser.probe(&mut window, sample.start, sample.end, depth)?;
        Ok(match verdict {
            Verdict::Sample(access) => access.flaw.is_some() || access.len != sample.len(),
            Verdict::Start(_) => false,
            Verdict::Cut(_) | Verdict::Not(_) => true,
        })
    }
}

/// The value that all bytes of a sector have, if that is 0 or 255.
fn filling(sector: &[u8]) -> Option<u8> {
    let (head, rest) = sector.split_first_chunk::<8>()?;
    let byte = match u64::from_ne_bytes(*head) {
        0 => 0,
        u64::MAX => u8::MAX,
        _ => return None,
    };
    rest.iter().all(|b| *b == byte).then_some(byte)
}

/// Whether `at` lies in a unit of a sample that holds coded slices (H.264 table
/// 7-1: types 1 to 5; H.265 table 7-1: 0 to 31), or where no unit leads to: filler
/// data may be filled with anything, and messages too.
fn in_slice(
    source: &dyn ByteSource,
    sample: Span,
    at: u64,
    size: NalLengthSize,
    h265: bool,
) -> Result<bool> {
    let mut window = Window::new(source);
    let mut start = sample.start;
    let size = size.bytes();
    while start < sample.end {
        let head = window.bytes(start, size + 1)?;
        let (Some(field), Some(first)) = (head.get(..size), head.get(size)) else {
            return Ok(true);
        };
        let len = field.iter().fold(0_u64, |n, b| n << 8 | u64::from(*b));
        let slice = match h265 {
            true => first >> 1 & 0x3F < 32,
            false => (1..=5).contains(&(first & 0x1F)),
        };
        start = start.saturating_add(size as u64).saturating_add(len.max(1));
        if at < start {
            return Ok(slice);
        }
    }
    Ok(true)
}

/// Whether the filling begins and ends where sectors do, and other bytes of the
/// sample stand behind it: what was written so begins and ends anywhere, and
/// padding goes on to the end.
fn is_cut_out(source: &dyn ByteSource, sample: Span, filled: Span, byte: u8) -> Result<bool> {
    if filled.start == sample.start || filled.end == sample.end {
        return Ok(false);
    }
    let mut around = [byte; 1];
    source.read_at(filled.start - 1, &mut around)?;
    let before = around != [byte];
    source.read_at(filled.end, &mut around)?;
    Ok(before && around != [byte])
}
