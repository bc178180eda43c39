//! Numbers as people read them.

/// Groups of three digits: `1,234,567`.
#[must_use]
pub fn grouped(n: u64) -> String {
    let mut text = String::with_capacity(DIGITS * 4 / 3);
    append_grouped(&mut text, n);
    text
}

/// Digits of the largest number.
const DIGITS: usize = 20;

/// The digits of a number, least first, and how many they are.
fn digits(mut n: u64) -> ([u8; DIGITS], usize) {
    let mut digits = [b'0'; DIGITS];
    let mut len = 0;
    for digit in &mut digits {
        *digit = b'0' + u8::try_from(n % 10).unwrap_or(0);
        n /= 10;
        len += 1;
        if n == 0 {
            break;
        }
    }
    (digits, len)
}

/// Appends a number: listings of a million lines have no time for more.
pub(crate) fn append(text: &mut String, n: u64) {
    let (digits, len) = digits(n);
    text.extend(digits.iter().take(len).rev().map(|d| char::from(*d)));
}

/// Appends a number in groups of three digits.
pub(crate) fn append_grouped(text: &mut String, n: u64) {
    let (digits, len) = digits(n);
    for (left, digit) in digits.iter().enumerate().take(len).rev() {
        text.push(char::from(*digit));
        if left > 0 && left.is_multiple_of(3) {
            text.push(',');
        }
    }
}

/// Appends a number in groups of three digits, to the right of `width` characters.
pub(crate) fn append_right(text: &mut String, n: u64, width: usize) {
    let (_, len) = digits(n);
    let len = len + (len - 1) / 3;
    blanks(text, width.saturating_sub(len));
    append_grouped(text, n);
}

/// Appends blanks.
pub(crate) fn blanks(text: &mut String, count: usize) {
    text.extend(std::iter::repeat_n(' ', count));
}

/// A number and its noun: `1 frame`, `2,000 frames`.
#[must_use]
pub fn count(n: u64, noun: &str) -> String {
    let s = if n == 1 { "" } else { "s" };
    format!("{} {noun}{s}", grouped(n))
}

/// Three significant digits with a decimal prefix: `1.21 G`, `640 k`, `12 `.
fn prefixed(n: u64) -> String {
    let steps = [
        (1_000_000_000_000_u64, 'T'),
        (1_000_000_000, 'G'),
        (1_000_000, 'M'),
        (1000, 'k'),
    ];
    for (unit, prefix) in steps {
        // What would round to 1000 of the smaller unit is 1 of this one.
        if n >= unit - unit / 2000 {
            let hundredths = (u128::from(n) * 100 + u128::from(unit / 2)) / u128::from(unit);
            return match hundredths {
                0..1000 => format!("{}.{:02} {prefix}", hundredths / 100, hundredths % 100),
                1000..10_000 => {
                    let tenths = (u128::from(n) * 10 + u128::from(unit / 2)) / u128::from(unit);
                    format!("{}.{} {prefix}", tenths / 10, tenths % 10)
                }
                _ => format!(
                    "{} {prefix}",
                    (u128::from(n) + u128::from(unit / 2)) / u128::from(unit)
                ),
            };
        }
    }
    format!("{n} ")
}

/// Bytes in hexadecimal, two digits each.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// A UUID (RFC 9562 §4).
#[must_use]
pub fn uuid(uuid: &[u8; 16]) -> String {
    let mut text = hex(uuid);
    for at in [20, 16, 12, 8] {
        text.insert(at, '-');
    }
    text
}

/// A size: `1.21 GB`, `17 bytes`. Decimal prefixes, as on the card.
#[must_use]
pub fn bytes(n: u64) -> String {
    match n {
        1 => "1 byte".to_owned(),
        0..1000 => format!("{n} bytes"),
        _ => format!("{}B", prefixed(n)),
    }
}

/// A bitrate: `8.02 Mbit/s`.
#[must_use]
pub fn bitrate(bits_per_second: u64) -> String {
    format!("{}bit/s", prefixed(bits_per_second))
}

/// Bits a second of `bytes` in `ticks` of `timescale` a second; `None` where
/// there is no time.
#[must_use]
pub fn bits_per_second(bytes: u64, ticks: u64, timescale: u32) -> Option<u64> {
    let bits = u128::from(bytes) * 8 * u128::from(timescale);
    let rate = bits.checked_div(u128::from(ticks))?;
    (timescale != 0).then(|| u64::try_from(rate).unwrap_or(u64::MAX))
}

/// A time: `0:15:00.000`, hours, minutes, seconds; rounded to milliseconds.
#[must_use]
pub fn clock(ticks: u64, timescale: u32) -> String {
    let ms = milliseconds(ticks, timescale);
    let (s, ms) = (ms / 1000, ms % 1000);
    let (m, s) = (s / 60, s % 60);
    format!("{}:{:02}:{s:02}.{ms:03}", m / 60, m % 60)
}

/// A time that may lie before zero: `-0:00:00.080`.
#[must_use]
pub fn signed_clock(ticks: i64, timescale: u32) -> String {
    let sign = if ticks < 0 { "-" } else { "" };
    format!("{sign}{}", clock(ticks.unsigned_abs(), timescale))
}

/// A short time in words: `2.5 s`, `40 ms`, `1 h 3 min`.
#[must_use]
pub fn spoken(ticks: u64, timescale: u32) -> String {
    let ms = milliseconds(ticks, timescale);
    match ms {
        0..1000 => format!("{ms} ms"),
        1000..60_000 => {
            let text = format!("{}.{:02}", ms / 1000, ms % 1000 / 10);
            format!("{} s", trimmed(&text))
        }
        60_000..3_600_000 => format!("{} min {} s", ms / 60_000, ms % 60_000 / 1000),
        _ => format!("{} h {} min", ms / 3_600_000, ms % 3_600_000 / 60_000),
    }
}

/// Seconds, for machines: exact as far as a double goes.
#[must_use]
pub fn seconds(ticks: u64, timescale: u32) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a double is what JSON has")]
    let ticks = ticks as f64;
    ticks / f64::from(timescale.max(1))
}

/// Frames a second: `25`, `29.97`, `12.5`.
#[must_use]
pub fn per_second(count: u64, ticks: u64, timescale: u32) -> Option<String> {
    let hundredths = u128::from(count) * u128::from(timescale) * 100;
    let half = u128::from(ticks) / 2;
    let rate = (hundredths + half).checked_div(u128::from(ticks))?;
    Some(trimmed(&format!("{}.{:02}", rate / 100, rate % 100)).to_owned())
}

fn trimmed(text: &str) -> &str {
    text.trim_end_matches('0').trim_end_matches('.')
}

/// Milliseconds, rounded; cut at 64 bits.
#[must_use]
pub fn milliseconds(ticks: u64, timescale: u32) -> u64 {
    tapo_movie::rescale(ticks, timescale, 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_rates_have_three_digits() {
        let got: Vec<_> = [
            0,
            1,
            999,
            1000,
            1234,
            99_960,
            640_000,
            999_499,
            999_999,
            1_210_000_000,
        ]
        .into_iter()
        .map(bytes)
        .collect();
        let want = [
            "0 bytes",
            "1 byte",
            "999 bytes",
            "1.00 kB",
            "1.23 kB",
            "100.0 kB",
            "640 kB",
            "999 kB",
            "1.00 MB",
            "1.21 GB",
        ];
        assert_eq!(got, want);
        assert_eq!(bitrate(8_024_000), "8.02 Mbit/s");
        assert_eq!(bitrate(u64::MAX), "18446744 Tbit/s");
    }

    #[test]
    fn times_are_rounded_and_never_overflow() {
        assert_eq!(clock(81_000_045, 90_000), "0:15:00.001");
        assert_eq!(clock(u64::MAX, 1), "5124095576030:25:51.615");
        assert_eq!(clock(5, 0), "0:00:05.000");
        assert_eq!(signed_clock(-7200, 90_000), "-0:00:00.080");
        assert_eq!(spoken(180_000, 90_000), "2 s");
        assert_eq!(spoken(225_000, 90_000), "2.5 s");
        assert_eq!(spoken(3600, 90_000), "40 ms");
        assert_eq!(spoken(3900, 1), "1 h 5 min");
    }

    #[test]
    fn rates() {
        assert_eq!(per_second(250, 900_000, 90_000).as_deref(), Some("25"));
        assert_eq!(per_second(30_000, 1001, 1).as_deref(), Some("29.97"));
        assert_eq!(per_second(3, 0, 1), None);
        assert_eq!(bits_per_second(1_000_000, 90_000, 90_000), Some(8_000_000));
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!(grouped(12), "12");
        for n in [0, 9, 10, 999, 1000, 123_456, u64::MAX] {
            let mut text = String::new();
            append(&mut text, n);
            assert_eq!(text, n.to_string());
            text.clear();
            append_right(&mut text, n, 12);
            assert_eq!(text, format!("{:>12}", grouped(n)));
        }
        assert_eq!(grouped(u64::MAX), "18,446,744,073,709,551,615");
        assert_eq!(count(1, "frame"), "1 frame");
        let uuid = uuid(&std::array::from_fn(|i| u8::try_from(i).unwrap_or(0)));
        assert_eq!(uuid, "00010203-0405-0607-0809-0a0b0c0d0e0f");
    }
}
