//! RTP payload formats that can be recorded, each in a file of its own: which
//! streams have it, how the samples of an MP4 are made of what comes, and the
//! sample entry that describes them.
//!
//! retina gathers packets to access units; what it cannot gather, but comes one
//! unit a packet, it is shown as octets (see [`CARRIED`]).

mod aac;
mod g711;
mod g722;
mod g726;
mod jpeg;
mod l16;
mod metadata;
mod nal;
mod opus;

use crate::source::Codec;
use retina::codec::ParametersRef;
use tapo_movie::SampleDescription;

/// A stream as its description has it; names are in lower case.
#[derive(Copy, Clone, Debug, Default)]
pub(crate) struct Offer<'a> {
    /// `video`, `audio`, ...
    pub(crate) media: &'a str,
    /// The name of the format.
    pub(crate) encoding: &'a str,
    /// Ticks a second.
    pub(crate) clock_rate: u32,
    /// Channels of sound; 1 where nothing is said.
    pub(crate) channels: u16,
}

/// Makes samples of one stream.
pub(crate) trait Payload: Send {
    /// What it is recorded as.
    fn codec(&self) -> Codec;

    /// What describes the samples, by what retina knows and what came so far.
    fn description(&self, known: Option<&ParametersRef<'_>>) -> Option<SampleDescription>;

    /// Makes a sample of what came in one access unit; `None` if it is none.
    fn take(&mut self, unit: Unit) -> Option<Unit> {
        Some(unit)
    }

    /// Whether decoding can start at this picture, which retina says of IDR pictures
    /// only.
    fn random_access(&self, _data: &[u8], said: bool) -> bool {
        said
    }
}

/// What has one timestamp.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Unit {
    pub(crate) data: Vec<u8>,
    /// Ticks that it lasts, where that is known.
    pub(crate) duration: Option<u32>,
    /// Whether what describes it is not what described the one before.
    pub(crate) redescribed: bool,
}

/// Takes a stream, refuses it with the reason, or does not know its format.
type Open = fn(&Offer<'_>) -> Option<Result<Box<dyn Payload>, &'static str>>;

const REGISTRY: [Open; 9] = [
    nal::open,
    jpeg::open,
    aac::open,
    g711::open,
    l16::open,
    opus::open,
    g722::open,
    g726::open,
    metadata::open,
];

/// Formats of which a packet is a unit, and that retina does not know: it is shown a
/// stream called `u8` with as many channels as the place of the format here says,
/// counted from 1, and hands on the octets.
pub(crate) const CARRIED: [&str; 5] = [
    "opus",
    "aal2-g726-16",
    "aal2-g726-24",
    "aal2-g726-32",
    "aal2-g726-40",
];
/// What retina is shown. No camera may mean it: it is no registered name.
pub(crate) const OCTETS: &str = "u8";

/// Finds who makes samples of a stream.
///
/// # Errors
/// Why nobody does.
pub(crate) fn open(offer: &Offer<'_>) -> Result<Box<dyn Payload>, &'static str> {
    let mut offer = *offer;
    if offer.clock_rate == 0 {
        return Err("it states no clock rate");
    }
    if offer.encoding == OCTETS {
        let at = usize::from(offer.channels).checked_sub(1);
        offer.encoding = at.and_then(|at| CARRIED.get(at)).copied().unwrap_or("");
        offer.channels = 1;
    }
    let found = REGISTRY.iter().find_map(|open| open(&offer));
    found.unwrap_or(Err("its format cannot be recorded"))
}

/// The name under which a stream was offered.
pub(crate) fn name(encoding: &str, channels: u16) -> &str {
    let at = usize::from(channels).checked_sub(1);
    let carried = at.and_then(|at| CARRIED.get(at)).copied();
    carried.filter(|_| encoding == OCTETS).unwrap_or(encoding)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The type of the sample entry of a stream, or why it is left out.
    fn entry(
        media: &str,
        encoding: &str,
        clock_rate: u32,
        channels: u16,
    ) -> Result<String, &'static str> {
        let offer = Offer {
            media,
            encoding,
            clock_rate,
            channels,
        };
        let payload = open(&offer)?;
        let described = payload.description(None);
        Ok(described.map_or_else(String::new, |d| d.kind().to_string()))
    }

    #[test]
    fn formats_are_told_by_name_and_what_cannot_be_is_told_why() {
        for (encoding, rate, channels, kind) in [
            ("pcma", 8000, 1, "alaw"),
            ("l16", 44_100, 2, "twos"),
            ("g722", 8000, 1, "twos"),
            ("g726-16", 8000, 1, "twos"),
            // Opus, by its place.
            ("u8", 48_000, 1, "Opus"),
            ("u8", 8000, 4, "twos"),
        ] {
            let found = entry("audio", encoding, rate, channels);
            assert_eq!(found.as_deref(), Ok(kind), "{encoding}");
        }
        // Their parameters come with the stream.
        assert_eq!(entry("video", "h265", 90_000, 1).as_deref(), Ok(""));
        for (media, encoding, rate, channels) in [
            ("audio", "pcma", 16_000, 1),
            ("audio", "l16", 96_000, 2),
            ("audio", "l16", 48_000, 9),
            ("audio", "g722", 16_000, 1),
            ("audio", "mpa", 90_000, 1),
            ("audio", "u8", 8000, 0),
            ("audio", "u8", 8000, 99),
            ("video", "pcma", 8000, 1),
            ("audio", "opus", 0, 1),
        ] {
            let found = entry(media, encoding, rate, channels);
            assert!(found.is_err(), "{encoding} {rate} {channels}");
        }
        assert_eq!(name("u8", 1), "opus");
        assert_eq!(name("u8", 77), "u8");
        assert_eq!(name("l16", 1), "l16");
    }
}
