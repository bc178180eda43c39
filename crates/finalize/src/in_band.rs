//! Parameter sets that change within one file: each change becomes a further
//! sample entry.
//!
//! Samples of `avc1` and `hvc1` tracks are decoded by what their sample entry says
//! (ISO/IEC 14496-15 §5.4.2.1, §8.4.1). A fragmented file has only the one entry
//! that was written before anything was recorded. Where its writer went on with
//! other parameter sets, it put them into the samples: a decoder that plays on
//! takes them from there, one that is set up anew to seek has the wrong ones.

use crate::Result;
use crate::entry::number_of;
use crate::prepare::prepare;
use tapo_bmff::FourCc;
use tapo_codec::nal::{NalLengthSize, trim_trailing_zeros};
use tapo_codec::{ParameterSetKind, describe, h264, h265, reconfigured};
use tapo_io::{ByteSource, Span};
use tapo_movie::{Chunk, Movie, Read, SampleDescription, Track};

/// Sample entries that a track may have. Beyond it nothing is gained by more.
const MOST_ENTRIES: usize = 64;
/// Bytes of a sample that are read at once: parameter sets stand at its beginning.
const HEAD: usize = 256;
/// The longest parameter set that is looked at, bytes.
const LONGEST_SET: u64 = 4096;
/// NAL units before the first slice that are looked at.
const MOST_UNITS: usize = 32;

/// The final movie of a file that was `read`: [`prepare`]d, each change of
/// parameter sets a sample entry.
pub(crate) fn final_movie(source: &dyn ByteSource, read: &Read) -> Result<Movie> {
    let mut movie = read.movie.clone().unwrap_or_default();
    split(&mut movie, source)?;
    prepare(movie, source.path())
}

/// Gives samples whose parameter sets are not those of their entry one of their
/// own. Reads the heads of sync samples.
pub(crate) fn split(movie: &mut Movie, source: &dyn ByteSource) -> Result<()> {
    for track in &mut movie.tracks {
        split_track(track, source)?;
    }
    Ok(())
}

fn split_track(track: &mut Track, source: &dyn ByteSource) -> Result<()> {
    let Some(mut force) = track
        .descriptions
        .first()
        .and_then(|d| InForce::of(d, 1, 1))
    else {
        return Ok(());
    };
    let mut descriptions = track.descriptions.clone();
    // From which sample on which entry holds.
    let mut changes: Vec<(u32, u32)> = Vec::new();
    let mut units = Units::default();
    for sample in &track.samples {
        if sample.description != force.said {
            let given = track
                .descriptions
                .get(sample.description.wrapping_sub(1) as usize);
            let Some(given) =
                given.and_then(|d| InForce::of(d, sample.description, sample.description))
            else {
                return Ok(());
            };
            force = given;
            changes.push((sample.number, force.number));
        }
        if !sample.sync || !units.differ(source, sample.span, &force)? {
            continue;
        }
        let Some(new) = force.with(&units.sets) else {
            continue;
        };
        let number = number_of(&mut descriptions, &new);
        if descriptions.len() > MOST_ENTRIES {
            return Ok(());
        }
        let Some(next) = InForce::of(&new, force.said, number) else {
            continue;
        };
        force = next;
        changes.push((sample.number, number));
    }
    if descriptions.len() > track.descriptions.len() {
        track.samples.chunks = chunks(track, &changes);
        track.descriptions = descriptions;
    }
    Ok(())
}

/// The chunks of a track, cut where another entry begins to hold.
fn chunks(track: &Track, changes: &[(u32, u32)]) -> Vec<Chunk> {
    let mut chunks: Vec<Chunk> = Vec::with_capacity(track.samples.chunks.len() + changes.len());
    let mut changes = changes.iter().peekable();
    let (mut end, mut number) = (0, None);
    for sample in &track.samples {
        if let Some((_, next)) = changes.next_if(|(from, _)| *from == sample.number) {
            // Two changes at one sample: the later one holds.
            let later = changes.next_if(|(from, _)| *from == sample.number);
            number = Some(later.map_or(*next, |(_, later)| *later));
        }
        let description = number.unwrap_or(sample.description);
        match chunks.last_mut() {
            Some(last) if last.description == description && end == sample.span.start => {
                last.samples += 1;
            }
            _ => chunks.push(Chunk {
                offset: sample.span.start,
                samples: 1,
                description,
            }),
        }
        end = sample.span.end;
    }
    chunks
}

/// What a decoder knows when it comes to a sample.
struct InForce {
    entry: SampleDescription,
    /// The number that the file's own tables give its samples.
    said: u32,
    /// Its number among the entries of the final file.
    number: u32,
    config: [u8; 4],
    length_size: NalLengthSize,
    sets: Vec<Vec<u8>>,
}

impl InForce {
    /// `None` if the entry does not say that it holds all parameter sets.
    fn of(entry: &SampleDescription, said: u32, number: u32) -> Option<Self> {
        let config = match &entry.kind().0 {
            b"avc1" => *b"avcC",
            b"hvc1" => *b"hvcC",
            _ => return None,
        };
        let payload = entry.child(&config)?;
        let described = describe(entry.kind().0, &[(config, payload)]);
        Some(Self {
            said,
            number,
            config,
            length_size: described.nal_length_size?,
            sets: sets_of(entry.kind().0, config, payload),
            entry: entry.clone(),
        })
    }

    /// The entry with these sets in the place of its own; `None` if they take the
    /// place of none.
    fn with(&self, sets: &[Vec<u8>]) -> Option<SampleDescription> {
        let kind = self.entry.kind().0;
        let sets: Vec<&[u8]> = sets.iter().map(Vec::as_slice).collect();
        let new = reconfigured(kind, self.entry.child(&self.config)?, &sets)?;
        let all = sets_of(kind, self.config, &new);
        if self.sets.iter().all(|own| all.contains(own)) {
            return None;
        }
        let mut raw = self.entry.entry.with_payload(&self.config, &new)?;
        let size = |payload| describe(kind, &[(self.config, payload)]).size;
        let old = self.entry.child(&self.config).and_then(size);
        if let Some((width, height)) = size(&new).filter(|new| Some(*new) != old) {
            // VisualSampleEntry (ISO/IEC 14496-12 §12.1.3).
            let (width, height) = (u16::try_from(width).ok()?, u16::try_from(height).ok()?);
            let fields = raw.get_mut(32..36)?;
            fields.copy_from_slice(&[width.to_be_bytes(), height.to_be_bytes()].concat());
        }
        SampleDescription::parse(raw, FourCc(*b"vide"))
    }
}

/// The parameter sets of a configuration.
fn sets_of(entry_type: [u8; 4], config: [u8; 4], payload: &[u8]) -> Vec<Vec<u8>> {
    let described = describe(entry_type, &[(config, payload)]);
    let sets = described.parameter_sets.iter();
    sets.map(|set| trim_trailing_zeros(set).to_vec()).collect()
}

/// The parameter sets at the beginning of a sample, and what they are read with.
#[derive(Default)]
struct Units {
    sets: Vec<Vec<u8>>,
    bytes: Vec<u8>,
    /// Where `bytes` stand in the file.
    base: u64,
}

impl Units {
    /// Reads the parameter sets before the first slice of a sample. Whether any is
    /// none of those in force.
    fn differ(&mut self, source: &dyn ByteSource, sample: Span, force: &InForce) -> Result<bool> {
        self.sets.clear();
        let mut differ = false;
        let size = force.length_size.bytes() as u64;
        let kind = force.entry.kind().0;
        let mut at = sample.start;
        for _ in 0..MOST_UNITS {
            let field = self.get(source, Span::at(at, size))?;
            let len = field
                .iter()
                .fold(0_u64, |n, byte| n << 8 | u64::from(*byte));
            let unit = Span::at(at.saturating_add(size), len);
            if len < 2 || unit.end > sample.end {
                break;
            }
            let head = self.get(source, Span::at(unit.start, 2))?;
            if is_slice(kind, head) {
                break;
            }
            if len <= LONGEST_SET && ParameterSetKind::of(kind, head).is_some() {
                let set = trim_trailing_zeros(self.get(source, unit)?).to_vec();
                differ |= !force.sets.contains(&set);
                self.sets.push(set);
            }
            at = unit.end;
        }
        Ok(differ)
    }

    /// Bytes of the file; none if it ends before them.
    fn get(&mut self, source: &dyn ByteSource, span: Span) -> Result<&[u8]> {
        let held = Span::at(self.base, self.bytes.len() as u64);
        if !held.contains(span) {
            let want = usize::try_from(span.len()).unwrap_or(HEAD).max(HEAD);
            self.bytes.resize(want, 0);
            let got = source.read_at(span.start, &mut self.bytes)?;
            self.bytes.truncate(got);
            self.base = span.start;
        }
        let from = usize::try_from(span.start - self.base).unwrap_or(usize::MAX);
        let to = usize::try_from(span.end - self.base).unwrap_or(usize::MAX);
        Ok(self.bytes.get(from..to).unwrap_or_default())
    }
}

/// Whether a NAL unit with this head is of a picture (H.264 table 7-1, H.265
/// table 7-1): parameter sets of the picture stand before it.
fn is_slice(entry_type: [u8; 4], head: &[u8]) -> bool {
    match &entry_type {
        b"avc1" => h264::NalType::of(head).is_some_and(h264::NalType::is_vcl),
        _ => h265::NalHeader::of(head).is_some_and(|h| h.nal_type.0 < 32),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tapo_bmff::BoxWriter;
    use tapo_codec::h265::HevcConfig;

    const VPS: &[u8] = &[
        0x40, 0x01, 0x0c, 0x01, 0xff, 0xff, 0x01, 0x60, 0x00, 0x00, 0x03, 0x00, 0x90, 0x00, 0x00,
        0x03, 0x00, 0x00, 0x03, 0x00, 0x3c, 0xba, 0x02, 0x40,
    ];
    const SPS: &[u8] = &[
        0x42, 0x01, 0x01, 0x01, 0x60, 0x00, 0x00, 0x03, 0x00, 0x90, 0x00, 0x00, 0x03, 0x00, 0x00,
        0x03, 0x00, 0x3c, 0xa0, 0x0a, 0x08, 0x0f, 0x16, 0x5b, 0xa4, 0xa4, 0xc2, 0xf0, 0x16, 0x80,
        0x80, 0x00, 0x00, 0x03, 0x00, 0x80, 0x00, 0x00, 0x0c, 0x84,
    ];
    const PPS: &[u8] = &[0x44, 0x01, 0xc0, 0x73, 0xc1, 0x89];
    const OTHER: &[u8] = &[0x44, 0x01, 0xc1, 0x72, 0xb4, 0x62, 0x40];
    const AUD: &[u8] = &[0x46, 0x01, 0x50];
    const SLICE: &[u8] = &[0x26, 0x01, 0xac, 0x40];

    fn hevc(kind: &[u8; 4]) -> SampleDescription {
        let mut w = BoxWriter::new();
        w.boxed(kind, |w| {
            w.zeros(6).u16(1).zeros(16).u16(320).u16(240).zeros(50);
            w.boxed(b"hvcC", |w| {
                w.raw(&HevcConfig::build(&[VPS], &[SPS], &[PPS], true).unwrap());
            });
        });
        SampleDescription::parse(w.into_bytes(), FourCc(*b"vide")).unwrap()
    }

    /// The entries and the chunks of a track of these samples, all of them sync
    /// samples but for those that are the slice alone.
    fn made(entry: SampleDescription, samples: &[&[&[u8]]]) -> (usize, Vec<(u32, u32)>) {
        let mut track = Track {
            descriptions: vec![entry],
            ..Track::default()
        };
        let mut bytes = Vec::new();
        track.samples.start_chunk(0, 1);
        for units in samples {
            let from = bytes.len();
            for unit in *units {
                bytes.extend(u32::try_from(unit.len()).unwrap().to_be_bytes());
                bytes.extend_from_slice(unit);
            }
            let size = u32::try_from(bytes.len() - from).unwrap();
            track.samples.push(size, 1, 0, units.len() > 1).unwrap();
        }
        let mut movie = Movie {
            tracks: vec![track],
            ..Movie::default()
        };
        let before: Vec<Span> = movie.tracks[0].samples.iter().map(|s| s.span).collect();
        split(&mut movie, &bytes).unwrap();
        let track = &movie.tracks[0];
        let after: Vec<Span> = track.samples.iter().map(|s| s.span).collect();
        assert_eq!(before, after);
        let chunks = track.samples.chunks.iter();
        let chunks = chunks.map(|c| (c.description, c.samples)).collect();
        (track.descriptions.len(), chunks)
    }

    #[test]
    fn what_takes_the_place_of_a_set_makes_an_entry() {
        let same: &[&[u8]] = &[AUD, VPS, SPS, PPS, SLICE];
        let other: &[&[u8]] = &[AUD, VPS, SPS, OTHER, SLICE];
        let only: &[&[u8]] = &[AUD, SLICE];
        let slice: &[&[u8]] = &[SLICE];
        let (none, two) = ((1, vec![(1, 5)]), (2, vec![(1, 2), (2, 2), (1, 1)]));
        assert_eq!(made(hevc(b"hvc1"), &[same, slice, same, only, same]), none);
        assert_eq!(made(hevc(b"hvc1"), &[same, slice, other, only, same]), two);
        assert_eq!(made(hevc(b"hev1"), &[same, slice, other, only, same]), none);
        // Behind the slice they are of no picture that begins there.
        let late: &[&[u8]] = &[SLICE, OTHER];
        assert_eq!(made(hevc(b"hvc1"), &[same, slice, late, only, same]), none);
        let padded = [PPS, &[0, 0]].concat();
        let padded: &[&[u8]] = &[VPS, SPS, &padded, SLICE];
        assert_eq!(
            made(hevc(b"hvc1"), &[same, slice, padded, only, same]),
            none
        );
    }

    #[test]
    fn lengths_that_lie_lead_nowhere() {
        let broken: &[&[u8]] = &[AUD, &[]];
        let cut: &[&[u8]] = &[AUD, &OTHER[..2], SLICE];
        for lie in [broken, cut] {
            assert_eq!(made(hevc(b"hvc1"), &[lie, lie]), (1, vec![(1, 2)]));
        }
    }
}
