//! The configuration file: TOML with a `[[camera]]` for each camera.
//!
//! ```toml
//! [[camera]]
//! name = "yard"
//! url = "rtsp://192.168.1.20/stream1"
//! username = "admin"
//! password_file = "/etc/tapo/yard.password"
//! output = "/srv/video/yard"      # default: a folder of the camera's name
//! segment = "15m"
//! pattern = "%Y-%m-%d/%H-%M-%S"
//! utc = false
//! sync = "fragment"               # or "off", or a time such as "5s"
//! stall = "10s"
//! keep = "7d"                     # these three: no limit if left out
//! keep_size = "200GB"
//! keep_free = "10GB"
//! ```

use crate::durable::SyncPolicy;
use crate::names::component;
use crate::run::CameraOptions;
use crate::url::{CameraUrl, Credentials, read_password_file};
use crate::writer::Output;
use crate::{Error, Result};
use serde::Deserialize;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;
use toml::Spanned;

/// A configuration file with comments, for one camera: its defaults are those of [`CameraOptions::new`].
pub const EXAMPLE: &str = include_str!("example.toml");

/// The longest file that is read, bytes.
const LIMIT: u64 = 1 << 20;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    camera: Vec<Spanned<Camera>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Camera {
    name: Spanned<String>,
    url: Spanned<String>,
    username: Option<Spanned<String>>,
    password_file: Option<Spanned<PathBuf>>,
    output: Option<PathBuf>,
    segment: Option<Spanned<String>>,
    pattern: Option<Spanned<String>>,
    #[serde(default)]
    utc: bool,
    sync: Option<Spanned<String>>,
    stall: Option<Spanned<String>>,
    keep: Option<Spanned<String>>,
    keep_size: Option<Spanned<String>>,
    keep_free: Option<Spanned<String>>,
}

/// Reads a configuration file. Relative paths in it are relative to its
/// folder; `output` is the folder for cameras that name none.
///
/// # Errors
/// [`Error::Io`] if a file cannot be read; [`Error::Config`] with the line of
/// what makes no sense. No message repeats an address.
pub fn read(path: &Path, output: &Path) -> Result<Vec<CameraOptions>> {
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(|e| Error::io(path, "open", e))?;
    let read = file.take(LIMIT + 1).read_to_string(&mut text);
    read.map_err(|e| Error::io(path, "read", e))?;
    if text.len() as u64 > LIMIT {
        return Err(Error::Usage(format!(
            "{}: too long for a configuration file",
            path.display()
        )));
    }
    parse(&text, path, output)
}

fn parse(text: &str, path: &Path, output: &Path) -> Result<Vec<CameraOptions>> {
    let at = |offset: usize, message: String| Error::Config {
        path: path.to_owned(),
        line: text.bytes().take(offset).filter(|b| *b == b'\n').count() + 1,
        message,
    };
    let file: File = toml::from_str(text).map_err(|error| {
        let offset = error.span().map_or(0, |span| span.start);
        // A key that is none may be an address with its password.
        let message = match error.message() {
            text if text.contains("://") => "this is no setting of a camera",
            text => text,
        };
        at(offset, message.to_owned())
    })?;
    if file.camera.is_empty() {
        return Err(at(0, "there is no [[camera]] in it".to_owned()));
    }
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut cameras: Vec<CameraOptions> = Vec::new();
    for camera in file.camera {
        let camera = camera.into_inner();
        let name_at = camera.name.span().start;
        if cameras.iter().any(|c| c.name == *camera.name.get_ref()) {
            return Err(at(name_at, "another camera has this name".to_owned()));
        }
        let options = camera.options(folder, output);
        let options = options.map_err(|(offset, error)| at(offset, error.to_string()))?;
        if let Some(other) = cameras.iter().find(|c| c.collides(&options)) {
            let why = format!("its files would be taken for those of {:?}", other.name);
            return Err(at(name_at, why));
        }
        cameras.push(options);
    }
    Ok(cameras)
}

impl Camera {
    fn options(
        self,
        folder: &Path,
        output: &Path,
    ) -> std::result::Result<CameraOptions, (usize, Error)> {
        let usage = |at: usize, why: &str| (at, Error::Usage(why.to_owned()));
        let name_at = self.name.span().start;
        let name = self.name.into_inner();
        let component = component(&name.replace('/', "_"));
        let component = component.ok_or_else(|| usage(name_at, "a camera needs a name"))?;

        let url_at = self.url.span().start;
        let mut url = CameraUrl::parse(self.url.get_ref()).map_err(|e| (url_at, e))?;
        let said = url.credentials().cloned();
        let username = self.username.map(Spanned::into_inner);
        let username = username.or_else(|| said.as_ref().map(|c| c.username.clone()));
        let password = match self.password_file {
            Some(file) => {
                let at = file.span().start;
                let file = folder.join(file.into_inner());
                Some(read_password_file(&file).map_err(|e| (at, e))?)
            }
            None => said.map(|c| c.password),
        };
        match (username, password) {
            (None, None) => {}
            (None, Some(_)) => return Err(usage(url_at, "a password without a user name")),
            (Some(username), password) => {
                url = url.with_credentials(Some(Credentials {
                    username,
                    password: password.unwrap_or_default(),
                }));
            }
        }
        let output = match self.output {
            Some(own) => folder.join(own),
            None => output.join(component),
        };
        let mut options = CameraOptions::new(&name, url, Output::Folder(output));
        let time = |text: Spanned<String>| {
            let at = text.span().start;
            parse_duration(text.get_ref()).map_err(|e| (at, e))
        };
        if let Some(segment) = self.segment {
            let at = segment.span().start;
            options.segment = time(segment)?;
            options.check_segment().map_err(|e| (at, e))?;
        }
        if let Some(stall) = self.stall {
            let at = stall.span().start;
            options.stall = time(stall)?;
            options.check_stall().map_err(|e| (at, e))?;
        }
        if let Some(keep) = self.keep {
            let at = keep.span().start;
            let age = parse_age(keep.get_ref()).map_err(|e| (at, e))?;
            options.keep.age = Some(age);
        }
        let size = |text: Option<Spanned<String>>| {
            let size = text.map(|text| (text.span().start, parse_size(text.get_ref())));
            size.map(|(at, size)| size.map_err(|e| (at, e))).transpose()
        };
        let size_at = self.keep_size.as_ref().map_or(0, |size| size.span().start);
        options.keep.size = size(self.keep_size)?;
        options.check_keep().map_err(|e| (size_at, e))?;
        let free_at = self.keep_free.as_ref().map_or(0, |free| free.span().start);
        options.keep.free = size(self.keep_free)?;
        options.check_keep().map_err(|e| (free_at, e))?;
        options.utc = self.utc;
        if let Some(sync) = self.sync {
            let at = sync.span().start;
            options.sync = sync.get_ref().parse().map_err(|e| (at, e))?;
        }
        if let Some(pattern) = self.pattern {
            let at = pattern.span().start;
            crate::names::Namer::new(pattern.get_ref(), self.utc).map_err(|e| (at, e))?;
            options.pattern = pattern.into_inner();
        }
        Ok(options)
    }
}

/// Reads a time as people write it: `15m`, `1h 30m`, `90s`.
///
/// # Errors
/// [`Error::Usage`] if it is no time, or not above zero.
pub fn parse_duration(text: &str) -> Result<Duration> {
    let wrong = || Error::Usage(format!("{text:?} is no time such as 90s, 15m or 1h"));
    let time: jiff::SignedDuration = text.trim().parse().map_err(|_| wrong())?;
    let time = Duration::try_from(time).map_err(|_| wrong())?;
    if time.is_zero() {
        Err(wrong())
    } else {
        Ok(time)
    }
}

/// Reads an age: a time as [`parse_duration`] reads it, or days or weeks of 24
/// hours each: `7d`, `2w`.
///
/// # Errors
/// [`Error::Usage`] if it is none, or not above zero.
pub fn parse_age(text: &str) -> Result<Duration> {
    let days = [('d', 1), ('w', 7)].into_iter().find_map(|(unit, days)| {
        let count: u64 = text.trim().strip_suffix(unit)?.trim().parse().ok()?;
        count.checked_mul(days * 86_400)
    });
    match days {
        Some(0) => Err(Error::Usage(format!(
            "{text:?} is no age such as 12h or 7d"
        ))),
        Some(seconds) => Ok(Duration::from_secs(seconds)),
        None => parse_duration(text),
    }
}

/// Reads a number of bytes: `200GB` and `500 MB` by thousands, `10GiB` by 1024.
///
/// # Errors
/// [`Error::Usage`] if it is none.
pub fn parse_size(text: &str) -> Result<u64> {
    let wrong = || Error::Usage(format!("{text:?} is no size such as 200GB or 500MB"));
    let digits = text
        .trim()
        .trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = text.trim().get(digits.len()..).unwrap_or_default();
    let unit = unit.to_ascii_lowercase();
    let (prefix, base) = match unit.strip_suffix("ib") {
        Some(prefix) => (prefix, 1024_u64),
        None => (unit.strip_suffix('b').unwrap_or(&unit), 1000),
    };
    let power = match prefix {
        "" => 0,
        "k" => 1,
        "m" => 2,
        "g" => 3,
        "t" => 4,
        _ => return Err(wrong()),
    };
    let count: u64 = digits.trim().parse().map_err(|_| wrong())?;
    count.checked_mul(base.pow(power)).ok_or_else(wrong)
}

impl std::str::FromStr for SyncPolicy {
    type Err = Error;

    /// `fragment`, `off`, or the time between two syncs.
    fn from_str(text: &str) -> Result<Self> {
        match text {
            "fragment" => Ok(Self::Fragment),
            "off" => Ok(Self::Off),
            _ => parse_duration(text).map(Self::Interval).map_err(|_| {
                Error::Usage(format!("{text:?} is neither fragment, nor off, nor a time"))
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Vec<CameraOptions>> {
        parse(text, Path::new("/etc/tapo/tapo.toml"), Path::new("/srv"))
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
        let settings: Vec<_> = EXAMPLE.lines().filter_map(setting).collect();
        let names: Vec<&str> = settings.iter().map(|(name, _)| name.as_str()).collect();
        let all = [
            "username",
            "password_file",
            "output",
            "segment",
            "pattern",
            "utc",
            "sync",
            "stall",
            "keep",
            "keep_size",
            "keep_free",
        ];
        assert_eq!(names, all);
        let defaults = settings
            .iter()
            .skip(3)
            .take(5)
            .map(|(_, line)| line.as_str());
        let same = parsed(&(EXAMPLE.to_owned() + &defaults.collect::<String>())).unwrap();
        assert_eq!(format!("{example:?}"), format!("{same:?}"));
        let kept = settings.iter().skip(8).map(|(_, line)| line.as_str());
        let kept = parsed(&(EXAMPLE.to_owned() + &kept.collect::<String>())).unwrap();
        assert_eq!(kept[0].keep.free, Some(10_000_000_000));
    }

    #[test]
    fn what_is_kept_is_read() {
        let day = Duration::from_secs(86_400);
        for (text, age) in [("7d", 7 * day), ("2w", 14 * day), ("12h", day / 2)] {
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
        ] {
            assert_eq!(parse_size(text).unwrap(), bytes);
        }
        for text in ["", "GB", "1.5GB", "-1", "1PB", "99999999999TB"] {
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
            (&format!("{head}\nsync = \"never\"\n"), 5),
            (&format!("{head}pattern = \"%!\"\n"), 4),
            (&format!("{head}password_file = \"/none/such\"\n"), 4),
            (&format!("{head}{head}"), 5),
            (&head.replace("rtsp", "http"), 3),
            ("[[camera]]\nname = \"..\"\nurl = \"rtsp://h\"\n", 2),
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
}
