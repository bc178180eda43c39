//! Dates, in the proleptic Gregorian calendar and UTC.

/// Seconds from 1904, where the times of MP4 start (ISO/IEC 14496-12 §8.2.2), to 1970.
pub const EPOCH_1904: u64 = 2_082_844_800;

/// Year, month and day of a day, counted from 1970-01-01.
const fn civil(day: i64) -> (i64, i64, i64) {
    // Years that begin in March end with the leap day; 400 of them have as many
    // days as any other 400.
    let shifted = day + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let (month, year) = match month {
        0..10 => (month + 3, year),
        _ => (month - 9, year + 1),
    };
    (year + era * 400, month, day)
}

/// `2026-11-21 12:07:09 UTC`, of seconds since 1970.
#[must_use]
pub fn from_1970(seconds: i64) -> String {
    let (day, time) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = civil(day);
    let (h, m, s) = (time / 3600, time / 60 % 60, time % 60);
    format!("{year:04}-{month:02}-{day:02} {h:02}:{m:02}:{s:02} UTC")
}

/// The same with milliseconds, of nanoseconds since 1970.
#[must_use]
pub fn from_1970_ns(ns: i64) -> String {
    let seconds = ns.div_euclid(1_000_000_000);
    let ms = ns.rem_euclid(1_000_000_000) / 1_000_000;
    from_1970(seconds).replace(" UTC", &format!(".{ms:03} UTC"))
}

/// `2026-11-21T12:07:09.000000000Z` (RFC 3339), of nanoseconds since 1970.
#[must_use]
pub fn rfc3339_ns(ns: i64) -> String {
    let seconds = ns.div_euclid(1_000_000_000);
    let ns = ns.rem_euclid(1_000_000_000);
    let told = from_1970(seconds).replace(" UTC", &format!(".{ns:09}Z"));
    told.replacen(' ', "T", 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_over_leap_years() {
        for (seconds, want) in [
            (0, "1970-01-01 00:00:00 UTC"),
            (-1, "1969-12-31 23:59:59 UTC"),
            (951_782_400, "2000-02-29 00:00:00 UTC"),
            (4_107_542_399, "2100-02-28 23:59:59 UTC"),
            (4_107_542_400, "2100-03-01 00:00:00 UTC"),
            (-2_082_844_800, "1904-01-01 00:00:00 UTC"),
            (1_795_262_829, "2026-11-21 12:07:09 UTC"),
        ] {
            assert_eq!(from_1970(seconds), want);
        }
        assert_eq!(rfc3339_ns(-1), "1969-12-31T23:59:59.999999999Z");
        assert_eq!(from_1970_ns(-1), "1969-12-31 23:59:59.999 UTC");
        assert_eq!(from_1970_ns(i64::MAX), "2262-04-11 23:47:16.854 UTC");
    }
}
