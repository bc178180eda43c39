//! Writing a movie: the one encoder of `moov`.

use crate::description::UNDETERMINED;
use crate::encode_tables::{Fill, Records, pieces, tables};
use crate::{Columns, Edit, Movie, MovieHeader, RawBox, SampleTable, Track, rescale};
use tapo_bmff::BoxWriter;

/// Writes `moov` with full sample tables and without `mvex`: the index of a
/// plain, progressive file. Versions, `stco` or `co64`, and `ctts` come out as
/// the values need them; what is not modelled is written back verbatim.
///
/// A first decode time ([`SampleTable::start`]) has no place in `moov`: whoever
/// turns fragments into a plain movie puts it into the edit list.
#[must_use]
pub fn encode_moov(movie: &Movie) -> Vec<u8> {
    EncodedMoov::of(movie).to_bytes()
}

/// Bytes that [`encode_moov`] writes for this movie.
#[must_use]
pub fn encoded_moov_len(movie: &Movie) -> u64 {
    EncodedMoov::of(movie).len()
}

/// Writes `moov` with empty sample tables and `mvex`: the start of a fragmented
/// file. Durations are 0, edit lists open-ended as they are.
#[must_use]
pub fn encode_init(movie: &Movie) -> Vec<u8> {
    let empty = SampleTable::default();
    let tables = vec![&empty as &dyn Columns; movie.tracks.len()];
    encode(movie, &tables, Form::Init).to_bytes()
}

/// A `moov` whose tables are put together only when they are wanted: there may
/// be a million samples in them.
///
/// ```
/// let movie = tapo_movie::Movie::default();
/// let moov = tapo_movie::EncodedMoov::of(&movie);
/// let written: u64 = moov.pieces().map(|piece| piece.len() as u64).sum();
/// assert_eq!(written, moov.len());
/// ```
pub struct EncodedMoov<'a> {
    /// All but the records of the tables.
    frame: Vec<u8>,
    /// Where in the frame these stand.
    tables: Vec<(usize, Records<'a>)>,
    len: u64,
}

impl std::fmt::Debug for EncodedMoov<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let tables = self.tables.len();
        write!(f, "EncodedMoov({} bytes, {tables} tables)", self.len)
    }
}

impl<'a> EncodedMoov<'a> {
    /// What [`encode_moov`] writes.
    #[must_use]
    pub fn of(movie: &'a Movie) -> Self {
        let tables = movie.tracks.iter().map(|t| &t.samples as &dyn Columns);
        Self::with(movie, &tables.collect::<Vec<_>>())
    }

    /// The same with the samples of `tables`, by track, instead of the movie's
    /// own.
    #[must_use]
    pub fn with(movie: &Movie, tables: &[&'a dyn Columns]) -> Self {
        encode(movie, tables, Form::Plain)
    }

    /// Adds a box behind all others within it.
    pub fn add(&mut self, raw: &RawBox) {
        self.len += raw.bytes.len() as u64;
        self.frame.extend(&raw.bytes);
        // A `moov` that is beyond 32 bits is large already, or becomes so.
        let large = self.frame.starts_with(&1_u32.to_be_bytes());
        match u32::try_from(self.len) {
            Ok(len) if !large => self.patch(0, &len.to_be_bytes()),
            _ => {
                if !large {
                    self.frame.splice(8..8, [0; 8]);
                    self.tables.iter_mut().for_each(|(at, _)| *at += 8);
                    self.len += 8;
                }
                self.patch(0, &1_u32.to_be_bytes());
                self.patch(8, &self.len.to_be_bytes());
            }
        }
    }

    fn patch(&mut self, at: usize, bytes: &[u8]) {
        for (to, from) in self.frame.iter_mut().skip(at).zip(bytes) {
            *to = *from;
        }
    }

    /// Its bytes, all in all.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a box is never empty")]
    pub const fn len(&self) -> u64 {
        self.len
    }

    /// Its bytes, some at a time.
    pub fn pieces(&self) -> impl Iterator<Item = Vec<u8>> {
        let starts = std::iter::once(0).chain(self.tables.iter().map(|(at, _)| *at));
        let ends = self.tables.iter().map(|(at, _)| *at);
        let frame = starts.zip(ends.chain([self.frame.len()]));
        let frame = frame.map(|(start, end)| self.frame.get(start..end).unwrap_or_default());
        let mut tables = self.tables.iter();
        let fills = frame.flat_map(move |part| {
            let records = tables.next().map(|(_, records)| records.begin());
            std::iter::once(Fill::of(part)).chain(records)
        });
        pieces(fills)
    }

    /// All of it.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(usize::try_from(self.len).unwrap_or(0));
        self.pieces().for_each(|piece| bytes.extend(piece));
        bytes
    }
}

#[derive(Copy, Clone, Eq, PartialEq)]
enum Form {
    Plain,
    Init,
}

fn encode<'a>(movie: &Movie, tables: &[&'a dyn Columns], form: Form) -> EncodedMoov<'a> {
    let mut w = BoxWriter::new();
    let mut records = Vec::new();
    w.boxed(b"moov", |w| {
        let tracks = || movie.tracks.iter().zip(tables);
        let durations = tracks().map(|(t, s)| track_duration(t, *s, movie, form));
        mvhd(w, &movie.header, durations.max().unwrap_or(0));
        for (track, samples) in tracks() {
            trak(w, track, *samples, movie, form, &mut records);
        }
        if form == Form::Init {
            w.boxed(b"mvex", |w| movie.tracks.iter().for_each(|t| trex(w, t)));
        }
        raw(w, &movie.other);
    });
    let (frame, left_out) = w.into_parts();
    let left: u64 = left_out.iter().map(|(_, len)| len).sum();
    EncodedMoov {
        len: frame.len() as u64 + left,
        frame,
        tables: left_out
            .into_iter()
            .map(|(at, _)| at)
            .zip(records)
            .collect(),
    }
}

fn raw(w: &mut BoxWriter, boxes: &[RawBox]) {
    for raw in boxes {
        w.raw(&raw.bytes);
    }
}

/// How long a track shows, ticks of the movie's timescale.
fn track_duration(track: &Track, samples: &dyn Columns, movie: &Movie, form: Form) -> u64 {
    if form == Form::Init {
        return 0;
    }
    if track.edits.is_empty() {
        let media = samples.duration();
        return rescale(media, track.timescale, movie.header.timescale);
    }
    let lengths = track.edits.iter().map(|e| e.duration);
    lengths.fold(0, u64::saturating_add)
}

/// Writes numbers with 32 bits in version 0 of a box and 64 in version 1.
fn number(w: &mut BoxWriter, version: u8, value: u64) {
    match u32::try_from(value) {
        Ok(value) if version == 0 => w.u32(value),
        _ => w.u64(value),
    };
}

/// Version 1 if one of the values needs it. All ones means "unknown" and is
/// kept for that in either version.
fn version(values: &[u64]) -> u8 {
    u8::from(values.iter().any(|v| *v >= u64::from(u32::MAX)))
}

fn matrix(w: &mut BoxWriter, matrix: &[i32; 9]) {
    for value in matrix {
        w.u32(value.cast_unsigned());
    }
}

fn mvhd(w: &mut BoxWriter, header: &MovieHeader, duration: u64) {
    let times = [header.creation_time, header.modification_time];
    let v = version(&[times[0], times[1], duration]);
    w.full(b"mvhd", v, 0, |w| {
        times.iter().for_each(|t| number(w, v, *t));
        w.u32(header.timescale);
        number(w, v, duration);
        w.u32(header.rate).u16(header.volume).zeros(10);
        matrix(w, &header.matrix);
        w.zeros(24).u32(header.next_track_id);
    });
}

fn trak<'a>(
    w: &mut BoxWriter,
    track: &Track,
    samples: &'a dyn Columns,
    movie: &Movie,
    form: Form,
    records: &mut Vec<Records<'a>>,
) {
    w.boxed(b"trak", |w| {
        tkhd(w, track, track_duration(track, samples, movie, form));
        edts(w, &track.edits);
        w.boxed(b"mdia", |w| {
            mdhd(w, track, samples.duration());
            hdlr(w, track);
            raw(w, &track.other_mdia);
            w.boxed(b"minf", |w| {
                media_header(w, track);
                match &track.data_information {
                    Some(dinf) if !refers_to_nothing(dinf) => raw(w, std::slice::from_ref(dinf)),
                    _ => self_contained(w),
                }
                raw(w, &track.other_minf);
                w.boxed(b"stbl", |w| {
                    stsd(w, track);
                    tables(w, track, samples, records);
                    raw(w, &track.other_stbl);
                });
            });
        });
        raw(w, &track.other);
    });
}

fn tkhd(w: &mut BoxWriter, track: &Track, duration: u64) {
    let header = &track.header;
    let times = [header.creation_time, header.modification_time];
    let v = version(&[times[0], times[1], duration]);
    w.full(b"tkhd", v, header.flags, |w| {
        times.iter().for_each(|t| number(w, v, *t));
        w.u32(header.id).u32(0);
        number(w, v, duration);
        w.zeros(8).u16(header.layer).u16(header.alternate_group);
        w.u16(header.volume).u16(0);
        matrix(w, &header.matrix);
        w.u32(header.width).u32(header.height);
    });
}

fn edts(w: &mut BoxWriter, edits: &[Edit]) {
    if edits.is_empty() {
        return;
    }
    // A media time is signed: 31 bits of version 0 are for values.
    let large = |e: &Edit| {
        e.duration > u64::from(u32::MAX) || e.media_time.is_some_and(|t| t > 0x7fff_ffff)
    };
    let v = u8::from(edits.iter().any(large));
    w.boxed(b"edts", |w| {
        w.full(b"elst", v, 0, |w| {
            w.u32(u32::try_from(edits.len()).unwrap_or(u32::MAX));
            for edit in edits {
                number(w, v, edit.duration);
                match edit.media_time {
                    Some(time) => number(w, v, time),
                    None if v == 0 => {
                        w.u32(u32::MAX);
                    }
                    None => {
                        w.u64(u64::MAX);
                    }
                }
                w.u32(edit.rate);
            }
        });
    });
}

fn mdhd(w: &mut BoxWriter, track: &Track, duration: u64) {
    let times = [track.media_creation_time, track.media_modification_time];
    let v = version(&[times[0], times[1], duration]);
    w.full(b"mdhd", v, 0, |w| {
        times.iter().for_each(|t| number(w, v, *t));
        w.u32(track.timescale);
        number(w, v, duration);
        let undetermined = track.language == 0 && track.handler_box.is_empty();
        w.u16(if undetermined {
            UNDETERMINED
        } else {
            track.language
        });
        w.u16(track.quality);
    });
}

/// Whether a `dinf` holds a `dref` (§8.7.2) that counts no entry, or whose first entry has no size (which says "to the
/// end of the file", §4.2): a damaged one, which players refuse.
fn refers_to_nothing(dinf: &RawBox) -> bool {
    // The header of each, version and flags.
    let is_zero = |at| dinf.bytes.get(at..at + 4) == Some(&[0; 4]);
    dinf.bytes.get(12..16) == Some(b"dref") && (is_zero(20) || is_zero(24))
}

fn hdlr(w: &mut BoxWriter, track: &Track) {
    if !track.handler_box.is_empty() {
        w.boxed(b"hdlr", |w| {
            w.raw(&track.handler_box);
        });
        return;
    }
    let name: &[u8] = match &track.handler.0 {
        b"vide" => b"VideoHandler\0",
        b"soun" => b"SoundHandler\0",
        _ => b"DataHandler\0",
    };
    w.full(b"hdlr", 0, 0, |w| {
        w.u32(0).four(track.handler).zeros(12).raw(name);
    });
}

fn media_header(w: &mut BoxWriter, track: &Track) {
    match (&track.media_header, &track.handler.0) {
        (Some(header), _) => raw(w, std::slice::from_ref(header)),
        (None, b"vide") => w.full(b"vmhd", 0, 1, |w| {
            w.zeros(8);
        }),
        (None, b"soun") => w.full(b"smhd", 0, 0, |w| {
            w.zeros(4);
        }),
        (None, _) => w.full(b"nmhd", 0, 0, |_| {}),
    }
}

/// `dinf`: the media is in this file (§8.7.2, flag 1 of `url `).
fn self_contained(w: &mut BoxWriter) {
    w.boxed(b"dinf", |w| {
        w.full(b"dref", 0, 0, |w| {
            w.u32(1);
            w.full(b"url ", 0, 1, |_| {});
        });
    });
}

fn stsd(w: &mut BoxWriter, track: &Track) {
    w.full(b"stsd", 0, 0, |w| {
        w.u32(u32::try_from(track.descriptions.len()).unwrap_or(u32::MAX));
        for description in &track.descriptions {
            w.raw(description.entry.raw());
        }
    });
}

fn trex(w: &mut BoxWriter, track: &Track) {
    let defaults = track.defaults.unwrap_or_default();
    w.full(b"trex", 0, 0, |w| {
        w.u32(track.header.id).u32(defaults.description.max(1));
        w.u32(defaults.duration)
            .u32(defaults.size)
            .u32(defaults.flags);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_duration_stays_unknown() {
        assert_eq!(version(&[u64::from(u32::MAX) - 1]), 0);
        assert_eq!(version(&[u64::MAX]), 1);
    }

    #[test]
    fn a_data_reference_to_nothing_is_not_written_back() {
        let written = |dinf: Option<BoxWriter>| {
            let data_information = dinf.map(|w| RawBox {
                kind: tapo_bmff::FourCc(*b"dinf"),
                bytes: w.into_bytes(),
            });
            let track = Track {
                data_information,
                ..Track::default()
            };
            encode_moov(&Movie {
                tracks: vec![track],
                ..Movie::default()
            })
        };
        let dref = |entries: u32| {
            let mut w = BoxWriter::new();
            w.boxed(b"dinf", |w| {
                w.full(b"dref", 0, 0, |w| {
                    w.u32(entries);
                    w.full(b"alis", 0, 1, |_| {});
                });
            });
            Some(w)
        };
        assert_eq!(written(dref(0)), written(None));
        assert_ne!(written(dref(1)), written(None));
        // An entry whose size is 0.
        let mut open = BoxWriter::new();
        open.boxed(b"dinf", |w| {
            w.full(b"dref", 0, 0, |w| {
                w.u32(1);
                w.raw(b"\0\0\0\0url \0\0\0\x01");
            });
        });
        assert_eq!(written(Some(open)), written(None));
    }

    #[test]
    fn a_box_that_is_added_is_one_that_was_there() {
        let raw = RawBox {
            kind: tapo_bmff::FourCc(*b"free"),
            bytes: b"\0\0\0\x0bfree...".to_vec(),
        };
        let mut movie = Movie {
            tracks: vec![Track::default()],
            ..Movie::default()
        };
        let plain = movie.clone();
        let mut moov = EncodedMoov::of(&plain);
        moov.add(&raw);
        movie.other.push(raw);
        assert_eq!(moov.to_bytes(), encode_moov(&movie));
        assert_eq!(moov.len(), encoded_moov_len(&movie));
    }
}
