use super::*;
use crate::durable::SyncPolicy;
use crate::files::Files;
use crate::names::Namer;
use crate::outcome::Event;
use crate::segmenter::Command;
use crate::testing::commands;
use crate::writer::{Job, Output};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use tapo_io::{Disk, Lock, Op, SimDisk, protect};

/// A disk of this many bytes with files on it.
#[derive(Debug)]
struct Disks {
    room: u64,
    files: BTreeMap<PathBuf, (Segment, SimDisk)>,
    /// Files that somebody takes while the folder is looked at.
    taken: Vec<PathBuf>,
}

impl Disks {
    fn new(room: u64, segments: impl IntoIterator<Item = Segment>) -> Self {
        let disk = |s: Segment| (s.path.clone(), (s, SimDisk::new(vec![7; 64])));
        Self {
            room,
            files: segments.into_iter().map(disk).collect(),
            taken: Vec::new(),
        }
    }

    fn is_there(disk: &SimDisk) -> bool {
        !disk.plan().ops.contains(&Op::Remove)
    }

    fn left(&self) -> Vec<&Segment> {
        let there = self.files.values().filter(|(_, disk)| Self::is_there(disk));
        let mut left: Vec<_> = there.map(|(segment, _)| segment).collect();
        left.sort_by_key(|s| s.started);
        left
    }
}

impl Shelf for Disks {
    fn each(&self, take: &mut dyn FnMut(Segment)) {
        self.left().into_iter().cloned().for_each(take);
    }

    fn free(&self) -> Option<u64> {
        let used: u64 = self.left().iter().map(|s| s.bytes).sum();
        Some(self.room.saturating_sub(used))
    }

    fn remove(&mut self, segment: &Segment) -> tapo_io::Result<bool> {
        if self.taken.contains(&segment.path) {
            return Ok(false);
        }
        let (_, disk) = self.files.get_mut(&segment.path).unwrap();
        disk.apply(&Op::Remove)?;
        disk.apply(&Op::SyncDir)?;
        Ok(true)
    }
}

const HOUR: i64 = 3_600_000_000_000;

fn segment(hour: u8, bytes: u64, held: bool) -> Segment {
    Segment {
        path: PathBuf::from(format!("{hour}.mp4")),
        started: WallClock(i64::from(hour) * HOUR),
        bytes,
        held,
        camera: 0,
    }
}

fn hours(gone: &[Gone]) -> Vec<String> {
    let name = |g: &Gone| g.segment.path.display().to_string();
    gone.iter().map(name).collect()
}

#[test]
fn what_ended_longer_ago_goes_and_the_newest_stays() {
    let keep = Keep {
        age: Some(Duration::from_secs(5 * 3600)),
        ..Keep::default()
    };
    let all = || (0..10).map(|hour| segment(hour, 100, hour == 1));
    let mut some = Retention::new(keep, Disks::new(0, all()));
    // The third ends when the fourth begins: at 3.
    let gone = some.tidy(WallClock(8 * HOUR), None);
    assert_eq!(hours(&gone), ["0.mp4"]);
    let gone = some.tidy(WallClock(8 * HOUR + 1), None);
    assert_eq!(hours(&gone), ["2.mp4"]);
    assert!(gone.iter().all(|g| g.why == Why::Age));
    assert_eq!(some.tidy(WallClock(1000 * HOUR), None).len(), 6);
    let left: Vec<_> = some
        .shelf
        .left()
        .iter()
        .map(|s| s.started.0 / HOUR)
        .collect();
    assert_eq!(left, [1, 9]);
    // Only age was named: a full disk takes nothing that is not old.
    let mut some = Retention::new(keep, Disks::new(0, all()));
    assert!(some.make_room(WallClock(0), None).is_empty());
    assert_eq!(some.make_room(WallClock(8 * HOUR), None).len(), 1);
    assert!(some.make_room(WallClock(8 * HOUR), None).is_empty());
}

/// A clock that goes wrong by years takes a day of what is kept, however long it
/// stays wrong, and whether or not it is put right.
#[test]
fn a_clock_years_ahead_removes_no_more_than_a_day_would() {
    const YEARS: i64 = 10 * 365 * 24 * HOUR;
    let keep = Keep {
        age: Some(Duration::from_secs(72 * 3600)),
        ..Keep::default()
    };
    let mut all: Vec<_> = (0..72).map(|hour| segment(hour, 100, false)).collect();
    for hour in 0..10 {
        let mut wrong = segment(100 + hour, 100, false);
        wrong.started.0 += YEARS;
        all.push(wrong);
    }
    let mut some = Retention::new(keep, Disks::new(0, all));
    let gone = some.tidy(WallClock(YEARS + 109 * HOUR), Some(Path::new("109.mp4")));
    let want: Vec<_> = (0..31).map(|hour| format!("{hour}.mp4")).collect();
    assert_eq!(hours(&gone), want);
    // Put right, it goes on as if nothing had been.
    assert!(some.tidy(WallClock(95 * HOUR), None).is_empty());
}

#[test]
fn a_full_disk_costs_the_oldest_one_at_a_time() {
    let keep = Keep {
        free: Some(0),
        ..Keep::default()
    };
    let all = (0..4).map(|hour| segment(hour, 100, false));
    let mut some = Retention::new(keep, Disks::new(400, all));
    assert!(some.tidy(WallClock(i64::MAX), None).is_empty());
    some.shelf.taken.push("0.mp4".into());
    for name in ["1.mp4", "2.mp4"] {
        let gone = some.make_room(WallClock(0), None).pop().unwrap();
        assert_eq!(
            (gone.segment.path.to_str(), gone.why),
            (Some(name), Why::Full)
        );
    }
    assert!(some.make_room(WallClock(0), None).is_empty());
}

/// A day that was protected does not cost every recording after it.
#[test]
fn what_is_protected_takes_no_room_of_others() {
    let keep = Keep {
        size: Some(300),
        ..Keep::default()
    };
    let all = (0..9).map(|hour| segment(hour, 100, hour < 5));
    let mut some = Retention::new(keep, Disks::new(0, all));
    let gone = some.tidy(WallClock(0), None);
    assert_eq!(hours(&gone), ["5.mp4"]);
    assert_eq!(some.shelf.left().len(), 8);
}

/// What others put on the disk does not cost recordings that would not help.
#[test]
fn what_cannot_be_kept_free_costs_nothing() {
    let kept_free = |free, room| {
        let keep = Keep {
            free: Some(free),
            ..Keep::default()
        };
        let all = (0..6).map(|hour| segment(hour, 100, hour == 1));
        Retention::new(keep, Disks::new(room, all))
    };
    // Of 6, one is held and one the newest: 400 may go, and 200 are free.
    let mut some = kept_free(600, 800);
    assert_eq!(some.beyond_now(None), None);
    let gone = some.tidy(WallClock(0), None);
    assert_eq!(hours(&gone), ["0.mp4", "2.mp4", "3.mp4", "4.mp4"]);
    let mut some = kept_free(601, 800);
    assert!(some.tidy(WallClock(0), None).is_empty());
    let beyond = Beyond {
        wanted: 601,
        possible: 600,
    };
    assert_eq!(some.beyond_now(None), Some(beyond));
    // A disk that is full still takes the oldest.
    assert_eq!(some.make_room(WallClock(0), None).len(), 1);
}

/// More than are known one by one: the oldest go all the same, some at a time, and what cannot
/// be removed is in nobody's way.
#[test]
fn of_very_many_the_oldest_go() {
    const ALL: i64 = 1000;
    let all = || {
        (0..ALL).rev().map(|n| Segment {
            path: PathBuf::from(format!("{n:04}.mp4")),
            started: WallClock(n * HOUR),
            ..segment(0, 100, n % 10 == 0)
        })
    };
    let keep = Keep {
        size: Some(30_000),
        ..Keep::default()
    };
    let mut some = Retention::new(keep, Disks::new(0, all()));
    // 899 may go, and the newest counts too: 600 are too many.
    let mut gone = Vec::new();
    loop {
        let more = some.tidy(WallClock(ALL * HOUR), None);
        assert!(more.len() <= left::WINDOW);
        if more.is_empty() {
            break;
        }
        gone.extend(hours(&more));
    }
    let want: Vec<_> = (0..ALL)
        .filter(|n| n % 10 != 0)
        .take(600)
        .map(|n| format!("{n:04}.mp4"))
        .collect();
    assert_eq!(gone, want);

    let keep = Keep {
        free: Some(0),
        ..Keep::default()
    };
    let mut some = Retention::new(keep, Disks::new(0, all()));
    some.shelf.taken = all()
        .map(|s| s.path)
        .filter(|p| p.to_str() < Some("0900"))
        .collect();
    let gone = some.make_room(WallClock(0), None);
    assert_eq!(hours(&gone), ["0901.mp4"]);
    let keep = Keep {
        age: Some(Duration::from_secs(3600)),
        ..Keep::default()
    };
    let mut some = Retention::new(keep, Disks::new(0, all()));
    some.shelf.taken = all()
        .map(|s| s.path)
        .filter(|p| p.to_str() < Some("0900"))
        .collect();
    assert_eq!(some.tidy(WallClock(ALL * HOUR), None).len(), 88);
}

proptest! {
    /// Whatever the limits and the clock: none that is held, none that is open and not the newest goes;
    /// no more than is asked for, the oldest first.
    #[test]
    fn nothing_goes_that_must_stay(
        all in prop::collection::vec((0..200_u8, 1..1000_u64, any::<bool>()), 0..20),
        open in 0..20_usize,
        age in prop::option::of(1..200_u64),
        size in prop::option::of(0..8000_u64),
        free in prop::option::of(0..8000_u64),
        now in -10..400_i64,
        full in 0..4,
    ) {
        let age = age.map(|hours| Duration::from_secs(hours * 3600));
        let keep = Keep { age, size, free };
        let by_hour: BTreeMap<u8, Segment> =
            all.iter().map(|(hour, bytes, held)| (*hour, segment(*hour, *bytes, *held))).collect();
        let open = by_hour.values().nth(open).map(|s| s.path.clone());
        let newest = by_hour.values().next_back().map(|s| s.path.clone());
        let now = WallClock(now * HOUR);
        let mut some = Retention::new(keep, Disks::new(8000, by_hour.values().cloned()));
        let mut gone = some.tidy(now, open.as_deref());
        for at in gone.windows(2) {
            prop_assert!(at[0].segment.started < at[1].segment.started);
        }
        for _ in 0..full {
            gone.extend(some.make_room(now, open.as_deref()));
        }
        for g in &gone {
            prop_assert!(!g.segment.held, "held");
            prop_assert!(Some(&g.segment.path) != open.as_ref(), "open");
            prop_assert!(Some(&g.segment.path) != newest.as_ref(), "newest");
        }
        if !keep.is_limited() {
            prop_assert!(gone.is_empty());
        }
        // A power cut leaves each file whole or gone, and one that went stays so.
        for (_, disk) in some.shelf.files.values() {
            for drawn in disk.draw(8, 5) {
                let whole = drawn.left.as_ref().is_none_or(|left| left[..] == [7; 64]);
                prop_assert!(whole && (drawn.done < 2 || drawn.left.is_none()));
            }
        }
    }
}

/// What the writer says, and its files of two seconds.
fn recorded(dir: &Path, keep: Keep, seconds: u64) -> Vec<Event> {
    let told = Arc::new(Mutex::new(Vec::new()));
    let tell = Arc::clone(&told);
    let namer = Namer::new("%Y/%H", true).unwrap();
    let output = Output::Folder(dir.to_owned());
    let tell = Arc::new(move |event| tell.lock().unwrap().push(event));
    let mut files = Files::new("yard", output, namer, SyncPolicy::Off, tell).keeping(keep);
    for command in commands(seconds, Some(2)) {
        files.apply(Job::Command(command));
    }
    files.finish();
    std::mem::take(&mut *told.lock().unwrap())
}

fn names(dir: &Path) -> Vec<String> {
    let mut names = crate::leftovers::files(dir);
    names.sort();
    let name = |p: &PathBuf| p.strip_prefix(dir).unwrap().display().to_string();
    names.iter().map(name).collect()
}

#[test]
fn of_a_real_folder_only_own_free_segments_go() {
    let dir = tempfile::tempdir().unwrap();
    recorded(dir.path(), Keep::default(), 10);
    let of = |name: &str| dir.path().join("2027").join(name);
    let all = ["08-1.mp4", "08-2.mp4", "08-3.mp4", "08-4.mp4", "08.mp4"];
    assert_eq!(names(&dir.path().join("2027")), all);
    // Protected, locked, renamed, from elsewhere, of another camera, a link.
    assert!(protect(&of("08-1.mp4"), true).unwrap());
    let locked = std::fs::File::open(of("08-2.mp4")).unwrap();
    let _lock = Lock::exclusive(&locked, &of("08-2.mp4")).unwrap();
    std::fs::rename(of("08-3.mp4"), of("evidence.mp4")).unwrap();
    std::fs::write(of("08-9.mp4"), b"foreign").unwrap();
    std::os::unix::fs::symlink(of("08.mp4"), of("08-7.mp4")).unwrap();
    let bytes = std::fs::read(of("08-4.mp4")).unwrap();
    let other = bytes.windows(4).position(|w| w == b"yard").unwrap();
    let mut other_camera = bytes.clone();
    other_camera[other..other + 4].copy_from_slice(b"door");
    std::fs::write(of("08-8.mp4"), other_camera).unwrap();
    let before = names(dir.path());

    let keep = Keep {
        size: Some(0),
        ..Keep::default()
    };
    let told = recorded(dir.path(), keep, 2);
    let removed = told.iter().filter_map(|event| match event {
        Event::Removed { path, why, .. } => Some((path.clone(), *why)),
        _ => None,
    });
    let removed: Vec<_> = removed.collect();
    // All began at the same time: the newest is the last by name, and stays.
    assert_eq!(removed, [(of("08-4.mp4"), Why::Size)]);
    let mut after = before;
    after.retain(|name| name != "2027/08-4.mp4");
    let left = names(dir.path());
    assert!(after.iter().all(|name| left.contains(name)), "{left:?}");
    assert!(of("evidence.mp4").exists() && of("08-7.mp4").is_symlink());
}

/// What is allocated ahead of a file that is written is given back: no recording goes for it.
#[test]
fn blocks_allocated_ahead_are_none_of_what_a_recording_takes() {
    use std::os::unix::fs::MetadataExt;
    let dir = tempfile::tempdir().unwrap();
    recorded(dir.path(), Keep::default(), 2);
    let path = dir.path().join("2027").join("08.mp4");
    let folder = Folder {
        path: dir.path().to_owned(),
        camera: "yard".to_owned(),
        namer: Namer::new("%Y/%H", true).unwrap(),
    };
    let bytes = |path: &Path| {
        let mut bytes = None;
        folder.each(&mut |s| bytes = bytes.or((s.path == path).then_some(s.bytes)));
        bytes.unwrap()
    };
    let before = bytes(&path);
    let len = path.metadata().unwrap().len();
    let mut disk = tapo_io::RealDisk::open(&path).unwrap();
    disk.apply(&Op::Allocate(tapo_io::Span::at(len, 4 << 20)))
        .unwrap();
    let taken = path.metadata().unwrap().blocks() * 512;
    if taken < len + (4 << 20) {
        eprintln!("skipped: this file system allocates nothing ahead");
        return;
    }
    assert_eq!(bytes(&path), before.max(len.next_multiple_of(4096)));
}

/// A sync that finds the disk full ends the file, and makes room for the next.
#[test]
fn a_full_disk_that_only_a_sync_notices_costs_the_oldest_too() {
    let dir = tempfile::tempdir().unwrap();
    recorded(dir.path(), Keep::default(), 4);
    let keep = Keep {
        free: Some(0),
        ..Keep::default()
    };
    let told = Arc::new(Mutex::new(Vec::new()));
    let tell = Arc::clone(&told);
    let tell = Arc::new(move |event| tell.lock().unwrap().push(event));
    let namer = Namer::new("%Y/%H", true).unwrap();
    let output = Output::Folder(dir.path().to_owned());
    let mut files = Files::new("yard", output, namer, SyncPolicy::Fragment, tell).keeping(keep);
    for command in commands(2, Some(900)).into_iter().take(2) {
        files.apply(Job::Command(command));
    }
    let full = std::io::ErrorKind::StorageFull.into();
    files.abandon(&tapo_io::Error::io(dir.path(), "sync", full));
    let told = told.lock().unwrap();
    let gone = |e: &&Event| matches!(e, Event::Removed { why: Why::Full, .. });
    assert_eq!(told.iter().filter(gone).count(), 1);
}

/// The file that is written is the newest, and not the only one that stays.
#[test]
fn the_file_that_is_written_never_goes() {
    let dir = tempfile::tempdir().unwrap();
    let keep = Keep {
        size: Some(0),
        ..Keep::default()
    };
    let told = Arc::new(Mutex::new(0));
    let tell = Arc::clone(&told);
    let tell = Arc::new(move |event| {
        *tell.lock().unwrap() += u32::from(matches!(event, Event::Removed { .. }));
    });
    let namer = Namer::new("%Y/%H", true).unwrap();
    let output = Output::Folder(dir.path().to_owned());
    let mut files = Files::new("yard", output, namer, SyncPolicy::Fragment, tell).keeping(keep);
    for command in commands(12, Some(2)) {
        let opened = matches!(command, Command::Open(_));
        files.apply(Job::Command(command));
        assert!(!opened || !names(dir.path()).is_empty());
        assert!(names(dir.path()).len() <= 2);
    }
    assert!(!names(dir.path()).is_empty());
    assert!(*told.lock().unwrap() >= 4);
}
