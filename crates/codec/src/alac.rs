//! Apple Lossless: its magic cookie.

use crate::describe::{CodecDescription, ConfigBoxes, config};
use crate::error::{CodecError, Result};
use crate::recognise::{Access, Depth, Hints, Recogniser, Verdict};
use crate::reservoir::Reader;
use tapo_io::Window;

/// The `alac` box inside the sample entry: version and flags, then ALACSpecificConfig.
pub(crate) fn describe<'a>(
    description: &mut CodecDescription<'a>,
    boxes: &ConfigBoxes<'a>,
) -> Result<()> {
    let payload = config(boxes, "alac")?;
    let cookie = payload.get(4..).and_then(|c| c.first_chunk::<24>());
    let Some(
        &[
            f0,
            f1,
            f2,
            f3,
            _,
            bits,
            _,
            _,
            _,
            channels,
            ..,
            r0,
            r1,
            r2,
            r3,
        ],
    ) = cookie
    else {
        return Err(CodecError::Truncated {
            structure: "alac",
            element: "sampleRate",
        });
    };
    description.frame_length = Some(u32::from_be_bytes([f0, f1, f2, f3]));
    description.bits = Some(bits);
    description.channels = Some(channels.into());
    description.sample_rate = Some(u32::from_be_bytes([r0, r1, r2, r3]));
    Ok(())
}

/// What the walk needs of the magic cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cookie {
    /// Samples of a frame.
    frame_length: u32,
    bit_depth: u32,
    /// Adaptive Golomb parameters.
    pb: u32,
    mb: u32,
    kb: u32,
    channels: u32,
}

impl Cookie {
    fn read(payload: &[u8]) -> Option<Self> {
        let &[f0, f1, f2, f3, _, depth, pb, mb, kb, channels, ..] = payload.get(4..)? else {
            return None;
        };
        let cookie = Self {
            frame_length: u32::from_be_bytes([f0, f1, f2, f3]),
            bit_depth: depth.into(),
            pb: pb.into(),
            mb: mb.into(),
            kb: kb.into(),
            channels: channels.into(),
        };
        let sound = (1..=1 << 16).contains(&cookie.frame_length)
            && (8..=32).contains(&cookie.bit_depth)
            && (1..=8).contains(&cookie.channels)
            && (1..=24).contains(&cookie.kb);
        sound.then_some(cookie)
    }

    /// Bytes of a frame at most: nothing compressed, and its headers.
    const fn longest(&self) -> usize {
        (self.frame_length * self.channels * (self.bit_depth + 8) / 8 + 1024) as usize
    }
}

/// A frame: its bytes, and its samples.
type Frame = (usize, u32);

const fn malformed(element: &'static str) -> CodecError {
    CodecError::Malformed {
        structure: "ALAC frame",
        element,
    }
}

const CUT: CodecError = CodecError::Truncated {
    structure: "ALAC frame",
    element: "samples",
};

/// Walks the elements of a frame to their end.
fn frame(cookie: &Cookie, data: &[u8]) -> std::result::Result<Frame, CodecError> {
    let mut reader = Reader::new(data);
    let (mut channels, mut samples) = (0, None);
    for _ in 0..32 {
        let tag = reader.read(3);
        if reader.overrun() {
            return Err(CUT);
        }
        match tag {
            0 | 1 | 3 => {
                let count = if tag == 1 { 2 } else { 1 };
                channels += count;
                let length = element(cookie, &mut reader, count)?;
                if channels > cookie.channels || samples.is_some_and(|known| known != length) {
                    return Err(malformed("element"));
                }
                samples = Some(length);
            }
            4 => {
                reader.skip(4);
                let aligned = reader.flag();
                let mut count = reader.read(8) as usize;
                if count == 255 {
                    count += reader.read(8) as usize;
                }
                if aligned {
                    reader.align();
                }
                reader.jump(8 * count);
            }
            6 => {
                let mut count = reader.read(4) as usize;
                if count == 15 {
                    count = 14 + reader.read(8) as usize;
                }
                reader.jump(8 * count);
            }
            7 => {
                reader.align();
                if reader.overrun() {
                    return Err(CUT);
                }
                let samples = samples.filter(|_| channels == cookie.channels);
                let samples = samples.ok_or(malformed("element"))?;
                return Ok((reader.position() / 8, samples));
            }
            _ => return Err(malformed("element")),
        }
    }
    Err(malformed("element"))
}

/// One element of one or two channels; its samples.
fn element(
    cookie: &Cookie,
    reader: &mut Reader<'_>,
    channels: u32,
) -> std::result::Result<u32, CodecError> {
    reader.skip(4);
    if reader.read(12) != 0 {
        return Err(malformed("unused header"));
    }
    let partial = reader.flag();
    let shift = 8 * reader.read(2);
    let escape = reader.flag();
    if shift > 16 || shift >= cookie.bit_depth {
        return Err(malformed("bytes shifted"));
    }
    let samples = if partial {
        reader.read(32)
    } else {
        cookie.frame_length
    };
    if samples == 0 || samples > cookie.frame_length {
        return Err(malformed("sample count"));
    }
    if escape {
        reader.jump((samples * channels * cookie.bit_depth) as usize);
        return if reader.overrun() {
            Err(CUT)
        } else {
            Ok(samples)
        };
    }
    reader.skip(16); // how the channels are mixed
    let mut factors = [0; 2];
    for factor in factors.iter_mut().take(channels as usize) {
        let mode = reader.read(4);
        reader.skip(4); // shift of the prediction
        *factor = reader.read(3);
        let order = reader.read(5);
        // Only two of the modes were ever used.
        if !matches!(mode, 0 | 15) {
            return Err(malformed("mode"));
        }
        reader.jump(16 * order as usize);
    }
    reader.jump((samples * channels * shift) as usize);
    let bits = cookie.bit_depth - shift + (channels - 1);
    for &factor in factors.iter().take(channels as usize) {
        residuals(
            cookie,
            reader,
            factor * cookie.pb / 4,
            samples,
            bits.min(32),
        )?;
    }
    Ok(samples)
}

/// Passes over the residuals of one channel: adaptive Golomb codes, whose parameter follows the mean of the values before.
fn residuals(
    cookie: &Cookie,
    reader: &mut Reader<'_>,
    pb: u32,
    samples: u32,
    bits: u32,
) -> std::result::Result<(), CodecError> {
    let mut mean = cookie.mb;
    let mut after_zeros = 0;
    let mut at = 0;
    while at < samples {
        let k = (31 - ((mean >> 9) + 3).leading_zeros()).min(cookie.kb);
        let value = golomb(reader, (1 << k) - 1, k, bits).wrapping_add(after_zeros);
        at += 1;
        // 32 bits that wrap, as in the reference decoder.
        mean = if value > 0xFFFF + after_zeros {
            0xFFFF
        } else {
            let decay = pb.wrapping_mul(mean) >> 9;
            (pb * value).wrapping_add(mean).wrapping_sub(decay)
        };
        after_zeros = 0;
        if mean < 128 && at < samples {
            // A run of zeros.
            let k = mean.leading_zeros() - 24 + ((mean + 16) >> 6);
            let run = golomb(reader, (1 << k.min(cookie.kb)) - 1, k, 16);
            at = at.saturating_add(run);
            if at > samples {
                return Err(malformed("run of zeros"));
            }
            after_zeros = u32::from(run < 65_535);
            mean = 0;
        }
        if reader.overrun() {
            return Err(CUT);
        }
    }
    Ok(())
}

/// One code with divisor `m` of `k` bits; nine ones announce a plain value.
fn golomb(reader: &mut Reader<'_>, m: u32, k: u32, plain: u32) -> u32 {
    let ones = (!(reader.peek(9) << 23)).leading_zeros();
    if ones >= 9 {
        reader.skip(9);
        return reader.read(plain);
    }
    reader.skip(ones + 1);
    if k == 1 {
        return ones;
    }
    let rest = reader.peek(k);
    if rest >= 2 {
        reader.skip(k);
        ones * m + rest - 1
    } else {
        reader.skip(k - 1);
        ones * m
    }
}

/// For `alac`.
pub(crate) fn recogniser(
    _: [u8; 4],
    boxes: &ConfigBoxes<'_>,
    _: &Hints,
) -> Option<Box<dyn Recogniser>> {
    let cookie = Cookie::read(config(boxes, "alac").ok()?)?;
    Some(Box::new(AlacRecogniser { cookie }))
}

#[derive(Debug, Clone)]
struct AlacRecogniser {
    cookie: Cookie,
}

impl Recogniser for AlacRecogniser {
    fn could_start(&self, head: &[u8]) -> bool {
        // Element, instance, twelve zeros.
        match *head {
            [first, second, third, ..] => {
                let element = if self.cookie.channels == 2 { 1 } else { 0 };
                let zeros = first & 1 == 0 && second == 0 && third & 0xE0 == 0;
                matches!(first >> 5, 4 | 6) || first >> 5 == element && zeros
            }
            _ => true,
        }
    }

    fn probe(
        &self,
        window: &mut Window<'_>,
        at: u64,
        end: u64,
        _: Depth,
    ) -> tapo_io::Result<Verdict> {
        let left = usize::try_from(end.saturating_sub(at)).unwrap_or(usize::MAX);
        let most = self.cookie.longest();
        let data = window.bytes(at, left.min(most))?;
        if !self.could_start(data) {
            return Ok(Verdict::Not(malformed("element")));
        }
        Ok(match frame(&self.cookie, data) {
            Ok((len, samples)) => Verdict::Sample(Access {
                duration: Some(samples),
                ..Access::new(len as u64, 18.0)
            }),
            Err(CodecError::Truncated { .. }) if left > 3 && left < most => {
                Verdict::Cut(Access::new(left as u64, 14.0))
            }
            Err(why) => Verdict::Not(why),
        })
    }

    fn fork(&self) -> Box<dyn Recogniser> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use crate::describe;

    #[test]
    fn cookie() {
        let payload = [
            0, 0, 0, 0, 0, 0, 16, 0, 0, 16, 40, 10, 14, 2, 0, 255, 0, 0, 64, 8, 0, 4, 226, 0, 0, 0,
            172, 68,
        ];
        let alac = describe(*b"alac", &[(*b"alac", &payload)]);
        assert_eq!((alac.sample_rate, alac.channels), (Some(44_100), Some(2)));
        assert_eq!((alac.frame_length, alac.bits), (Some(4096), Some(16)));
    }

    /// A frame without compression: its length is in its header.
    #[test]
    fn an_uncompressed_frame() {
        let payload = [
            0, 0, 0, 0, 0, 0, 0, 16, 0, 16, 40, 10, 14, 2, 0, 255, 0, 0, 64, 8, 0, 4, 226, 0, 0, 0,
            172, 68,
        ];
        let cookie = super::Cookie::read(&payload).unwrap();
        // A pair: instance 0, twelve zeros, whole, nothing shifted, escape; 16 samples of 2 * 16 bits; the end.
        let mut data = vec![0x20, 0, 2];
        data.extend([0x55; 64]);
        data.push(0xAA);
        // Bits before the samples: 23, so that the end's three stand in the last bit of one byte and two of the next.
        data[66] |= 1;
        data[67] = 0xC0;
        data.extend([7; 9]);
        assert_eq!(super::frame(&cookie, &data).unwrap(), (68, 16));
        assert!(super::frame(&cookie, &data[..60]).is_err());
        data[1] = 1;
        assert!(super::frame(&cookie, &data).is_err(), "twelve zeros");
    }
}
