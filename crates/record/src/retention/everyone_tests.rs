use super::*;
use crate::durable::SyncPolicy;
use crate::files::Files;
use crate::names::Namer;
use crate::testing::commands;
use crate::url::CameraUrl;
use crate::writer::{Job, Output};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::Arc;

/// Three cameras with a folder each, and files of two seconds in them.
fn recorded(dir: &Path, keep: Keep, seconds: [u64; 3]) -> (Everyone, Vec<CameraOptions>) {
    let mut all = Vec::new();
    for (name, seconds) in ["a", "b", "c"].into_iter().zip(seconds) {
        let url = CameraUrl::parse("rtsp://127.0.0.1:9/1").unwrap();
        let output = Output::Folder(dir.join(name));
        let mut options = CameraOptions::new(name, url, output.clone());
        options.keep = keep;
        options.pattern = "%s".to_owned();
        let namer = Namer::new("%s", true).unwrap();
        let mut files = Files::new("yard", output, namer, SyncPolicy::Off, Arc::new(drop));
        for command in commands(seconds, Some(2)) {
            files.apply(Job::Command(command));
        }
        files.finish();
        // The commands are of a camera called so.
        options.name = "yard".to_owned();
        all.push(options);
    }
    let everyone = Everyone::default();
    let namer = Namer::new("%s", true).unwrap();
    everyone.set(None, all.iter().map(|options| (options, &namer)));
    (everyone, all)
}

fn left(dir: &Path) -> [usize; 3] {
    ["a", "b", "c"].map(|name| crate::leftovers::files(&dir.join(name)).len())
}

fn bytes(dir: &Path) -> u64 {
    let files: Vec<PathBuf> = crate::leftovers::files(dir);
    files
        .iter()
        .map(|f| f.metadata().unwrap().blocks() * 512)
        .sum()
}

#[test]
fn what_all_may_take_costs_the_oldest_whoevers_they_are() {
    let dir = tempfile::tempdir().unwrap();
    let (everyone, all) = recorded(dir.path(), Keep::default(), [8, 4, 2]);
    let folder = dir.path().join("c");
    assert_eq!(left(dir.path()), [4, 2, 1]);
    assert!(everyone.tidy(None, 0, &folder, None).0.is_empty());
    // One byte too much costs one file.
    let namer = Namer::new("%s", true).unwrap();
    let pairs = || all.iter().map(|options| (options, &namer));
    everyone.set(Some(bytes(dir.path()) - 1), pairs());
    assert_eq!(everyone.tidy(None, 0, &folder, None).0.len(), 1);
    // The newest of each stays.
    everyone.set(Some(0), pairs());
    assert_eq!(everyone.tidy(None, 0, &folder, None).0.len(), 3);
    assert_eq!(left(dir.path()), [1, 1, 1]);
}

#[test]
fn a_camera_that_has_nothing_to_give_finds_room_with_the_others() {
    let dir = tempfile::tempdir().unwrap();
    let keep = Keep {
        free: Some(0),
        ..Keep::default()
    };
    let (everyone, _) = recorded(dir.path(), keep, [8, 4, 2]);
    let folder = dir.path().join("c");
    let free = tapo_io::free_space(&folder).unwrap();
    // Far more than there is: told, and nothing goes for it.
    let (gone, beyond) = everyone.tidy(Some(u64::MAX), 9, &folder, None);
    assert!(gone.is_empty() && beyond.is_some(), "{free} {gone:?}");
    assert_eq!(everyone.make_room(&folder, None).len(), 1);
    assert_eq!(left(dir.path()).iter().sum::<usize>(), 6);
    for _ in 0..9 {
        everyone.make_room(&folder, None);
    }
    assert_eq!(left(dir.path()), [1, 1, 1]);
    // Who gives nothing way is left alone, unless there is a limit for all.
    let (everyone, all) = recorded(dir.path(), Keep::default(), [4, 4, 4]);
    assert!(everyone.make_room(&folder, None).is_empty());
    let namer = Namer::new("%s", true).unwrap();
    everyone.set(Some(u64::MAX), all.iter().map(|options| (options, &namer)));
    assert_eq!(everyone.make_room(&folder, None).len(), 1);
}
