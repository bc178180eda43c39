use super::*;
use crate::durable::AHEAD;
use crate::leftovers;
use crate::testing::commands;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Mutex;

fn files(output: Output, sync: SyncPolicy) -> (Files, Arc<Mutex<Vec<Event>>>) {
    let told = Arc::new(Mutex::new(Vec::new()));
    let tell = Arc::clone(&told);
    let tell: Tell = Arc::new(move |event| tell.lock().unwrap().push(event));
    let namer = Namer::new("%Y/%H", true).unwrap();
    (Files::new("yard", output, namer, sync, tell), told)
}

fn samples(path: &Path) -> u64 {
    let file = tapo_io::PreadFile::open(path).unwrap();
    let read = tapo_movie::read(&file).unwrap();
    assert!(read.defects.is_empty(), "{:?}", read.defects);
    read.movie.unwrap().sample_count()
}

#[test]
fn segments_are_written_closed_and_final_under_names_of_their_own() {
    for sync in [
        SyncPolicy::Fragment,
        SyncPolicy::Interval(Duration::from_secs(1)),
        SyncPolicy::Off,
    ] {
        let dir = tempfile::tempdir().unwrap();
        let (mut files, told) = files(Output::Folder(dir.path().to_owned()), sync);
        for command in commands(6, Some(2)) {
            files.apply(Job::Command(command));
        }
        let written = files.finish().newest;
        let names: Vec<_> = written
            .iter()
            .map(|s| s.path.strip_prefix(dir.path()).unwrap().to_str().unwrap())
            .collect();
        assert_eq!(names, ["2027/08.mp4", "2027/08-1.mp4", "2027/08-2.mp4"]);
        for segment in &written {
            assert_eq!(segment.finalized, Some(tapo_finalize::How::Reveal));
            assert_eq!(segment.problem, None);
            let meta = std::fs::metadata(&segment.path).unwrap();
            assert_eq!(meta.len(), segment.summary.bytes);
            assert!(meta.blocks() * 512 < meta.len() + (1 << 20), "blocks ahead");
            assert_eq!(samples(&segment.path), 50);
        }
        let opened = |e: &&Event| matches!(e, Event::Opened { .. });
        assert_eq!(told.lock().unwrap().iter().filter(opened).count(), 3);
    }
}

#[test]
fn what_a_crash_leaves_is_found_and_finished() {
    let dir = tempfile::tempdir().unwrap();
    let output = Output::Folder(dir.path().to_owned());
    let (mut files, _) = files(output, SyncPolicy::Fragment);
    for command in commands(5, Some(900)) {
        if !matches!(command, Command::Close(_)) {
            files.apply(Job::Command(command));
        }
    }
    // While it is written it is nobody else's.
    assert!(leftovers::find(dir.path()).is_empty());
    let path = files.open.as_ref().unwrap().path().to_owned();
    let allocated = |path: &Path| std::fs::metadata(path).unwrap().blocks() * 512;
    let ahead = allocated(&path) > AHEAD;
    // As after a crash: nobody closes it.
    drop(files);
    std::fs::write(dir.path().join("other.mp4"), b"\0\0\0\x20ftypisom").unwrap();
    assert_eq!(leftovers::find(dir.path()), std::slice::from_ref(&path));
    let leftover = leftovers::finish(path.clone()).unwrap();
    assert_eq!(leftover.result.unwrap().samples, 125);
    assert_eq!(samples(&path), 125);
    assert!(
        !ahead || allocated(&path) < AHEAD,
        "blocks ahead are given back"
    );
    assert!(leftovers::find(dir.path()).is_empty());
}

#[test]
fn a_file_that_cannot_be_made_ends_recording_at_the_start_only() {
    let dir = tempfile::tempdir().unwrap();
    let blocked = dir.path().join("blocked");
    std::fs::write(&blocked, b"x").unwrap();
    let (mut failing, _) = files(Output::Folder(blocked.clone()), SyncPolicy::Fragment);
    for command in commands(1, Some(2)) {
        failing.apply(Job::Command(command));
    }
    let fatal = failing.shared.fatal.lock().unwrap().take();
    assert!(matches!(fatal, Some(Error::Io(_))), "{fatal:?}");

    // Later on it is a notice, and the wish for a new file.
    std::fs::remove_file(&blocked).unwrap();
    let (mut files, told) = files(Output::Folder(blocked.clone()), SyncPolicy::Fragment);
    for command in commands(6, Some(2)) {
        if matches!(&command, Command::Open(head) if head.number == 2) {
            std::fs::rename(&blocked, dir.path().join("away")).unwrap();
            std::fs::write(&blocked, b"x").unwrap();
        }
        files.apply(Job::Command(command));
    }
    assert!(files.shared.fatal.lock().unwrap().is_none());
    assert!(files.shared.cut.load(Ordering::Relaxed));
    assert_eq!(files.finish().newest.len(), 1);
    let notice = |e: &Event| matches!(e, Event::Notice { text, .. } if text.contains("lost"));
    assert!(told.lock().unwrap().iter().any(notice));
}

#[test]
fn one_file_is_not_replaced_unasked_and_goes_on_beside_itself() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("clip.mp4");
    std::fs::write(&path, b"precious").unwrap();
    let output = |replace| Output::File {
        path: path.clone(),
        replace,
    };
    let (mut refused, _) = files(output(false), SyncPolicy::Off);
    for command in commands(2, None) {
        refused.apply(Job::Command(command));
    }
    let fatal = refused.shared.fatal.lock().unwrap().take();
    assert!(matches!(
        fatal,
        Some(Error::Io(tapo_io::Error::Exists { .. }))
    ));
    assert_eq!(std::fs::read(&path).unwrap(), b"precious");

    let (mut files, _) = files(output(true), SyncPolicy::Off);
    for command in commands(2, None).into_iter().chain(commands(2, None)) {
        files.apply(Job::Command(command));
    }
    let written = files.finish().newest;
    assert_eq!(written[0].path, path);
    assert_eq!(written[1].path, dir.path().join("clip-1.mp4"));
    assert_eq!(samples(&path), 50);
}

#[test]
fn a_full_disk_costs_no_media_that_was_written() {
    let dir = tempfile::tempdir().unwrap();
    let (mut files, told) = files(Output::Folder(dir.path().to_owned()), SyncPolicy::Fragment);
    let full =
        |path: &Path| tapo_io::Error::io(path, "write", std::io::ErrorKind::StorageFull.into());
    let open_path = |files: &Files| files.open.as_ref().unwrap().path().to_owned();
    let mut commands = commands(3, Some(900)).into_iter();
    let head = commands.next().unwrap();
    files.apply(Job::Command(head.clone()));
    files.apply(Job::Command(commands.next().unwrap()));
    files.apply(Job::Command(commands.next().unwrap()));
    let path = open_path(&files);
    // What the write got onto the disk before it failed.
    let mut file = std::fs::OpenOptions::new()
        .append(true)
        .open(&path)
        .unwrap();
    std::io::Write::write_all(&mut file, &[0x5a; 3000]).unwrap();
    files.abandon(&full(&path));
    assert_eq!(samples(&path), 50);
    let last = files.written.newest.back().unwrap();
    assert_eq!(last.finalized, Some(tapo_finalize::How::Reveal));
    assert_eq!(last.summary.duration, Duration::from_secs(2));
    assert!(last.problem.is_some());

    // Files without media are not left, and it is told once. What comes meanwhile is counted.
    let fragment = commands.next().unwrap();
    for _ in 0..3 {
        files.apply(Job::Command(head.clone()));
        let empty = open_path(&files);
        files.abandon(&full(&empty));
        assert!(!empty.exists());
        files.apply(Job::Command(fragment.clone()));
    }
    let notices = |word: &str| {
        let told = told.lock().unwrap();
        let found = |e: &&Event| matches!(e, Event::Notice { text, .. } if text.contains(word));
        told.iter().filter(found).count()
    };
    assert_eq!(notices("media is lost until"), 1);
    files.apply(Job::Command(head));
    assert_eq!(notices("again; media of"), 0);
    files.apply(Job::Command(fragment));
    assert_eq!(notices("again; media of 3.0 s is lost"), 1);
    assert!(files.shared.lost.lock().unwrap().is_some());
    assert_eq!(files.finish().newest.len(), 2);
}

#[test]
fn a_file_that_is_removed_while_it_is_written_is_told_and_another_one_begins() {
    let dir = tempfile::tempdir().unwrap();
    let (mut files, told) = files(Output::Folder(dir.path().to_owned()), SyncPolicy::Off);
    files.standing.enter(crate::State::Connected, 0);
    let mut commands = commands(3, Some(900)).into_iter();
    let head = commands.next().unwrap();
    files.apply(Job::Command(head.clone()));
    files.apply(Job::Command(commands.next().unwrap()));
    std::fs::remove_dir_all(dir.path().join("2027")).unwrap();
    files.apply(Job::Command(commands.next().unwrap()));
    assert!(files.open.is_none() && files.shared.cut.load(Ordering::Relaxed));
    let missed = files.shared.missed.lock().unwrap().duration;
    assert_eq!(missed, Duration::from_secs(2));
    files.apply(Job::Command(head));
    files.apply(Job::Command(commands.next().unwrap()));
    let written = files.finish().newest;
    assert!(written[0].problem.as_ref().unwrap().contains("removed"));
    assert_eq!(samples(&written[1].path), 25);
    // It is written all the time.
    let told = told.lock().unwrap();
    let states = told.iter().filter(|e| matches!(e, Event::State { .. }));
    assert_eq!(states.count(), 2, "{told:?}");
}

#[test]
fn a_first_file_that_cannot_be_made_is_tried_again_where_that_was_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let blocked = dir.path().join("blocked");
    std::fs::write(&blocked, b"x").unwrap();
    let (files, told) = files(Output::Folder(blocked.clone()), SyncPolicy::Off);
    let mut files = files.patient(true);
    files.standing.enter(crate::State::Connected, 0);
    for command in commands(6, Some(2)) {
        if matches!(&command, Command::Open(head) if head.number == 2) {
            std::fs::remove_file(&blocked).unwrap();
        }
        files.apply(Job::Command(command));
    }
    assert!(files.shared.fatal.lock().unwrap().is_none());
    assert_eq!(files.finish().newest.len(), 2);
    let told = told.lock().unwrap();
    let states = told.iter().filter_map(|e| match e {
        Event::State { state, .. } => Some(state.as_str()),
        _ => None,
    });
    assert_eq!(
        states.collect::<Vec<_>>(),
        ["connected", "blocked", "recording"]
    );
}

#[test]
fn a_file_that_somebody_records_into_is_not_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let output = Output::File {
        path: dir.path().join("clip.mp4"),
        replace: true,
    };
    let (mut first, _) = files(output.clone(), SyncPolicy::Off);
    let (mut second, _) = files(output, SyncPolicy::Off);
    let mut commands = commands(2, None).into_iter();
    let head = commands.next().unwrap();
    first.apply(Job::Command(head.clone()));
    second.apply(Job::Command(head));
    let fatal = second.shared.fatal.lock().unwrap().take();
    assert!(
        matches!(fatal, Some(Error::Io(tapo_io::Error::InUse { .. }))),
        "{fatal:?}"
    );
    first.apply(Job::Command(commands.next().unwrap()));
    assert_eq!(samples(&first.finish().newest[0].path), 25);
}

#[test]
fn a_small_file_is_replaced_whole() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(".tapo/yard.profile.json");
    replace(&path, b"one".to_vec()).unwrap();
    replace(&path, b"2".to_vec()).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), b"2");
}
