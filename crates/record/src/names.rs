//! Names of segments: by the time they start, never one that exists.

use crate::source::WallClock;
use crate::{Error, Result};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::path::{Path, PathBuf};

/// A folder for each day, a file for each segment.
pub const DEFAULT_PATTERN: &str = "%Y-%m-%d/%H-%M-%S";

/// The longest name of a file or folder, bytes; leaves room for `-9999.mp4`.
const COMPONENT: usize = 240;

/// How many names are tried where one is taken.
pub(crate) const ATTEMPTS: u32 = 10_000;

/// Names segments by a strftime pattern.
#[derive(Clone, Debug)]
pub struct Namer {
    pattern: String,
    zone: TimeZone,
}

impl Namer {
    /// For a pattern of `strftime` conversions, with `/` between folders, and
    /// times of the system's zone, or of UTC.
    ///
    /// # Errors
    /// [`Error::Usage`] if the pattern has an unknown conversion or names
    /// nothing.
    pub fn new(pattern: &str, utc: bool) -> Result<Self> {
        let zone = if utc {
            TimeZone::UTC
        } else {
            TimeZone::system()
        };
        let namer = Self {
            pattern: pattern.to_owned(),
            zone,
        };
        namer.formatted(WallClock(0)).map(|_| namer)
    }

    /// The path of a segment that starts at `time`, relative to the output
    /// folder, with `.mp4`; from the second attempt on with `-1`, `-2`, ...
    ///
    /// # Errors
    /// [`Error::Usage`] if the pattern cannot be filled in.
    pub fn path(&self, time: WallClock, attempt: u32) -> Result<PathBuf> {
        let mut path = self.formatted(time)?;
        let mut name = path.file_name().unwrap_or_default().to_owned();
        if attempt > 0 {
            name.push(format!("-{attempt}"));
        }
        name.push(".mp4");
        path.set_file_name(name);
        Ok(path)
    }

    fn formatted(&self, time: WallClock) -> Result<PathBuf> {
        let bad = |why: String| Error::Usage(format!("the name pattern {:?}: {why}", self.pattern));
        let time = Timestamp::from_nanosecond(time.0.into()).map_err(|e| bad(e.to_string()))?;
        let zoned = time.to_zoned(self.zone.clone());
        let text = jiff::fmt::strtime::format(&self.pattern, &zoned);
        let text = text.map_err(|e| bad(e.to_string()))?;
        let text = text.strip_suffix(".mp4").unwrap_or(&text);
        let path: PathBuf = text.split('/').filter_map(component).collect();
        if path.file_name().is_none() {
            return Err(bad("it names nothing".to_owned()));
        }
        Ok(path)
    }
}

/// A part of a path, without what could lead out of the output folder or is no
/// good in a name.
pub(crate) fn component(text: &str) -> Option<String> {
    let clean: String = text
        .chars()
        .map(|c| {
            if c.is_control() || "\\:*?\"<>|".contains(c) {
                '_'
            } else {
                c
            }
        })
        .collect();
    let mut end = clean.len().min(COMPONENT);
    while !clean.is_char_boundary(end) {
        end -= 1;
    }
    let clean = clean.get(..end)?.trim();
    (!clean.is_empty() && clean.chars().any(|c| c != '.')).then(|| clean.to_owned())
}

/// Whether segments of two patterns in one folder could have the same name: they
/// cannot where what stands in front of all conversions differs.
pub(crate) fn can_collide(one: &str, other: &str) -> bool {
    let fixed = |pattern: &str| {
        let end = pattern.find('%').unwrap_or(pattern.len());
        // What a name is cleaned of makes no difference in it.
        let text = pattern.get(..end).unwrap_or_default();
        let plain = |c: char| c.is_alphanumeric() || "-_.".contains(c);
        let end = text.find(|c| !plain(c)).unwrap_or(text.len());
        text.get(..end).unwrap_or_default().to_owned()
    };
    let (one, other) = (fixed(one), fixed(other));
    one.starts_with(&other) || other.starts_with(&one)
}

/// `file.mp4`, then `file-1.mp4`, ...
pub(crate) fn numbered(file: &Path, attempt: u32) -> PathBuf {
    if attempt == 0 {
        return file.to_owned();
    }
    let mut name = file.file_stem().unwrap_or_default().to_owned();
    name.push(format!("-{attempt}"));
    if let Some(extension) = file.extension() {
        name.push(".");
        name.push(extension);
    }
    file.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIME: WallClock = WallClock(1_795_247_999_000_000_000);

    #[test]
    fn names_follow_the_clock() {
        let namer = Namer::new(DEFAULT_PATTERN, true).unwrap();
        let path = namer.path(TIME, 0).unwrap();
        assert_eq!(path, Path::new("2026-11-21/07-59-59.mp4"));
        let path = namer.path(TIME, 2).unwrap();
        assert_eq!(path, Path::new("2026-11-21/07-59-59-2.mp4"));
        let plain = Namer::new("cam.%H.mp4", true).unwrap();
        assert_eq!(plain.path(TIME, 0).unwrap(), Path::new("cam.07.mp4"));
    }

    #[test]
    fn no_pattern_leads_out_of_the_folder() {
        let namer = Namer::new("/../%Y/./..//a:b\u{7}c", true).unwrap();
        let path = namer.path(TIME, 0).unwrap();
        assert_eq!(path, Path::new("2026/a_b_c.mp4"));
        for pattern in ["", "/", "..", "%Y/..x/", "%!"] {
            let made = Namer::new(pattern, true);
            assert_eq!(made.is_err(), pattern != "%Y/..x/", "{pattern}");
        }
        let long = Namer::new(&"ü".repeat(400), true).unwrap();
        let name = long.path(TIME, 0).unwrap();
        assert!(name.as_os_str().len() <= 255);
    }

    #[test]
    fn names_that_begin_differently_cannot_collide() {
        for (one, other, can) in [
            ("%H", "%H", true),
            ("yard-%H", "gate-%H", false),
            ("yard-%H", "yard-%M", true),
            ("yard%H", "yard2%H", true),
            ("a/b%H", "a/c%H", true),
            ("a/%H", "b/%H", false),
            ("%Y/yard", "%Y/gate", true),
        ] {
            assert_eq!(can_collide(one, other), can, "{one} {other}");
            assert_eq!(can_collide(other, one), can, "{other} {one}");
        }
    }

    #[test]
    fn one_file_gets_numbers_too() {
        let file = Path::new("/a/b.mp4");
        assert_eq!(numbered(file, 0), file);
        assert_eq!(numbered(file, 3), Path::new("/a/b-3.mp4"));
        assert_eq!(numbered(Path::new("b"), 1), Path::new("b-1"));
    }
}
