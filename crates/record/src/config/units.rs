//! Times, ages and sizes as people write them.

use crate::durable::SyncPolicy;
use crate::{Error, Result};
use std::time::Duration;

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

/// Reads an age: a time as [`parse_duration`] reads it, or days of 24 hours or weeks:
/// `7d`, `1.5d`, `2w`.
///
/// # Errors
/// [`Error::Usage`] if it is none, or not above zero.
pub fn parse_age(text: &str) -> Result<Duration> {
    let days = [('d', 1), ('w', 7)].into_iter().find_map(|(unit, days)| {
        let count = text.trim().strip_suffix(unit)?.trim();
        decimal(count, days * 86_400)
    });
    match days {
        Some(0) => Err(Error::Usage(format!(
            "{text:?} is no age such as 12h or 7d"
        ))),
        Some(seconds) => Ok(Duration::from_secs(seconds)),
        None => parse_duration(text),
    }
}

/// Reads a number of bytes: `200GB`, `1.5TB` and `500 MB` by thousands, `10GiB` by 1024.
///
/// # Errors
/// [`Error::Usage`] if it is none.
pub fn parse_size(text: &str) -> Result<u64> {
    let wrong = || Error::Usage(format!("{text:?} is no size such as 200GB, 1.5TB or 500MB"));
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
    decimal(digits.trim(), base.pow(power)).ok_or_else(wrong)
}

/// A decimal number of units, rounded down to ones; of ones themselves there are no parts.
fn decimal(text: &str, unit: u64) -> Option<u64> {
    let (whole, part) = match text.split_once('.') {
        Some((whole, part)) => (whole, Some(part)),
        None => (text, None),
    };
    let digits = |text: &str| -> Option<u128> {
        let are = (1..=18).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        text.parse().ok().filter(|_| are)
    };
    let mut count = digits(whole)?.checked_mul(unit.into())?;
    if let Some(part) = part.filter(|_| unit > 1) {
        let scale = 10_u128.pow(u32::try_from(part.len()).ok()?.min(18));
        count += digits(part)? * u128::from(unit) / scale;
    } else if part.is_some() {
        return None;
    }
    u64::try_from(count).ok()
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
