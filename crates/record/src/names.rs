//! Names of segments: by the time they start, never one that exists.

use crate::source::WallClock;
use crate::{Error, Result};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A folder for each day, a file for each segment.
pub const DEFAULT_PATTERN: &str = "%Y-%m-%d/%H-%M-%S";

/// The longest name of a file or folder, bytes; leaves room for what makes it another
/// one, such as `-20261122T091500123Z-9999.mp4`.
const COMPONENT: usize = 220;

/// Names with a number that are tried where one is taken; after them come names with the time.
const NUMBERS: u32 = 100;
/// How many names are tried.
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
        let namer = Self {
            pattern: pattern.to_owned(),
            zone: zone(utc),
        };
        namer.formatted(WallClock(0)).map(|_| namer)
    }

    /// The path of a segment that starts at `time`, relative to the output
    /// folder, with `.mp4`; from the second attempt on with `-1`, `-2`, ..., and after a
    /// hundred of them with the time to the millisecond, in UTC: names do not run out.
    ///
    /// # Errors
    /// [`Error::Usage`] if the pattern cannot be filled in.
    pub fn path(&self, time: WallClock, attempt: u32) -> Result<PathBuf> {
        let mut path = self.formatted(time)?;
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(suffix(time, attempt));
        name.push(".mp4");
        path.set_file_name(name);
        Ok(path)
    }

    /// Whether a segment that started then can have got this path.
    pub(crate) fn is_path(&self, relative: &Path, time: WallClock) -> bool {
        let stem = |path: &Path| Some(path.file_stem()?.to_str()?.to_owned());
        let first = self.path(time, 0).ok().as_deref().and_then(stem);
        let (Some(first), Some(own)) = (first, stem(relative)) else {
            return false;
        };
        let Some(rest) = own.strip_prefix(&first) else {
            return false;
        };
        let number = |text: &str| text.strip_prefix('-')?.parse::<u32>().ok();
        let timed = suffix(time, NUMBERS);
        let attempt = match (rest, rest.strip_prefix(&timed)) {
            ("", _) => Some(0),
            (_, Some("")) => Some(NUMBERS),
            (_, Some(more)) => number(more).and_then(|n| n.checked_add(NUMBERS)),
            (_, None) => number(rest).filter(|n| *n < NUMBERS),
        };
        let attempt = attempt.filter(|attempt| *attempt < ATTEMPTS);
        attempt.is_some_and(|n| self.path(time, n).is_ok_and(|path| path == relative))
    }

    /// Which segment has the name of another one before, if one has: where each is so long, and
    /// stays for so long.
    pub(crate) fn repeats(&self, segment: Duration, stays: Duration) -> Option<&'static str> {
        const HOUR: Duration = Duration::from_secs(3600);
        let later = [
            (segment, "the next one"),
            (HOUR, "one an hour later"),
            (HOUR * 12, "one half a day later"),
            (HOUR * 24, "one of the next day"),
            (HOUR * 24 * 7, "one a week later"),
            (HOUR * 24 * 31, "one a month later"),
            (HOUR * 24 * 365, "one a year later"),
        ];
        // An hour that comes twice is the zone's matter, not the pattern's.
        let namer = Self {
            pattern: self.pattern.clone(),
            zone: TimeZone::UTC,
        };
        let name = |seconds: u64| {
            let nanos = i64::try_from(seconds)
                .unwrap_or(0)
                .saturating_mul(1_000_000_000);
            namer.formatted(WallClock(nanos)).ok()
        };
        // Through the day and the year: a month has fewer days than the next.
        let from = (0..24_u64).map(|n| n * (67 * 86_400 + 3_607));
        let repeats = |after: Duration| {
            let (after, mut from) = (after.as_secs(), from.clone());
            from.any(|time| name(time) == name(time.saturating_add(after)))
        };
        let mut later = later
            .into_iter()
            .filter(|(after, _)| *after >= segment && *after <= stays);
        later
            .find(|(after, _)| repeats(*after))
            .map(|(_, which)| which)
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

/// UTC, or the zone of this system.
pub(crate) fn zone(utc: bool) -> TimeZone {
    if utc {
        TimeZone::UTC
    } else {
        TimeZone::system()
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

/// What makes the name of a segment that starts at `time` another one.
fn suffix(time: WallClock, attempt: u32) -> String {
    match attempt {
        0 => String::new(),
        1..NUMBERS => format!("-{attempt}"),
        _ => {
            let time = Timestamp::from_nanosecond(time.0.into()).unwrap_or_default();
            let millis = time.subsec_millisecond();
            let mut text = format!("-{}{millis:03}Z", time.strftime("%Y%m%dT%H%M%S"));
            if attempt > NUMBERS {
                text.push_str(&format!("-{}", attempt - NUMBERS));
            }
            text
        }
    }
}

/// `file.mp4`, then `file-1.mp4`, ... as [`Namer::path`] does.
pub(crate) fn numbered(file: &Path, time: WallClock, attempt: u32) -> PathBuf {
    if attempt == 0 {
        return file.to_owned();
    }
    let mut name = file.file_stem().unwrap_or_default().to_owned();
    name.push(suffix(time, attempt));
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
        assert_eq!(numbered(file, TIME, 0), file);
        assert_eq!(numbered(file, TIME, 3), Path::new("/a/b-3.mp4"));
        assert_eq!(numbered(Path::new("b"), TIME, 1), Path::new("b-1"));
    }

    #[test]
    fn names_do_not_run_out_and_each_is_known_again() {
        let namer = Namer::new("yard-5", true).unwrap();
        let mut seen = std::collections::BTreeSet::new();
        for second in 0..100 {
            let time = WallClock(TIME.0 + second * 1_000_000_000);
            for attempt in [0, 1, 99, 100, 101, 9_999] {
                let path = namer.path(time, attempt).unwrap();
                assert!(namer.is_path(&path, time), "{path:?}");
                let other = WallClock(time.0 + 1_000_000);
                assert_eq!(namer.is_path(&path, other), attempt < 100, "{path:?}");
                seen.insert(path);
            }
        }
        assert_eq!(seen.len(), 303);
        let timed = namer.path(TIME, 101).unwrap();
        assert_eq!(timed, Path::new("yard-5-20261121T075959000Z-1.mp4"));
        for other in [
            "yard-5-100.mp4",
            "yard-5-x.mp4",
            "yard-5-01.mp4",
            "yard-50.mp4",
        ] {
            assert!(!namer.is_path(Path::new(other), TIME), "{other}");
        }
        let long = Namer::new(&"x".repeat(400), true).unwrap();
        let name = long.path(TIME, 9_999).unwrap();
        assert!(name.as_os_str().len() <= 255, "{name:?}");
    }

    #[test]
    fn patterns_that_give_two_segments_one_name_are_told() {
        let quarter = Duration::from_secs(900);
        for (pattern, told) in [
            (DEFAULT_PATTERN, None),
            ("%s", None),
            ("%F_%T", None),
            ("%Y%j/%H%M", None),
            ("cam", Some("the next one")),
            ("%Y-%m-%d", Some("the next one")),
            ("%Y-%m-%d-%H", Some("the next one")),
            ("%M", Some("one an hour later")),
            ("%Y-%m-%d-%I-%M", Some("one half a day later")),
            ("%H-%M-%S", Some("one of the next day")),
            ("%Y-%m/%H-%M", Some("one of the next day")),
            ("%a-%H-%M", Some("one a week later")),
            ("%d-%H-%M", Some("one a month later")),
            ("%m-%d-%H-%M", Some("one a year later")),
        ] {
            let namer = Namer::new(pattern, true).unwrap();
            assert_eq!(namer.repeats(quarter, Duration::MAX), told, "{pattern}");
        }
        let namer = Namer::new("%H-%M-%S", true).unwrap();
        // What goes before its name comes again is in nobody's way.
        assert_eq!(namer.repeats(quarter, Duration::from_secs(80_000)), None);
        let namer = Namer::new("%Y-%m-%d", true).unwrap();
        assert_eq!(
            namer.repeats(Duration::from_secs(86_400), Duration::MAX),
            None
        );
    }
}
