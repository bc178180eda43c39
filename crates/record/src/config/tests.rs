use super::*;
use crate::durable::SyncPolicy;
use crate::writer::Output;
use std::time::Duration;

fn parsed(text: &str) -> crate::Result<Vec<CameraOptions>> {
    let read = parse(text, Path::new("/etc/tapo/tapo.toml"), Path::new("/srv"));
    read.map(|read| read.cameras)
}

#[test]
fn cameras_are_read() {
    let cameras = parsed(
        "[[camera]]\nname = \"yard\"\nurl = \"rtsp://u:p@h/1\"\nsegment = \"1h 30m\"\n\
         sync = \"5s\"\nutc = true\npattern = \"%s\"\n\
         [[camera]]\nname = \"a/b\"\nurl = \"rtsp://h/2\"\nusername = \"x\"\noutput = \"v\"\n",
    );
    let cameras = cameras.unwrap();
    assert_eq!(cameras[0].segment, Duration::from_secs(5400));
    assert_eq!(
        cameras[0].sync,
        SyncPolicy::Interval(Duration::from_secs(5))
    );
    assert_eq!(cameras[0].url.credentials().unwrap().password, "p");
    assert!(matches!(&cameras[0].output, Output::Folder(f) if f == Path::new("/srv/yard")));
    assert!(matches!(&cameras[1].output, Output::Folder(f) if f == Path::new("/etc/tapo/v")));
    assert_eq!(cameras[1].url.credentials().unwrap().username, "x");
}

#[test]
fn the_example_shows_the_defaults() {
    let example = parsed(EXAMPLE).unwrap();
    // What is commented out, with its value; what is meant for people stands behind a second '#' or a gap.
    let setting = |line: &str| {
        let line = line.strip_prefix("# ")?;
        let (name, value) = line.split_once(" = ")?;
        let is_name = name.chars().all(|c| c.is_ascii_lowercase() || c == '_');
        let value = value.split("  ").next()?;
        is_name.then(|| (name.to_owned(), format!("{name} = {value}\n")))
    };
    let camera = EXAMPLE.lines().skip_while(|line| *line != "[[camera]]");
    let settings: Vec<_> = camera.filter_map(setting).collect();
    let names: Vec<&str> = settings.iter().map(|(name, _)| name.as_str()).collect();
    let all = [
        "username",
        "password_file",
        "password_env",
        "output",
        "segment",
        "segment_size",
        "at_clock",
        "audio",
        "timing",
        "pattern",
        "utc",
        "sync",
        "queue",
        "stall",
        "transport",
        "tls_fingerprint",
        "tls_insecure",
        "playlist",
        "keep",
        "keep_size",
        "keep_free",
    ];
    assert_eq!(names, all);
    let limits = ["segment_size", "keep", "keep_size", "keep_free"];
    let lines = |wanted: &dyn Fn(&str) -> bool| {
        let wanted = settings.iter().skip(4).filter(|(name, _)| wanted(name));
        wanted.map(|(_, line)| line.as_str()).collect::<String>()
    };
    // No fingerprint is the default, and it is for rtsps:// only.
    let defaults = lines(&|name| !limits.contains(&name) && name != "tls_fingerprint");
    let same = parsed(&(EXAMPLE.to_owned() + &defaults)).unwrap();
    assert_eq!(format!("{example:?}"), format!("{same:?}"));
    let kept = lines(&|name| limits.contains(&name));
    let kept = parsed(&(EXAMPLE.to_owned() + &kept)).unwrap();
    assert_eq!(kept[0].segment_size, Some(4_000_000_000));
    assert_eq!(kept[0].keep.free, Some(10_000_000_000));
}

#[test]
fn what_is_kept_is_read() {
    let day = Duration::from_secs(86_400);
    for (text, age) in [
        ("7d", 7 * day),
        ("2w", 14 * day),
        ("1.5d", day * 3 / 2),
        ("12h", day / 2),
    ] {
        assert_eq!(parse_age(text).unwrap(), age);
    }
    for text in ["0d", "d", "7", "-1d", "99999999999999999d"] {
        assert!(parse_age(text).is_err(), "{text}");
    }
    for (text, bytes) in [
        ("0", 0),
        ("512", 512),
        ("200GB", 200_000_000_000),
        ("1 MiB", 1 << 20),
        ("3k", 3000),
        ("1.9MB", 1_900_000),
        ("0.5 GiB", 1 << 29),
        ("1.0000000000001TB", 1_000_000_000_000),
    ] {
        assert_eq!(parse_size(text).unwrap(), bytes);
    }
    for text in [
        "",
        "GB",
        "1.GB",
        ".5GB",
        "1,5GB",
        "1.5",
        "1.5B",
        "1.2.3MB",
        "+1",
        "-1",
        "1PB",
        "99999999999TB",
    ] {
        assert!(parse_size(text).is_err(), "{text}");
    }
    let camera = "[[camera]]\nname = \"yard\"\nurl = \"rtsp://h/1\"\n";
    let cameras = parsed(&format!("{camera}keep = \"7d\"\nkeep_free = \"10GB\"\n"));
    let keep = cameras.unwrap()[0].keep;
    assert_eq!((keep.age, keep.size), (Some(7 * day), None));
    assert_eq!(keep.free, Some(10_000_000_000));
    let said = parsed(&format!("{camera}keep_size = \"much\"\n")).unwrap_err();
    assert!(matches!(said, Error::Config { line: 4, .. }), "{said}");
}

#[test]
fn errors_name_the_line_and_no_password() {
    let head = "[[camera]]\nname = \"yard\"\nurl = \"rtsp://u:hunter2@h/1\"\n";
    for (text, line) in [
        ("", 1),
        ("[[camera]]\nname = \"x\"\n", 1),
        (&format!("{head}colour = \"red\"\n"), 4),
        (&format!("{head}segment = \"soon\"\n"), 4),
        (&format!("{head}segment = \"8days\"\n"), 4),
        (&format!("{head}\n\nstall = \"10ms\"\n"), 6),
        (&format!("{head}keep = \"7d\"\nkeep_free = \"9000TB\"\n"), 5),
        (&format!("{head}transport = \"smoke\"\n"), 4),
        (&format!("{head}tls_insecure = true\n"), 4),
        (&format!("{head}tls_fingerprint = \"ab\"\n"), 4),
        (&format!("{head}\nsync = \"never\"\n"), 5),
        (&format!("{head}pattern = \"%!\"\n"), 4),
        (&format!("{head}password_file = \"/none/such\"\n"), 4),
        (&format!("{head}{head}"), 5),
        (&head.replace("rtsp", "http"), 3),
        ("[[camera]]\nname = \"..\"\nurl = \"rtsp://h\"\n", 2),
        (&format!("{head}segment_size = \"12\"\n"), 4),
        (&format!("{head}audio = \"loud\"\n"), 4),
        (&format!("{head}timing = \"misb,noon\"\n"), 4),
        (&format!("{head}segment = \"25h\"\nat_clock = true\n"), 5),
        ("x = 1 2\n", 1),
        (&format!("{head}\"rtsp://u:hunter2@h/\" = 1\n"), 4),
        (
            "[[camera]]\nname = \"a/\"\nurl = \"rtsp://h\"\n\
             [[camera]]\nname = \"a_\"\nurl = \"rtsp://h\"\n",
            5,
        ),
    ] {
        match parsed(text) {
            Err(Error::Config {
                line: at, message, ..
            }) => {
                assert_eq!(at, line, "{text}: {message}");
                assert!(!message.contains("hunter2"), "{message}");
            }
            other => panic!("{text}: {other:?}"),
        }
    }
}

#[test]
fn a_file_without_end_is_not_read_to_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cameras.toml");
    let file = std::fs::File::create(&path).unwrap();
    file.set_len(1 << 40).unwrap();
    let refused = read(&path, Path::new("/srv"));
    assert!(matches!(refused, Err(Error::Usage(_))), "{refused:?}");
}

#[test]
fn what_is_common_stands_in_one_place_and_a_camera_has_the_last_word() {
    let cameras = parsed(
        "[defaults]\nsegment = \"1h\"\nutc = true\nusername = \"u\"\nkeep = \"7d\"\n\
         [[camera]]\nname = \"a\"\nurl = \"rtsp://h/1\"\n\
         [[camera]]\nname = \"b\"\nurl = \"rtsp://h/2\"\nsegment = \"2h\"\nutc = false\nkeep = \"1d\"\n",
    );
    let cameras = cameras.unwrap();
    let of = |c: &CameraOptions| {
        (
            c.segment.as_secs() / 3600,
            c.utc,
            c.keep.age.unwrap().as_secs() / 86_400,
        )
    };
    assert_eq!(of(&cameras[0]), (1, true, 7));
    assert_eq!(of(&cameras[1]), (2, false, 1));
    assert_eq!(cameras[1].url.credentials().unwrap().username, "u");
}

#[test]
fn two_cameras_share_a_folder_only_if_their_names_cannot_be_the_same() {
    let two = |more: &str, other: &str| {
        parsed(&format!(
            "[[camera]]\nname = \"a\"\nurl = \"rtsp://h/1\"\noutput = \"v\"\n{more}\n\
             [[camera]]\nname = \"b\"\nurl = \"rtsp://h/2\"\noutput = \"/etc/tapo/./v\"\n{other}\n"
        ))
    };
    let said = two("", "").unwrap_err();
    assert!(matches!(said, Error::Config { line: 9, .. }), "{said}");
    assert!(said.to_string().contains("folder of its own"), "{said}");
    assert!(two("pattern = \"a-%s\"", "pattern = \"b-%s\"").is_ok());
    assert!(two("pattern = \"a-%s\"", "pattern = \"%s\"").is_err());
}

#[test]
fn a_password_comes_from_the_environment_too() {
    let head = "[[camera]]\nname = \"a\"\nurl = \"rtsp://u@h/1\"\n";
    // Whatever it is: it is there in each run of cargo.
    let cameras = parsed(&format!("{head}password_env = \"CARGO_PKG_NAME\"\n")).unwrap();
    assert_eq!(
        cameras[0].url.credentials().unwrap().password,
        env!("CARGO_PKG_NAME")
    );
    for (text, line) in [
        (format!("{head}password_env = \"NO_SUCH_VARIABLE\"\n"), 4),
        (format!("{head}password_env = \"\"\n"), 4),
        (
            format!("{head}password_file = \"/dev/null\"\npassword_env = \"HOME\"\n"),
            5,
        ),
        (
            format!("[defaults]\npassword_env = \"NO_SUCH_VARIABLE\"\n{head}"),
            2,
        ),
        (format!("[defaults]\n\nname = \"x\"\n{head}"), 3),
        (format!("[defaults]\noutput = \"x\"\n{head}"), 2),
        (format!("[defaults]\nsegment = \"1ms\"\n{head}"), 2),
        (format!("[total]\nkeep_size = \"12\"\n{head}"), 2),
        (format!("[total]\nsize = \"12\"\n{head}"), 2),
    ] {
        match parsed(&text) {
            Err(Error::Config {
                line: at, message, ..
            }) => {
                assert_eq!(at, line, "{text}: {message}");
            }
            other => panic!("{text}: {other:?}"),
        }
    }
    let total = parse(
        &format!("[total]\nkeep_size = \"1TB\"\n{head}"),
        Path::new("x"),
        Path::new("y"),
    );
    assert_eq!(total.unwrap().total, Some(1_000_000_000_000));
}
