//! Media of which nothing tells where its samples are: is even the first one whole?

use crate::Result;
use tapo_codec::{h264, h265};
use tapo_io::{ByteSource, Span, Window};

/// Units in front of the slices of a picture: parameter sets, messages.
const AHEAD: usize = 32;

/// The largest unit that is believed, bytes.
const LARGEST: u64 = 64 << 20;

/// Whether media begins as a picture of H.264 or H.265 does, of NAL units behind lengths of four bytes (ISO/IEC
/// 14496-15 §5.3.3), and ends within its first slice.
pub(crate) fn is_head_of_picture(source: &dyn ByteSource, media: Span) -> Result<bool> {
    let mut window = Window::new(source);
    let mut at = media.start;
    for _ in 0..AHEAD {
        let head = window.bytes(at, 6)?;
        let Some((length, unit @ [_, _])) = head.split_first_chunk::<4>() else {
            return Ok(at > media.start && at < media.end);
        };
        let length = u64::from(u32::from_be_bytes(*length));
        let Some(unit) = Unit::of(unit).filter(|_| (2..=LARGEST).contains(&length)) else {
            return Ok(false);
        };
        at = at.saturating_add(4 + length);
        if at > media.end || unit == Unit::Slice {
            return Ok(at > media.end);
        }
    }
    Ok(false)
}

#[derive(Copy, Clone, PartialEq)]
enum Unit {
    Slice,
    Other,
}

impl Unit {
    /// By the header of a unit, of either codec; `None` for what a picture does not begin with.
    fn of(head: &[u8]) -> Option<Self> {
        // `nal_ref_idc` must not be 0 in what others refer to, and must be in what they cannot (H.264 §7.4.1).
        let referred = head.first().is_some_and(|first| first & 0x60 != 0);
        let avc = match h264::NalType::of(head)? {
            h264::NalType::SLICE => Some(Self::Slice),
            h264::NalType::IDR if referred => Some(Self::Slice),
            h264::NalType::SPS | h264::NalType::PPS if referred => Some(Self::Other),
            h264::NalType::SEI | h264::NalType::AUD if !referred => Some(Self::Other),
            _ => None,
        };
        avc.or_else(|| {
            let base = h265::NalHeader::of(head).filter(|h| h.layer_id == 0)?;
            match base.nal_type {
                slice if slice.is_slice() => Some(Self::Slice),
                h265::NalType::VPS
                | h265::NalType::SPS
                | h265::NalType::PPS
                | h265::NalType::AUD
                | h265::NalType::PREFIX_SEI
                | h265::NalType::SUFFIX_SEI => Some(Self::Other),
                _ => None,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn units(units: &[(u8, u8, usize)]) -> Vec<u8> {
        let mut all = Vec::new();
        for (first, second, size) in units {
            all.extend(u32::try_from(*size).unwrap().to_be_bytes());
            all.extend([*first, *second]);
            all.extend(vec![0x55; size - 2]);
        }
        all
    }

    #[test]
    fn media_that_ends_within_its_first_slice_holds_no_picture() {
        let streams = [
            units(&[(0x06, 5, 600), (0x65, 0x88, 7000), (0x41, 0x9a, 300)]),
            units(&[(0x40, 1, 24), (0x42, 1, 40), (0x44, 1, 7), (0x26, 1, 7000)]),
        ];
        for whole in streams {
            let cut = |len: usize| {
                let bytes = whole.get(..len).unwrap();
                is_head_of_picture(&bytes, Span::new(0, len as u64)).unwrap()
            };
            assert!(cut(52) && cut(3000));
            assert!(!cut(whole.len()));
        }
    }

    #[test]
    fn other_media_is_not_told() {
        let bytes: Vec<u8> = (0..4000_u32)
            .map(|i| ((i * 37) >> 3).to_le_bytes()[0])
            .collect();
        let all = Span::new(0, bytes.len() as u64);
        assert!(!is_head_of_picture(&bytes.as_slice(), all).unwrap());
    }
}
