//! Times within pictures: SEI messages that say when each came and was taken.
//!
//! The forms are those of retina-record (`strawlab.org/89H` for each picture, and
//! `strawlab.org/o8B` for the first behind a sender report) and of MISB ST 0604. They
//! change the pictures' bytes, not what is seen; nobody gets them unasked.

use crate::source::{Codec, WallClock};
use crate::timeline::Timed;
use crate::{Error, Result};

/// Which times stand in pictures, besides those in boxes beside them.
#[derive(Copy, Clone, Debug, Default, Eq, PartialEq)]
pub struct Timing {
    /// When a picture was received and its RTP time, and each sender report.
    pub strawlab: bool,
    /// When it was taken, microseconds since 1970 (MISB ST 0604).
    pub misb: bool,
}

impl std::str::FromStr for Timing {
    type Err = Error;

    /// `boxes` for none, or `strawlab`, `misb`, or both with a comma between.
    fn from_str(text: &str) -> Result<Self> {
        let mut timing = Self::default();
        for word in text.split(',').map(str::trim) {
            match word {
                "boxes" => {}
                "strawlab" => timing.strawlab = true,
                "misb" => timing.misb = true,
                _ => {
                    let why = format!("{word:?} is none of boxes, strawlab and misb");
                    return Err(Error::Usage(why));
                }
            }
        }
        Ok(timing)
    }
}

const FRAME: &[u8; 16] = b"strawlab.org/89H";
const REPORT: &[u8; 16] = b"strawlab.org/o8B";
/// MISB ST 0604: the identifiers for H.264 and for H.265.
const MICROSECONDS: [&[u8; 16]; 2] = [
    b"MISPmicrosectime",
    b"\xa8\x68\x7d\xd4\xd7\x59\x37\x58\xa5\xce\xf0\x33\x8b\x65\x45\xf1",
];
/// MISB ST 0603: no clock is known to be locked to; time goes on, forwards.
const STATUS: u8 = 0x9f;
/// `user_data_unregistered` (H.264 D.1.7, H.265 D.2.7).
const UNREGISTERED: u8 = 5;

/// Writes times into the pictures of one track.
#[derive(Debug)]
pub(crate) struct Stamper {
    timing: Timing,
    codec: Codec,
    track: usize,
    /// The newest sender report that no picture has yet.
    report: Option<Report>,
}

#[derive(Copy, Clone, Debug)]
struct Report {
    received: WallClock,
    ntp: u64,
    rtp: u32,
}

impl Stamper {
    /// For the pictures of this track; `None` if none are wanted, or there is no room in
    /// such pictures.
    pub(crate) fn new(timing: Timing, track: usize, codec: Codec) -> Option<Self> {
        let wanted = timing != Timing::default();
        let room = matches!(codec, Codec::H264 | Codec::H265);
        (wanted && room).then_some(Self {
            timing,
            codec,
            track,
            report: None,
        })
    }

    /// Takes a sender report.
    pub(crate) fn sender_report(&mut self, track: usize, received: WallClock, ntp: u64, rtp: i64) {
        if track == self.track {
            self.report = Some(Report {
                received,
                ntp,
                rtp: low(rtp),
            });
        }
    }

    /// Writes into a picture what is known of it.
    pub(crate) fn stamp(&mut self, timed: &mut Timed) {
        let unit = &mut timed.unit;
        if unit.track != self.track {
            return;
        }
        let mut stamps = Vec::new();
        if self.timing.strawlab {
            if let Some(Report { received, ntp, rtp }) = self.report.take() {
                let received = received.to_ntp();
                let text = format!(r#"{{"recv":{received},"ntp":{ntp},"rtp":{rtp}}}"#);
                self.message(REPORT, text.as_bytes(), &mut stamps);
            }
            let (received, rtp) = (unit.received.to_ntp(), low(unit.rtp));
            let text = format!(r#"{{"recv":{received},"rtp":{rtp}}}"#);
            self.message(FRAME, text.as_bytes(), &mut stamps);
        }
        if self.timing.misb {
            let [h264, h265] = MICROSECONDS;
            let uuid = if self.codec == Codec::H264 {
                h264
            } else {
                h265
            };
            let micros = u64::try_from(timed.wall.at.0 / 1000).unwrap_or(0);
            let [a, b, c, d, e, f, g, h] = micros.to_be_bytes();
            let time = [STATUS, a, b, 0xff, c, d, 0xff, e, f, 0xff, g, h];
            self.message(uuid, &time, &mut stamps);
        }
        let at = self.first_slice(&unit.data);
        unit.data.splice(at..at, stamps);
    }

    /// Appends a NAL unit with one SEI message, behind four bytes of its length.
    fn message(&self, uuid: &[u8; 16], data: &[u8], out: &mut Vec<u8>) {
        let header: &[u8] = if self.codec == Codec::H264 {
            &[6]
        } else {
            // PREFIX_SEI_NUT, layer 0, temporal id 0.
            &[39 << 1, 1]
        };
        let mut size = uuid.len() + data.len();
        let mut message = vec![UNREGISTERED];
        while size >= 255 {
            message.push(255);
            size -= 255;
        }
        message.push(u8::try_from(size).unwrap_or_default());
        message.extend(uuid);
        message.extend(data);
        message.push(0x80);
        let from = out.len();
        out.extend([0; 4]);
        out.extend(header);
        // No two zeros stand before a byte of 0 to 3 (H.264 7.4.1, H.265 7.4.2).
        let mut zeros = 0;
        for byte in message {
            if zeros == 2 && byte <= 3 {
                out.push(3);
                zeros = 0;
            }
            zeros = if byte == 0 { zeros + 1 } else { 0 };
            out.push(byte);
        }
        let length = u32::try_from(out.len() - from - 4).unwrap_or_default();
        if let Some(place) = out.get_mut(from..from + 4) {
            place.copy_from_slice(&length.to_be_bytes());
        }
    }

    /// Where the first slice begins: SEI messages stand before it, and behind delimiters,
    /// parameter sets and those SEI messages that must come first (H.264 7.4.1.2.3).
    fn first_slice(&self, picture: &[u8]) -> usize {
        let mut at = 0;
        while let Some((length, rest)) = picture.get(at..).and_then(|p| p.split_first_chunk()) {
            let is_slice = rest.first().is_some_and(|byte| match self.codec {
                // A slice, or what stands right before one (types 14 and 20).
                Codec::H264 => matches!(byte & 31, 1..=5 | 14 | 20),
                _ => byte >> 1 & 63 < 32,
            });
            if is_slice {
                return at;
            }
            let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
            at = at.saturating_add(4).saturating_add(length);
        }
        // It has none that could be found: in front of all.
        0
    }
}

/// An RTP timestamp as packets carry it.
fn low(rtp: i64) -> u32 {
    u32::try_from(rtp & 0xffff_ffff).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::AccessUnit;
    use crate::wall::WallTime;
    use std::num::NonZeroUsize;
    use tapo_codec::sei;

    const AT: WallClock = WallClock(1_800_000_000_123_456_000);

    fn stamped(codec: Codec, timing: Timing, picture: &[u8]) -> Vec<u8> {
        let mut stamper = Stamper::new(timing, 0, codec).unwrap();
        stamper.sender_report(1, AT, 1, 1);
        stamper.sender_report(0, AT, 0xb44d_b705_2000_0000, (7 << 32) + 9);
        let mut timed = Timed {
            unit: AccessUnit {
                data: picture.to_vec(),
                rtp: (3 << 32) + 4711,
                received: AT,
                ..AccessUnit::default()
            },
            time: 0,
            wall: WallTime {
                at: AT,
                by_camera: true,
            },
        };
        stamper.stamp(&mut timed);
        let first = timed.unit.data.clone();
        // The report is told once; another track has none.
        let mut again = timed.clone();
        again.unit.data = picture.to_vec();
        stamper.stamp(&mut again);
        assert!(!again.unit.data.windows(16).any(|w| w == REPORT));
        again.unit.track = 1;
        let as_it_was = again.unit.data.clone();
        stamper.stamp(&mut again);
        assert_eq!(again.unit.data, as_it_was);
        first
    }

    fn nal(bytes: &[u8]) -> Vec<u8> {
        let length = u32::try_from(bytes.len()).unwrap();
        [&length.to_be_bytes(), bytes].concat()
    }

    #[test]
    fn the_bytes_are_those_of_retina_record() {
        let both = Timing {
            strawlab: true,
            misb: false,
        };
        let (delimiter, slice) = (nal(&[9, 0xf0]), nal(&[0x65, 1, 2]));
        let got = stamped(Codec::H264, both, &[&delimiter[..], &slice].concat());
        let recv = AT.to_ntp();
        let report =
            format!("strawlab.org/o8B{{\"recv\":{recv},\"ntp\":12992092450024620032,\"rtp\":9}}");
        let ntp = 0xb44d_b705_2000_0000_u64;
        let report = report.replace("12992092450024620032", &ntp.to_string());
        let frame = format!("strawlab.org/89H{{\"recv\":{recv},\"rtp\":4711}}");
        let message = |text: &str| {
            let size = u8::try_from(text.len()).unwrap();
            nal(&[&[6, 5, size], text.as_bytes(), &[0x80]].concat())
        };
        let want = [delimiter, message(&report), message(&frame), slice].concat();
        assert_eq!(got, want);
    }

    #[test]
    fn times_are_read_back_in_both_codecs() {
        let all = Timing {
            strawlab: true,
            misb: true,
        };
        for (codec, header, parameters, slice) in [
            (Codec::H264, 1, &[6, 0, 1, 0x80][..], &[0x41, 9][..]),
            (Codec::H265, 2, &[0x40, 1, 7], &[0x26, 1, 9]),
        ] {
            let picture = [nal(parameters), nal(slice)].concat();
            let got = stamped(codec, all, &picture);
            let nals =
                tapo_codec::nal::split(&got, tapo_codec::nal::NalLengthSize::new(4).unwrap());
            let nals: Vec<Vec<u8>> = nals.map(|n| n.unwrap().bytes.to_vec()).collect();
            assert_eq!(nals.len(), 5);
            assert_eq!((&nals[0][..], &nals[4][..]), (parameters, slice));
            let mut bytes = Vec::new();
            sei::rbsp(&nals[3], NonZeroUsize::new(header).unwrap(), &mut bytes);
            let message = sei::messages(&bytes).next().unwrap();
            let uuid = message.payload.first_chunk().unwrap();
            let owner = sei::UserData::of(uuid).unwrap();
            assert_eq!(owner, sei::UserData::Microseconds);
            let time = owner.time(&message.payload[16..]).unwrap();
            assert_eq!(time, AT.0.unsigned_abs() / 1000 * 1000);
        }
    }

    #[test]
    fn nothing_looks_like_a_start_code() {
        let stamper = Stamper::new(
            Timing {
                strawlab: false,
                misb: true,
            },
            0,
            Codec::H265,
        );
        let mut out = Vec::new();
        let data = [0, 0, 0, 0, 0, 1, 0, 0, 2, 0, 0, 3, 0, 0, 4, 0, 0];
        stamper.unwrap().message(FRAME, &data, &mut out);
        let bad = |w: &[u8]| w[0] == 0 && w[1] == 0 && w[2] < 3;
        assert!(!out[4..].windows(3).any(bad), "{out:?}");
        let mut bytes = Vec::new();
        sei::rbsp(&out[4..], NonZeroUsize::new(2).unwrap(), &mut bytes);
        let message = sei::messages(&bytes).next().unwrap();
        assert_eq!(message.payload[16..], data);
        // Sizes beyond 255 take more bytes.
        let stamper = Stamper::new(
            Timing {
                strawlab: true,
                misb: false,
            },
            0,
            Codec::H264,
        );
        out.clear();
        stamper.unwrap().message(FRAME, &[7; 600], &mut out);
        assert_eq!(out[5..9], [5, 255, 255, 106]);
    }

    #[test]
    fn words_say_which() {
        let parse = |text: &str| text.parse::<Timing>().ok();
        assert_eq!(parse("boxes"), Some(Timing::default()));
        let all = Timing {
            strawlab: true,
            misb: true,
        };
        assert_eq!(parse("strawlab, misb"), Some(all));
        assert_eq!(parse("sei"), None);
        assert_eq!(parse(""), None);
        assert!(Stamper::new(all, 0, Codec::Jpeg).is_none());
        assert!(Stamper::new(Timing::default(), 0, Codec::H264).is_none());
    }
}
