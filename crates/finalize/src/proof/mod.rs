//! The proof: whatever a power cut leaves of finalize or undo, the file is open
//! or final, finalize goes on, and undo gives the original bytes back. And the
//! proof of the proof: without any one barrier it fails.

mod append;
mod clip;
mod cut;
mod hostile;
mod layouts;
mod mutants;

use crate::outcome::How;
use crate::{Error, plan};
use std::collections::BTreeSet;
use tapo_io::{ByteSource, Op, SimDisk, WritePlan};
use tapo_movie::Read;

/// A packet as a player gets it: track, decode and presentation time in ticks
/// of 720 MHz with edit lists applied, sync flag, bytes.
type Packet = (u32, i128, i128, bool, Vec<u8>);

const CLOCK: i128 = 720_000_000;

/// The packets of a file; `None` if it is no movie.
fn packets(file: &[u8]) -> Option<Vec<Packet>> {
    packets_of(file, tapo_movie::read(&file).unwrap())
}

/// The same with those of a torn fragment that are there.
fn packets_to_end(file: &[u8]) -> Option<Vec<Packet>> {
    packets_of(file, tapo_movie::read_to_end(&file).unwrap())
}

fn packets_of(file: &[u8], read: Read) -> Option<Vec<Packet>> {
    let movie = read.movie?;
    let movie_tick = CLOCK / i128::from(movie.header.timescale);
    let mut all = Vec::new();
    for track in &movie.tracks {
        let tick = CLOCK / i128::from(track.timescale);
        let mut shift = 0;
        for edit in &track.edits {
            match edit.media_time {
                None => shift += i128::from(edit.duration) * movie_tick,
                Some(time) => {
                    shift -= i128::from(time) * tick;
                    break;
                }
            }
        }
        for s in &track.samples {
            let bytes = file.get(s.span.start as usize..s.span.end as usize)?;
            let dts = i128::from(s.dts) * tick + shift;
            let pts = i128::from(s.pts()) * tick + shift;
            all.push((track.header.id, dts, pts, s.sync, bytes.to_vec()));
        }
    }
    Some(all)
}

/// Whether a file is a plain movie: one `moov`, no fragments, whole boxes.
fn is_plain(file: &[u8]) -> bool {
    let read = tapo_movie::read(&file).unwrap();
    let count = |kind: &[u8; 4]| read.top.iter().filter(|b| b.kind == kind).count();
    let ends = read.top.last().is_some_and(|b| b.span.end == read.size);
    let no_mvex = |m: &tapo_movie::Movie| m.tracks.iter().all(|t| t.defaults.is_none());
    ends && read.top.iter().all(|b| b.whole)
        && (count(b"moov"), count(b"mdat"), count(b"moof")) == (1, 1, 0)
        && read.movie.as_ref().is_some_and(no_mvex)
}

fn carried_out(file: &[u8], writes: &WritePlan) -> SimDisk {
    let mut disk = SimDisk::new(file.to_vec());
    writes.execute(&mut disk).unwrap();
    disk
}

/// All states that a power cut may leave of `writes`, each once.
fn states(file: &[u8], writes: &WritePlan) -> BTreeSet<Vec<u8>> {
    let mut all = BTreeSet::from([file.to_vec()]);
    carried_out(file, writes).crash_states().for_each(|state| {
        if !all.contains(state) {
            all.insert(state.to_vec());
        }
    });
    all
}

/// A state with what is noted beside it. The real disk syncs a note when it is
/// made, so that every state after that step has it.
struct Noted<'a> {
    file: &'a [u8],
    len: Option<u64>,
}

impl ByteSource for Noted<'_> {
    fn len(&self) -> u64 {
        ByteSource::len(&self.file)
    }
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> tapo_io::Result<usize> {
        self.file.read_at(offset, buf)
    }
    fn noted_len(&self) -> Option<u64> {
        self.len
    }
}

/// What `writes` note beside the file.
fn note(writes: &WritePlan) -> Option<u64> {
    writes.ops.iter().find_map(|op| match op {
        Op::Note(len) => *len,
        _ => None,
    })
}

/// What is true of a file before, amid and after finalize.
struct Invariant {
    original: Vec<u8>,
    /// What is noted beside the file.
    note: Option<u64>,
    /// Of the whole fragments.
    packets: Vec<Packet>,
    /// And of the torn one.
    all: Vec<Packet>,
}

impl Invariant {
    fn of(original: Vec<u8>) -> Self {
        let packets = packets(&original).unwrap();
        let all = packets_to_end(&original).unwrap();
        assert!(!all.is_empty());
        Self {
            original,
            note: None,
            packets,
            all,
        }
    }

    /// The same, amid `writes` on the original.
    fn amid(original: &[u8], writes: &WritePlan) -> Self {
        Self {
            note: note(writes),
            ..Self::of(original.to_vec())
        }
    }

    /// Checks one state: what is in it, that finalize makes it final, that undo
    /// makes it the original.
    fn holds(&self, state: &[u8]) -> Result<(), String> {
        let open = packets(state).as_ref() == Some(&self.packets);
        if !open && packets(state).as_ref() != Some(&self.all) {
            return Err("the samples are others".into());
        }
        let finalized = self.finalized(state)?;
        for file in [state, &finalized] {
            let undone = self.undone(file)?;
            if undone != self.original {
                let lens = (file.len(), undone.len(), self.original.len());
                return Err(format!("undo gives other bytes {lens:?}"));
            }
        }
        Ok(())
    }

    fn finalized(&self, state: &[u8]) -> Result<Vec<u8>, String> {
        let plan = plan::finalize(&self.noted(state)).map_err(|e| format!("finalize: {e}"))?;
        if let Some(why) = plan.hazard {
            return Err(format!("finalize: {why}"));
        }
        let file = carried_out(state, &plan.writes).image().to_vec();
        if plan.outcome.size != file.len() as u64 {
            return Err("another size than was said".into());
        }
        if packets(&file).as_ref() != Some(&self.all) {
            return Err("the final samples are others".into());
        }
        if !is_plain(&file) {
            return Err("the final file is not a plain movie".into());
        }
        let again = plan::finalize(&self.noted(&file)).map_err(|e| format!("again: {e}"))?;
        if again.outcome.how != How::AlreadyFinal || !again.writes.ops.is_empty() {
            return Err("final, but not for finalize".into());
        }
        Ok(file)
    }

    fn undone(&self, file: &[u8]) -> Result<Vec<u8>, String> {
        match plan::undo(&self.noted(file)) {
            Ok((writes, undone)) => {
                let bytes = carried_out(file, &writes).image().to_vec();
                if undone.size != bytes.len() as u64 {
                    return Err("undo: another size than was said".into());
                }
                Ok(bytes)
            }
            Err(Error::NotFinal { .. }) => Ok(file.to_vec()),
            Err(e) => Err(format!("undo: {e}")),
        }
    }

    const fn noted<'a>(&self, file: &'a [u8]) -> Noted<'a> {
        let len = self.note;
        Noted { file, len }
    }

    /// Checks every state of `writes` on `file`; the first that fails, if any.
    fn holds_amid(&self, file: &[u8], writes: &WritePlan) -> Result<usize, String> {
        let states = states(file, writes);
        for state in &states {
            self.holds(state)
                .map_err(|e| format!("{e} (a state of {} bytes)", state.len()))?;
        }
        Ok(states.len())
    }
}

/// Checks all states of finalize, of undo, and of finalize and undo run again
/// on each of these. Returns how many there were.
fn prove(original: &[u8], how: How) -> usize {
    let plan = plan::finalize(&original).unwrap();
    let invariant = Invariant::amid(original, &plan.writes);
    assert_eq!((plan.hazard, plan.outcome.how), (None, how));
    let file = carried_out(original, &plan.writes).image().to_vec();
    let (undo, _) = plan::undo(&invariant.noted(&file)).unwrap();
    let mut count = 0;
    for (start, writes) in [(original, &plan.writes), (&file[..], &undo)] {
        count += invariant.holds_amid(start, writes).unwrap();
        for state in states(start, writes) {
            let again = plan::finalize(&invariant.noted(&state)).unwrap().writes;
            count += invariant.holds_amid(&state, &again).unwrap();
            if let Ok((again, _)) = plan::undo(&invariant.noted(&state)) {
                count += invariant.holds_amid(&state, &again).unwrap();
            }
        }
    }
    count
}

/// The plan without its `n`-th barrier.
fn without_barrier(plan: &WritePlan, n: usize) -> WritePlan {
    let mut seen = 0;
    let mut ops = plan.ops.clone();
    ops.retain(|op| {
        let barrier = *op == Op::Barrier;
        seen += usize::from(barrier);
        !barrier || seen != n + 1
    });
    WritePlan { ops }
}

fn barriers(plan: &WritePlan) -> usize {
    plan.ops.iter().filter(|op| **op == Op::Barrier).count()
}
