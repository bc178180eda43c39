//! Writing a movie: the one encoder of `moov`.

use crate::description::UNDETERMINED;
use crate::{
    Edit, Movie, MovieHeader, RawBox, SampleDescription, SampleTable, Sizes, SyncSamples, Track,
    rescale,
};
use tapo_bmff::BoxWriter;

/// Writes `moov` with full sample tables and without `mvex`: the index of a
/// plain, progressive file. Versions, `stco` or `co64`, and `ctts` come out as
/// the values need them; what is not modelled is written back verbatim.
///
/// A first decode time ([`SampleTable::start`]) has no place in `moov`: whoever
/// turns fragments into a plain movie puts it into the edit list.
#[must_use]
pub fn encode_moov(movie: &Movie) -> Vec<u8> {
    encode(movie, Form::Plain)
}

/// Bytes that [`encode_moov`] writes for this movie.
#[must_use]
pub fn encoded_moov_len(movie: &Movie) -> u64 {
    encode_moov(movie).len() as u64
}

/// Writes `moov` with empty sample tables and `mvex`: the start of a fragmented
/// file. Durations are 0, edit lists open-ended as they are.
#[must_use]
pub fn encode_init(movie: &Movie) -> Vec<u8> {
    encode(movie, Form::Init)
}

#[derive(Copy, Clone, Eq, PartialEq)]
enum Form {
    Plain,
    Init,
}

fn encode(movie: &Movie, form: Form) -> Vec<u8> {
    let samples = usize::try_from(movie.sample_count()).unwrap_or(0);
    let mut w = BoxWriter::with_capacity(4096 + samples.min(1 << 24) * 5);
    w.boxed(b"moov", |w| {
        let durations = movie.tracks.iter().map(|t| track_duration(t, movie, form));
        mvhd(w, &movie.header, durations.max().unwrap_or(0));
        for track in &movie.tracks {
            trak(w, track, movie, form);
        }
        if form == Form::Init {
            w.boxed(b"mvex", |w| movie.tracks.iter().for_each(|t| trex(w, t)));
        }
        raw(w, &movie.other);
    });
    w.into_bytes()
}

fn raw(w: &mut BoxWriter, boxes: &[RawBox]) {
    for raw in boxes {
        w.raw(&raw.bytes);
    }
}

/// How long a track shows, ticks of the movie's timescale.
fn track_duration(track: &Track, movie: &Movie, form: Form) -> u64 {
    if form == Form::Init {
        return 0;
    }
    if track.edits.is_empty() {
        let media = track.samples.duration();
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

fn trak(w: &mut BoxWriter, track: &Track, movie: &Movie, form: Form) {
    w.boxed(b"trak", |w| {
        tkhd(w, track, track_duration(track, movie, form));
        edts(w, &track.edits);
        w.boxed(b"mdia", |w| {
            mdhd(w, track, form);
            hdlr(w, track);
            raw(w, &track.other_mdia);
            w.boxed(b"minf", |w| {
                media_header(w, track);
                match &track.data_information {
                    Some(dinf) => raw(w, std::slice::from_ref(dinf)),
                    None => self_contained(w),
                }
                raw(w, &track.other_minf);
                w.boxed(b"stbl", |w| {
                    stsd(w, track);
                    match form {
                        Form::Plain => tables(w, &track.samples, lists_sizes(track)),
                        Form::Init => tables(w, &SampleTable::default(), false),
                    }
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

fn mdhd(w: &mut BoxWriter, track: &Track, form: Form) {
    let duration = match form {
        Form::Plain => track.samples.duration(),
        Form::Init => 0,
    };
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

/// Whether every size must be listed though all are equal: of G.711 packets
/// with one size for all, GStreamer 1.22 plays 200 bytes in 64,000, and VLC
/// loses the last second. Single bytes (QuickTime's way) are read right, and a
/// count that only a hostile file has is not written out.
fn lists_sizes(track: &Track) -> bool {
    let g711 = |d: &SampleDescription| d.kind() == b"alaw" || d.kind() == b"ulaw";
    let (size, count) = match track.samples.sizes {
        Sizes::Constant { size, count } => (size, count),
        Sizes::Each(_) => return false,
    };
    size > 1 && count < 1 << 24 && track.descriptions.iter().any(g711)
}

fn tables(w: &mut BoxWriter, table: &SampleTable, list_sizes: bool) {
    let samples = table.len();
    let durations = fitted(table.durations.runs(), samples, None);
    w.full(b"stts", 0, 0, |w| {
        records(w, durations, |w, (n, d)| {
            w.u32(n).u32(d);
        });
    });
    if let SyncSamples::Listed(numbers) = &table.sync {
        w.full(b"stss", 0, 0, |w| {
            records(w, numbers.iter(), |w, n| {
                w.u32(*n);
            });
        });
    }
    if !table.composition_offsets.is_empty() {
        let offsets = table.composition_offsets.runs();
        let v = u8::from(offsets.iter().any(|(_, o)| *o < 0));
        let offsets = fitted(offsets, samples, Some(0));
        w.full(b"ctts", v, 0, |w| {
            records(w, offsets, |w, (n, o)| {
                w.u32(n).u32(o.cast_unsigned());
            });
        });
    }
    chunk_tables(w, table, list_sizes);
}

/// Runs for exactly `samples` samples: cut where they are too many, and where
/// they are too few made longer by `rest`, or by the last value.
fn fitted<T: Copy>(
    runs: &[(u32, T)],
    samples: u32,
    rest: Option<T>,
) -> impl Iterator<Item = (u32, T)> {
    let rest = rest.or(runs.last().map(|(_, v)| *v)).map(|v| (u32::MAX, v));
    let mut left = samples;
    runs.iter()
        .copied()
        .chain(rest)
        .map_while(move |(count, value)| {
            let count = count.min(left);
            left -= count;
            (count > 0).then_some((count, value))
        })
}

fn chunk_tables(w: &mut BoxWriter, table: &SampleTable, list_sizes: bool) {
    let chunks = || table.chunks.iter().filter(|c| c.samples > 0);
    w.full(b"stsc", 0, 0, |w| {
        let mut last = None;
        let runs = chunks().zip(1_u32..).filter_map(|(chunk, number)| {
            let run = (chunk.samples, chunk.description);
            (last.replace(run) != Some(run)).then_some((number, run))
        });
        records(w, runs, |w, (first, (count, description))| {
            w.u32(first).u32(count).u32(description);
        });
    });
    w.full(b"stsz", 0, 0, |w| match &table.sizes {
        Sizes::Constant { size, count } if !list_sizes => {
            w.u32(*size).u32(*count);
        }
        Sizes::Constant { size, count } => {
            w.u32(0);
            records(w, std::iter::repeat_n(size, *count as usize), |w, s| {
                w.u32(*s);
            });
        }
        Sizes::Each(sizes) => {
            w.u32(0);
            records(w, sizes.iter(), |w, s| {
                w.u32(*s);
            });
        }
    });
    let far = chunks().any(|c| c.offset > u64::from(u32::MAX));
    w.full(if far { b"co64" } else { b"stco" }, 0, 0, |w| {
        records(w, chunks(), |w, c| number(w, u8::from(far), c.offset));
    });
}

/// Writes a count and the records, however many they turn out to be.
fn records<T>(
    w: &mut BoxWriter,
    records: impl Iterator<Item = T>,
    mut write: impl FnMut(&mut BoxWriter, T),
) {
    let at = w.len();
    w.u32(0);
    let mut count = 0_u32;
    for record in records {
        write(w, record);
        count += 1;
    }
    w.patch(at, &count.to_be_bytes());
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
    fn runs_are_cut_or_continued_to_the_number_of_samples() {
        let fit = |n, rest| fitted(&[(3, 40), (2, 50)], n, rest).collect::<Vec<_>>();
        assert_eq!(fit(4, None), [(3, 40), (1, 50)]);
        assert_eq!(fit(7, None), [(3, 40), (2, 50), (2, 50)]);
        assert_eq!(fit(7, Some(0)), [(3, 40), (2, 50), (2, 0)]);
        assert_eq!(fit(0, None), []);
    }

    #[test]
    fn packets_of_g711_have_their_sizes_listed() {
        let mut track = Track {
            descriptions: vec![SampleDescription::g711(b"alaw").unwrap()],
            ..Track::default()
        };
        for _ in 0..5 {
            track.samples.push(160, 160, 0, true).unwrap();
        }
        assert!(lists_sizes(&track));
        let len = |list| {
            let mut w = BoxWriter::new();
            chunk_tables(&mut w, &track.samples, list);
            w.len()
        };
        assert_eq!(len(true), len(false) + 5 * 4);
    }

    #[test]
    fn an_unknown_duration_stays_unknown() {
        assert_eq!(version(&[u64::from(u32::MAX) - 1]), 0);
        assert_eq!(version(&[u64::MAX]), 1);
    }
}
