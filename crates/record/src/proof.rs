//! The proof: whatever a power cut leaves of a recording, every sample that a sync has acknowledged is there, byte for byte. And
//! the proof of the proof: without any one barrier it fails.

use crate::durable::{Growing, SyncPolicy};
use crate::segmenter::Command;
use crate::testing::{commands, commands_with_sound};
use std::path::Path;
use std::process::{Command as Process, Stdio};
use std::time::Duration;
use tapo_io::{Op, SimDisk, WritePlan};

/// Seeded power cuts of each recording.
const CUTS: usize = 10_000;

/// A sample: track, decode time, sync flag, bytes.
type Sample = (u32, u64, bool, Vec<u8>);

/// The samples of each track, in order; `None` if the file is no movie.
fn samples(file: &[u8]) -> Option<Vec<Vec<Sample>>> {
    let movie = tapo_movie::read(&file).unwrap().movie?;
    let track = |t: &tapo_movie::Track| {
        let sample = |s: tapo_movie::Sample| {
            let at = |n: u64| usize::try_from(n).ok();
            // What lies behind the end of what is left is no sample of it.
            let bytes = file.get(at(s.span.start)?..at(s.span.end)?)?.to_vec();
            Some((t.header.id, s.dts, s.sync, bytes))
        };
        t.samples.iter().map_while(sample).collect()
    };
    Some(movie.tracks.iter().map(track).collect())
}

/// A recording as it was written to a simulated disk.
struct Recorded {
    disk: SimDisk,
    /// After so many steps so many samples of each track were acknowledged.
    acknowledged: Vec<(usize, Vec<usize>)>,
    samples: Vec<Vec<Sample>>,
}

impl Recorded {
    /// Records with the real segmenter, by the real order of writes.
    fn new(seconds: u64, policy: SyncPolicy) -> Self {
        let mut acknowledged = Vec::new();
        let mut file = None;
        for command in commands(seconds, Some(60)) {
            match command {
                Command::Open(head) => {
                    file = Some(
                        Growing::begin(
                            SimDisk::default(),
                            head.bytes,
                            policy,
                            crate::durable::AHEAD,
                        )
                        .unwrap(),
                    );
                    continue;
                }
                Command::Fragment(fragment) => file.as_mut().unwrap().append(fragment.bytes),
                Command::Close(_) => file.as_mut().unwrap().close(),
            }
            .unwrap();
            let disk = &file.as_ref().unwrap().disk;
            let ops = disk.plan().ops;
            if matches!(ops.last(), Some(Op::Barrier | Op::SyncDir)) {
                let there = samples(disk.image()).unwrap();
                acknowledged.push((ops.len(), there.iter().map(Vec::len).collect()));
            }
        }
        let disk = file.unwrap().disk;
        Self {
            samples: samples(disk.image()).unwrap(),
            disk,
            acknowledged,
        }
    }

    /// The same with other steps, though what was acknowledged when is still claimed.
    fn with(&self, ops: Vec<Op>) -> Self {
        let mut disk = SimDisk::default();
        WritePlan { ops }.execute(&mut disk).unwrap();
        Self {
            disk,
            acknowledged: self.acknowledged.clone(),
            samples: self.samples.clone(),
        }
    }

    /// Samples of each track that last once so many steps are done.
    fn due(&self, done: usize) -> Vec<&[Sample]> {
        let acknowledged = self.acknowledged.iter().rev().find(|(at, _)| *at <= done);
        let counts = acknowledged.map(|(_, counts)| counts.as_slice());
        let tracks = self.samples.iter().zip(counts.unwrap_or_default());
        tracks.map(|(all, count)| &all[..*count]).collect()
    }

    /// Checks seeded power cuts; the first at which something is lost.
    fn holds(&self, cuts: usize, mut look: impl FnMut(&[u8], &[&[Sample]])) -> Result<(), String> {
        for (n, cut) in self.disk.draw(cuts, 0x7a90).enumerate() {
            let due = self.due(cut.done);
            let Some(left) = cut.left else {
                if due.iter().any(|d| !d.is_empty()) {
                    return Err(format!("cut {n}: the file has no name"));
                }
                continue;
            };
            let there = samples(&left).unwrap_or_default();
            for (track, due) in due.iter().enumerate() {
                let there = there.get(track).map_or(&[][..], Vec::as_slice);
                if there.get(..due.len()) != Some(*due) {
                    let (done, len) = (cut.done, left.len());
                    return Err(format!(
                        "cut {n} after step {done}: of {len} bytes not all that lasts"
                    ));
                }
            }
            look(&left, &due);
        }
        Ok(())
    }
}

#[test]
fn every_acknowledged_sample_survives_10_000_power_cuts() {
    for (policy, synced, cuts) in [
        (SyncPolicy::Fragment, 9, CUTS),
        (SyncPolicy::Interval(Duration::ZERO), 9, CUTS / 10),
        (
            SyncPolicy::Interval(Duration::from_secs(3600)),
            1,
            CUTS / 10,
        ),
        (SyncPolicy::Off, 1, CUTS / 10),
    ] {
        let recorded = Recorded::new(8, policy);
        let (_, all) = recorded.acknowledged.last().unwrap();
        assert_eq!(all, &[200], "closed: {policy:?}");
        assert_eq!(recorded.acknowledged.len(), synced, "{policy:?}");
        recorded.holds(cuts, |_, _| {}).unwrap();
    }
}

#[test]
fn what_a_power_cut_leaves_is_finished_with_all_that_lasts() {
    let recorded = Recorded::new(8, SyncPolicy::Fragment);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("left.mp4");
    let mut finished = 0;
    let mut n = 0;
    let check = |left: &[u8], due: &[&[Sample]]| {
        n += 1;
        if n % 30 != 0 || due.iter().all(|d| d.is_empty()) {
            return;
        }
        std::fs::write(&path, left).unwrap();
        let done = tapo_finalize::finalize(&path, &tapo_finalize::Options::default());
        done.unwrap_or_else(|e| panic!("state {n}: {e}"));
        let file = std::fs::read(&path).unwrap();
        let there = samples(&file).unwrap();
        for (there, due) in there.iter().zip(due) {
            assert_eq!(there.get(..due.len()), Some(*due), "state {n}");
        }
        finished += 1;
    };
    recorded.holds(CUTS, check).unwrap();
    assert!(finished > 200, "{finished}");
}

/// Without the sync of any one fragment, or of the name, something would be lost: the proof notices.
#[test]
fn without_any_one_barrier_the_proof_fails() {
    let recorded = Recorded::new(8, SyncPolicy::Fragment);
    let ops = recorded.disk.plan().ops;
    let mutable = |op: &Op| matches!(op, Op::Barrier | Op::SyncDir);
    let places: Vec<_> = (0..ops.len()).filter(|i| mutable(&ops[*i])).collect();
    assert!(places.len() > 9);
    // The head's own barrier alone may go: that of the first fragment makes both last, and nothing was acknowledged before.
    for place in &places[1..] {
        let mut without = ops.clone();
        without[*place] = Op::Allocate(tapo_io::Span::default());
        let lost = recorded.with(without).holds(CUTS, |_, _| {});
        // When the file is closed all media has been acknowledged: only the blocks ahead are given back.
        let closing = *place == ops.len() - 1;
        assert_eq!(lost.is_err(), !closing, "without step {place}");
    }
    // A sync before the write instead of behind it.
    let mut swapped = ops;
    for i in 1..swapped.len() {
        if matches!(swapped[i], Op::Barrier) && matches!(swapped[i - 1], Op::Write { .. }) {
            swapped.swap(i - 1, i);
        }
    }
    assert!(recorded.with(swapped).holds(CUTS, |_, _| {}).is_err());
}

/// What FFmpeg makes of a file: the MD5 of each packet of a track.
fn packets(path: &Path, track: &str) -> Vec<String> {
    let mut probe = Process::new("ffprobe");
    probe.args(["-v", "quiet", "-show_data_hash", "md5"]);
    probe.args(["-select_streams", track, "-show_entries"]);
    probe.args(["packet=data_hash", "-of", "csv=p=0"]).arg(path);
    let text = String::from_utf8(probe.output().unwrap().stdout).unwrap();
    text.lines().map(str::to_owned).collect()
}

fn has_ffprobe() -> bool {
    let version = Process::new("ffprobe")
        .arg("-version")
        .stdout(Stdio::null())
        .status();
    let required = std::env::var_os("TAPO_PEERS").is_some_and(|v| v == "require");
    let has = version.is_ok();
    assert!(
        has || !required,
        "ffprobe not found, and TAPO_PEERS=require"
    );
    if !has {
        eprintln!("skipped: ffprobe not found");
    }
    has
}

#[test]
fn ffprobe_reads_what_lasts() {
    if !has_ffprobe() {
        return;
    }
    let recorded = Recorded::new(8, SyncPolicy::Fragment);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("left.mp4");
    std::fs::write(&path, recorded.disk.image()).unwrap();
    let all = packets(&path, "v");
    assert_eq!(all.len(), 200);
    let (mut n, mut read) = (0, 0);
    let check = |left: &[u8], due: &[&[Sample]]| {
        n += 1;
        let due = due.iter().map(|d| d.len()).sum();
        if n % 30 != 0 || read >= 200 || due == 0 {
            return;
        }
        read += 1;
        std::fs::write(&path, left).unwrap();
        let there = packets(&path, "v");
        assert_eq!(there.get(..due), Some(&all[..due]), "state {n}");
    };
    recorded.holds(CUTS, check).unwrap();
    assert_eq!(read, 200);
}

/// Of the boxes in front of a fragment's media any sectors may be missing: FFmpeg reads what was there before.
#[test]
fn whatever_sectors_of_a_moof_are_missing_ffprobe_reads_the_fragments_before_it() {
    const SECTOR: usize = 512;
    if !has_ffprobe() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("left.mp4");
    let mut file = Vec::new();
    let mut tried = 0;
    for command in commands_with_sound(4) {
        let fragment = match command {
            Command::Open(head) => {
                file.extend(head.bytes);
                continue;
            }
            Command::Fragment(fragment) => fragment.bytes,
            Command::Close(_) => continue,
        };
        std::fs::write(&path, &file).unwrap();
        let before = ["v", "a"].map(|track| packets(&path, track));
        let began = file.len();
        file.extend(&fragment);
        if before.iter().any(Vec::is_empty) {
            continue;
        }
        let boxes = began + fragment.windows(4).position(|w| w == b"mdat").unwrap() + 4;
        let sectors: Vec<_> = (began / SECTOR..boxes.div_ceil(SECTOR)).collect();
        assert!(sectors.len() >= 3);
        for lost in 1_u32..1 << sectors.len() {
            let mut left = file.clone();
            for (bit, sector) in sectors.iter().enumerate() {
                if lost >> bit & 1 != 0 {
                    let end = left.len().min((sector + 1) * SECTOR);
                    left[began.max(sector * SECTOR)..end].fill(0);
                }
            }
            std::fs::write(&path, &left).unwrap();
            for (track, before) in ["v", "a"].iter().zip(&before) {
                let there = packets(&path, track);
                let case = format!("{began}: {lost:b} of {} sectors, {track}", sectors.len());
                assert_eq!(there.get(..before.len()), Some(&before[..]), "{case}");
            }
            tried += 1;
        }
    }
    assert!(tried >= 20, "{tried}");
}
