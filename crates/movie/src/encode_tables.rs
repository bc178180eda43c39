//! The tables within `stbl`: what stands in front of their records is written at
//! once, the records when they are wanted.

use crate::{Columns, SampleDescription, SizeColumn, Track};
use std::iter;
use tapo_bmff::BoxWriter;

/// Bytes that are put together at a time.
const PIECE: usize = 64 << 10;

/// Appends some more bytes; `false` behind the last.
type More<'a> = Box<dyn FnMut(&mut Vec<u8>) -> bool + 'a>;

/// Bytes that are put together when they are wanted.
pub(crate) struct Fill<'a> {
    more: More<'a>,
}

impl<'a> Fill<'a> {
    /// Bytes that are there.
    pub(crate) fn of(part: &'a [u8]) -> Self {
        let more = move |bytes: &mut Vec<u8>| {
            bytes.extend(part);
            false
        };
        Self {
            more: Box::new(more),
        }
    }
}

/// Bytes that follow each other, some at a time.
pub(crate) fn pieces<'a>(
    mut fills: impl Iterator<Item = Fill<'a>>,
) -> impl Iterator<Item = Vec<u8>> {
    let mut fill = fills.next();
    iter::from_fn(move || {
        let mut piece = Vec::new();
        while piece.len() < PIECE
            && let Some(now) = &mut fill
        {
            if !(now.more)(&mut piece) {
                fill = fills.next();
            }
        }
        (!piece.is_empty()).then_some(piece)
    })
}

/// The records of a table.
pub(crate) struct Records<'a> {
    begin: Box<dyn Fn() -> Fill<'a> + 'a>,
}

impl<'a> Records<'a> {
    fn new<const N: usize, I>(records: impl Fn() -> I + 'a) -> Self
    where
        I: Iterator<Item = [u8; N]> + 'a,
    {
        let begin = move || {
            let mut records = records();
            let more = move |bytes: &mut Vec<u8>| {
                for record in records.by_ref() {
                    bytes.extend(record);
                    if bytes.len() >= PIECE {
                        return true;
                    }
                }
                false
            };
            Fill {
                more: Box::new(more),
            }
        };
        Self {
            begin: Box::new(begin),
        }
    }

    /// Begins with the first.
    pub(crate) fn begin(&self) -> Fill<'a> {
        (self.begin)()
    }
}

/// Writes the `count` of the records, and leaves them for later.
fn records<'a, const N: usize, I>(
    w: &mut BoxWriter,
    later: &mut Vec<Records<'a>>,
    count: usize,
    records: impl Fn() -> I + 'a,
) where
    I: Iterator<Item = [u8; N]> + 'a,
{
    w.u32(u32::try_from(count).unwrap_or(u32::MAX));
    w.leave_out((count * N) as u64);
    later.push(Records::new(records));
}

/// Two numbers of a record.
fn pair(first: u32, second: u32) -> [u8; 8] {
    (u64::from(first) << 32 | u64::from(second)).to_be_bytes()
}

/// Writes `stts` to `stco` of a track.
pub(crate) fn tables<'a>(
    w: &mut BoxWriter,
    track: &Track,
    samples: &'a dyn Columns,
    later: &mut Vec<Records<'a>>,
) {
    w.full(b"stts", 0, 0, |w| {
        let runs = || samples.durations().map(|(n, d)| pair(n, d));
        records(w, later, samples.durations().count(), runs);
    });
    if let Some(sync) = samples.sync() {
        let count = sync.count();
        w.full(b"stss", 0, 0, |w| {
            let numbers = || samples.sync().into_iter().flatten();
            records(w, later, count, move || numbers().map(u32::to_be_bytes));
        });
    }
    if let Some(offsets) = samples.composition_offsets() {
        let (mut count, mut negative) = (0, false);
        for (_, offset) in offsets {
            count += 1;
            negative |= offset < 0;
        }
        let v = u8::from(negative);
        w.full(b"ctts", v, 0, |w| {
            let runs = || samples.composition_offsets().into_iter().flatten();
            records(w, later, count, move || {
                runs().map(|(n, o)| pair(n, o.cast_unsigned()))
            });
        });
    }
    chunk_tables(w, samples, lists_sizes(track, samples), later);
}

/// Whether every size must be listed though all are equal: of G.711 packets (and those
/// of PCM) with one size for all, GStreamer 1.22 plays 200 bytes in 64,000, and VLC
/// loses the last second. Single samples (QuickTime's way) are read right, and a
/// count that only a hostile file has is not written out.
fn lists_sizes(track: &Track, samples: &dyn Columns) -> bool {
    // Bytes of a sample of all channels.
    let bare = |d: &SampleDescription| match &d.kind().0 {
        b"alaw" | b"ulaw" => Some(1),
        b"twos" => d.channels().map(|channels| 2 * channels),
        _ => None,
    };
    let SizeColumn::Constant { size, count } = samples.sizes() else {
        return false;
    };
    let mut bare = track.descriptions.iter().filter_map(bare);
    count < 1 << 24 && bare.any(|one| size > one)
}

fn chunk_tables<'a>(
    w: &mut BoxWriter,
    samples: &'a dyn Columns,
    list_sizes: bool,
    later: &mut Vec<Records<'a>>,
) {
    let chunks = || samples.chunks().filter(|c| c.samples > 0);
    let runs = move || {
        let mut last = None;
        chunks().zip(1_u32..).map(move |(chunk, number)| {
            let run = (chunk.samples, chunk.description);
            let begins = last.replace(run) != Some(run);
            (chunk, begins.then_some((number, run)))
        })
    };
    let (mut count, mut begins, mut far) = (0, 0, false);
    for (chunk, run) in runs() {
        count += 1;
        begins += usize::from(run.is_some());
        far |= chunk.offset > u64::from(u32::MAX);
    }
    w.full(b"stsc", 0, 0, |w| {
        let record = |(first, (count, description)): (u32, (u32, u32))| {
            let mut record = [0; 12];
            let numbers = [first, count, description].map(u32::to_be_bytes);
            for (to, from) in record.iter_mut().zip(numbers.as_flattened()) {
                *to = *from;
            }
            record
        };
        let runs = move || runs().filter_map(|(_, run)| run);
        records(w, later, begins, move || runs().map(record));
    });
    w.full(b"stsz", 0, 0, |w| match samples.sizes() {
        SizeColumn::Constant { size, count } if !list_sizes => {
            w.u32(size).u32(count);
        }
        SizeColumn::Constant { size, count } => {
            w.u32(0);
            let sizes = move || iter::repeat_n(size.to_be_bytes(), count as usize);
            records(w, later, count as usize, sizes);
        }
        SizeColumn::Each(_) => {
            w.u32(0);
            let sizes = move || match samples.sizes() {
                SizeColumn::Each(sizes) => sizes,
                SizeColumn::Constant { .. } => Box::new(iter::empty()),
            };
            let count = samples.count() as usize;
            records(w, later, count, move || sizes().map(u32::to_be_bytes));
        }
    });
    if far {
        w.full(b"co64", 0, 0, |w| {
            records(w, later, count, move || {
                chunks().map(|c| c.offset.to_be_bytes())
            });
        });
    } else {
        w.full(b"stco", 0, 0, |w| {
            let near = |offset| u32::try_from(offset).unwrap_or(u32::MAX);
            records(w, later, count, move || {
                chunks().map(move |c| near(c.offset).to_be_bytes())
            });
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_of_g711_have_their_sizes_listed() {
        let mut track = Track {
            descriptions: vec![SampleDescription::g711(b"alaw").unwrap()],
            ..Track::default()
        };
        for _ in 0..5 {
            track.samples.push(160, 160, 0, true).unwrap();
        }
        assert!(lists_sizes(&track, &track.samples));
        let len = |list| {
            let mut w = BoxWriter::new();
            chunk_tables(&mut w, &track.samples, list, &mut Vec::new());
            let (bytes, left_out) = w.into_parts();
            bytes.len() as u64 + left_out.iter().map(|g| g.1).sum::<u64>()
        };
        // Two channels of PCM, as packets and as QuickTime has them.
        for (size, listed) in [(640, true), (4, false)] {
            let mut pcm = Track {
                descriptions: vec![SampleDescription::pcm16(16_000, 2).unwrap()],
                ..Track::default()
            };
            pcm.samples.push(size, 160, 0, true).unwrap();
            pcm.samples.push(size, 160, 0, true).unwrap();
            assert_eq!(lists_sizes(&pcm, &pcm.samples), listed);
        }
        assert_eq!(len(true), len(false) + 5 * 4);
    }
}
