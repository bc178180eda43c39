//! Sectors of nothing but 0x00 or 0xFF in sound of plain numbers. Silence looks the same, and begins and ends anywhere; what
//! a card or disc lost begins and ends where its sectors do, amid sound.

use super::runs::in_chunks;
use super::{Harm, Harmed, SECTOR, SECTOR_BYTES};
use crate::Result;
use tapo_io::{ByteSource, Span};
use tapo_movie::Track;

/// Largest chunk that is read, bytes.
const LARGEST: u64 = 16 << 20;

/// Bytes to each side that must be sound, and how many values they must have.
const BESIDE: usize = 24;
const VALUES: usize = 8;

/// A byte may be 0 or 0xFF by chance in front of the sector and behind it.
const CHANCE: usize = 2;

/// Sample entries of numbers, one behind the other.
fn is_plain(kind: [u8; 4]) -> bool {
    matches!(
        &kind,
        b"sowt" | b"twos" | b"lpcm" | b"ipcm" | b"fpcm" | b"in24" | b"in32" | b"fl32" | b"fl64"
    ) || matches!(&kind, b"raw " | b"NONE")
}

/// Adds the samples of a track of plain numbers that such sectors hold.
pub(super) fn find(
    source: &dyn ByteSource,
    index: usize,
    track: &Track,
    all: &mut Vec<Harmed>,
) -> Result<()> {
    let plain = |d: &tapo_movie::SampleDescription| is_plain(d.kind().0);
    if track.is_video() || !track.descriptions.iter().all(plain) {
        return Ok(());
    }
    in_chunks(source, (index, &track.samples), all, |here, tell| {
        if here.len() < SECTOR_BYTES || here.len() > LARGEST {
            return Ok(());
        }
        for (byte, run) in lost(&source.read_span(here)?, here.start) {
            let harm = match byte {
                0 => Harm::Zeroed,
                _ => Harm::Erased,
            };
            tell(run, harm);
        }
        Ok(())
    })
}

/// Runs of sectors of one byte, 0x00 or 0xFF, with sound on both sides, in a chunk that stands at `base`.
fn lost(chunk: &[u8], base: u64) -> Vec<(u8, Span)> {
    let mut found: Vec<(u8, Span)> = Vec::new();
    let ahead = usize::try_from(base.next_multiple_of(SECTOR_BYTES) - base).unwrap_or(usize::MAX);
    let sectors = chunk.get(ahead..).unwrap_or_default();
    let mut at = base + ahead as u64;
    for sector in sectors.chunks_exact(SECTOR) {
        let first = sector.first().copied().unwrap_or(1);
        if matches!(first, 0 | 0xff) && sector.iter().all(|b| *b == first) {
            match found.last_mut() {
                Some((byte, run)) if *byte == first && run.end == at => run.end += SECTOR_BYTES,
                _ => found.push((first, Span::at(at, SECTOR_BYTES))),
            }
        }
        at += SECTOR_BYTES;
    }
    found.retain(|(byte, run)| {
        let place = |at: u64| usize::try_from(at - base).unwrap_or(usize::MAX);
        let before = chunk.get(..place(run.start)).unwrap_or_default();
        let behind = chunk.get(place(run.end)..).unwrap_or_default();
        is_sound(before.iter().rev(), *byte) && is_sound(behind.iter(), *byte)
    });
    found
}

/// Whether the bytes beside a run are not like it.
fn is_sound<'a>(beside: impl Iterator<Item = &'a u8>, byte: u8) -> bool {
    let mut beside: Vec<u8> = beside.take(BESIDE).copied().collect();
    let alike = beside.iter().take_while(|b| **b == byte).count();
    beside.sort_unstable();
    beside.dedup();
    alike <= CHANCE && beside.len() >= VALUES
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sound(len: u32) -> Vec<u8> {
        let wave = |i: u32| (i.wrapping_mul(i) >> 3).to_le_bytes()[0] | 1;
        (0..len)
            .map(wave)
            .map(|b| if b == 0xff { 0xfd } else { b })
            .collect()
    }

    #[test]
    fn sectors_amid_sound_are_lost_and_silence_is_not() {
        for (base, byte) in [(0, 0), (1000, 0xff), (48, 0)] {
            let mut chunk = sound(9000);
            assert_eq!(lost(&chunk, base), []);
            let at = usize::try_from(4096 - base).unwrap();
            chunk[at..at + 1024].fill(byte);
            assert_eq!(lost(&chunk, base), [(byte, Span::at(4096, 1024))]);
            // It goes on: silence.
            chunk[at - 9..at].fill(byte);
            assert_eq!(lost(&chunk, base), []);
            let mut quiet = vec![byte; 9000];
            quiet[..at].copy_from_slice(&sound(9000)[..at]);
            assert_eq!(lost(&quiet, base), []);
        }
    }
}
