//! FLAC (RFC 9639): its configuration box, and its frames, which say themselves where they end.

use crate::ac3::crc16;
use crate::describe::{CodecDescription, ConfigBoxes, config};
use crate::error::{CodecError, Result};
use crate::recognise::{Access, Depth, Hints, Recogniser, Verdict};
use crate::reservoir::Reader;
use tapo_io::Window;

/// `dfLa`: version and flags, then metadata blocks, of which STREAMINFO is the first.
pub(crate) fn describe<'a>(
    description: &mut CodecDescription<'a>,
    boxes: &ConfigBoxes<'a>,
) -> Result<()> {
    let payload = config(boxes, "dfLa")?;
    let Some(info) = StreamInfo::read(payload) else {
        return Err(CodecError::Truncated {
            structure: "dfLa",
            element: "STREAMINFO",
        });
    };
    description.sample_rate = Some(info.rate).filter(|&rate| rate != 0);
    description.channels = Some(info.channels);
    description.bits = Some(info.bits);
    Ok(())
}

/// What STREAMINFO (section 8.2) says of all frames.
struct StreamInfo {
    rate: u32,
    channels: u16,
    bits: u8,
}

impl StreamInfo {
    fn read(payload: &[u8]) -> Option<Self> {
        // Behind 4 bytes of FullBox, 4 of block header and 10 of block and frame sizes: rate 20, channels - 1 3, bits - 1 5 bits.
        let &[a, b, c, d, ..] = payload.get(18..)? else {
            return None;
        };
        Some(Self {
            rate: u32::from_be_bytes([a, b, c, d]) >> 12,
            channels: u16::from(c >> 1 & 7) + 1,
            bits: (c << 4 & 0x10 | d >> 4) + 1,
        })
    }
}

/// What a frame header says (section 9.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Header {
    /// Its bytes, checksum included.
    len: usize,
    /// Whether the coded number is that of the first sample, not of the frame.
    variable: bool,
    /// Samples of each channel.
    block: u32,
    /// The code of the sampling rate, 0 for that of STREAMINFO.
    rate: u8,
    channels: u32,
    /// The channel that holds a difference, with one bit more.
    side: Option<u32>,
    /// Bits of a sample; 0 for those of STREAMINFO.
    depth: u32,
}

/// Bytes of a frame header at most: four, a coded number of seven, block size, rate, checksum.
const LONGEST_HEADER: usize = 16;

/// Evidence of a header: sync code, reserved values, checksum.
const HEADER_BITS: f32 = 24.0;

/// Evidence of the checksum of a frame.
const FRAME_BITS: f32 = 16.0;

impl Header {
    /// The first four bytes: sync code, and no reserved value.
    fn begins(head: [u8; 4]) -> bool {
        let [sync, strategy, sizes, layout] = head;
        sync == 0xFF
            && strategy & 0xFE == 0xF8
            && sizes >> 4 != 0
            && sizes & 15 != 15
            && layout >> 4 < 11
            && layout >> 1 & 7 != 3
            && layout & 1 == 0
    }

    /// `None` where none stands; of one that is not all there as well.
    fn read(bytes: &[u8]) -> Option<Self> {
        let head = bytes
            .first_chunk::<4>()
            .filter(|head| Self::begins(**head))?;
        let [_, strategy, sizes, layout] = *head;
        let variable = strategy & 1 == 1;
        // The coded number is written as UTF-8 writes characters, up to 36 bits.
        let first = *bytes.get(4)?;
        let more = match first.leading_ones() {
            0 => 0,
            1 | 8 => return None,
            ones => ones as usize - 1,
        };
        if more == 6 && !variable {
            return None;
        }
        let continued = bytes.get(5..5 + more)?;
        if !continued.iter().all(|byte| byte & 0xC0 == 0x80) {
            return None;
        }
        let mut at = 5 + more;
        let mut field = |count: usize| {
            let bytes = bytes.get(at..at + count)?;
            at += count;
            Some(
                bytes
                    .iter()
                    .fold(0, |n: u32, byte| n << 8 | u32::from(*byte)),
            )
        };
        let block = match u32::from(sizes >> 4) {
            1 => 192,
            code @ 2..=5 => 144 << code,
            6 => field(1)? + 1,
            7 => field(2)? + 1,
            code => 1 << code,
        };
        let rate = sizes & 15;
        match rate {
            12 => drop(field(1)?),
            13 | 14 => drop(field(2)?),
            _ => {}
        }
        let checked = bytes.get(..at)?;
        if crc8(checked) != *bytes.get(at)? {
            return None;
        }
        let (channels, side) = match layout >> 4 {
            8 | 10 => (2, Some(1)),
            9 => (2, Some(0)),
            count => (u32::from(count) + 1, None),
        };
        let depth = match layout >> 1 & 7 {
            1 => 8,
            2 => 12,
            4 => 16,
            5 => 20,
            6 => 24,
            7 => 32,
            _ => 0,
        };
        Some(Self {
            len: at + 1,
            variable,
            block,
            rate,
            channels,
            side,
            depth,
        })
    }

    /// Bytes that the frame takes at most: nothing compressed, and what the codes cost on top.
    fn longest(&self, depth: u32) -> usize {
        let bits = self.block as usize * (depth as usize + 2) + 512;
        self.len + self.channels as usize * bits / 8 + 16
    }
}

const fn malformed(element: &'static str) -> CodecError {
    CodecError::Malformed {
        structure: "FLAC frame",
        element,
    }
}

const CUT: CodecError = CodecError::Truncated {
    structure: "FLAC frame",
    element: "residual",
};

/// Walks the subframes of a frame (section 9.2) to its end, checksum included.
fn walk(header: &Header, depth: u32, data: &[u8]) -> Result<usize> {
    let body = data.get(header.len..).unwrap_or_default();
    let mut reader = Reader::new(body);
    for channel in 0..header.channels {
        let bits = depth + u32::from(header.side == Some(channel));
        subframe(&mut reader, header.block, bits)?;
        if reader.overrun() {
            return Err(CUT);
        }
    }
    let end = header.len + reader.position().div_ceil(8) + 2;
    if end > data.len() { Err(CUT) } else { Ok(end) }
}

fn subframe(reader: &mut Reader<'_>, block: u32, depth: u32) -> Result<()> {
    if reader.flag() {
        return Err(malformed("subframe header"));
    }
    let kind = reader.read(6);
    let mut bits = depth;
    if reader.flag() {
        let wasted = unary(reader)? + 1;
        bits = bits
            .checked_sub(wasted)
            .filter(|b| *b > 0)
            .ok_or(malformed("wasted bits"))?;
    }
    let order = match kind {
        0 => {
            reader.jump(bits as usize);
            return Ok(());
        }
        1 => {
            reader.jump(bits as usize * block as usize);
            return Ok(());
        }
        8..=12 => kind - 8,
        32.. => kind - 31,
        _ => return Err(malformed("subframe type")),
    };
    if order > block {
        return Err(malformed("predictor order"));
    }
    reader.jump((bits * order) as usize);
    if kind >= 32 {
        let precision = reader.read(4) + 1;
        if precision == 16 {
            return Err(malformed("precision"));
        }
        reader.jump((5 + order * precision) as usize);
    }
    residual(reader, block, order)
}

/// The Rice codes of a residual (section 9.2.7).
fn residual(reader: &mut Reader<'_>, block: u32, order: u32) -> Result<()> {
    let (width, escape) = match reader.read(2) {
        0 => (4, 15),
        1 => (5, 31),
        _ => return Err(malformed("coding method")),
    };
    let parts = reader.read(4);
    let each = block >> parts;
    if each << parts != block || each < order {
        return Err(malformed("partition order"));
    }
    for part in 0..1_u32 << parts {
        let count = if part == 0 { each - order } else { each };
        let parameter = reader.read(width);
        if parameter == escape {
            let bits = reader.read(5);
            reader.jump(bits as usize * count as usize);
        } else {
            for _ in 0..count {
                unary(reader)?;
                if parameter > 0 {
                    reader.skip(parameter);
                }
            }
        }
        if reader.overrun() {
            return Err(CUT);
        }
    }
    Ok(())
}

/// Zeros up to a one, which is taken too.
fn unary(reader: &mut Reader<'_>) -> Result<u32> {
    let mut zeros = 0;
    loop {
        let ahead = reader.peek(32);
        let run = ahead.leading_zeros();
        zeros += run;
        if run < 32 {
            reader.skip(run + 1);
            return Ok(zeros);
        }
        reader.skip(32);
        if reader.overrun() {
            return Err(CUT);
        }
    }
}

/// For `fLaC`.
pub(crate) fn recogniser(
    _: [u8; 4],
    boxes: &ConfigBoxes<'_>,
    hints: &Hints,
) -> Option<Box<dyn Recogniser>> {
    let info = config(boxes, "dfLa").ok().and_then(StreamInfo::read);
    let bits = info.as_ref().map(|i| i.bits.into()).or(hints.sample_bits);
    Some(Box::new(FlacRecogniser {
        depth: bits.filter(|b| (4..=32).contains(b)).unwrap_or(16),
        channels: info.map(|i| i.channels.into()),
        like: None,
    }))
}

#[derive(Debug, Clone)]
struct FlacRecogniser {
    /// Bits of a sample by STREAMINFO.
    depth: u32,
    channels: Option<u32>,
    /// A frame of the sound file: strategy, rate and depth do not change.
    like: Option<Header>,
}

impl FlacRecogniser {
    fn header(&self, bytes: &[u8]) -> Option<Header> {
        let header = Header::read(bytes)?;
        let alike = self.like.is_none_or(|like| {
            (like.variable, like.rate, like.depth) == (header.variable, header.rate, header.depth)
        });
        let channels = self.channels.is_none_or(|count| count == header.channels);
        (alike && channels).then_some(header)
    }
}

impl Recogniser for FlacRecogniser {
    fn could_start(&self, head: &[u8]) -> bool {
        match head.first_chunk() {
            Some(first) if head.len() < LONGEST_HEADER => Header::begins(*first),
            Some(_) => self.header(head).is_some(),
            None => true,
        }
    }

    fn next_candidate(&self, bytes: &[u8]) -> Option<usize> {
        let mut found = memchr::memchr_iter(0xFF, bytes);
        found.find(|&at| {
            let head = bytes.get(at..).unwrap_or_default();
            self.could_start(head.get(..crate::recognise::HEAD).unwrap_or(head))
        })
    }

    fn probe(
        &self,
        window: &mut Window<'_>,
        at: u64,
        end: u64,
        _: Depth,
    ) -> tapo_io::Result<Verdict> {
        let left = usize::try_from(end.saturating_sub(at)).unwrap_or(usize::MAX);
        let Some(header) = self.header(window.bytes(at, left.min(LONGEST_HEADER))?) else {
            return Ok(Verdict::Not(malformed("header")));
        };
        let depth = if header.depth > 0 {
            header.depth
        } else {
            self.depth
        };
        let data = window.bytes(at, header.longest(depth).min(left))?;
        let access = |len: usize, bits: f32, sound: bool| Access {
            duration: Some(header.block),
            flaw: (!sound).then_some(at),
            ..Access::new(len as u64, bits)
        };
        Ok(match walk(&header, depth, data) {
            Ok(len) if crc16(data.get(..len).unwrap_or_default()) == 0 => {
                Verdict::Sample(access(len, HEADER_BITS + FRAME_BITS, true))
            }
            // Damaged, if the next one begins there; else where it ends cannot be told.
            Ok(len) => {
                let behind = data.get(len..).unwrap_or_default();
                let next = behind.len() >= LONGEST_HEADER && self.header(behind).is_some();
                if next || len == left {
                    Verdict::Sample(access(len, HEADER_BITS, false))
                } else {
                    Verdict::Not(malformed("checksum"))
                }
            }
            Err(CodecError::Truncated { .. }) if data.len() == left => {
                Verdict::Cut(access(left, HEADER_BITS, true))
            }
            Err(error) => Verdict::Not(error),
        })
    }

    fn learn(&mut self, sample: &[u8]) {
        if let Some(header) = Header::read(sample) {
            self.like.get_or_insert(header);
        }
    }

    fn fork(&self) -> Box<dyn Recogniser> {
        Box::new(self.clone())
    }
}

/// CRC-8 of a frame header: polynomial 0x07 (section 9.1.8).
fn crc8(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |crc: u8, &byte| {
        (0..8).fold(crc ^ byte, |crc, _| {
            crc << 1 ^ if crc & 0x80 != 0 { 0x07 } else { 0 }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::describe;

    /// A frame of one channel of 16 bits: `block` samples of the same value; then, with Rice codes, all 0.
    fn frame(rice: bool, block: u8) -> Vec<u8> {
        let mut frame = vec![0xFF, 0xF8, 0x60, 0x08, 0x05, block - 1];
        frame.push(crc8(&frame));
        if rice {
            // Fixed predictor of order 0, method 0, one partition, parameter 0: then a one for each sample.
            frame.extend([0x10, 0, 0x3F]);
            frame.extend(vec![0xFF; usize::from(block / 8) - 1]);
            frame.push(0xC0);
        } else {
            frame.extend([0x00, 0x12, 0x34]);
        }
        let crc = crc16(&frame).to_be_bytes();
        frame.extend(crc);
        frame
    }

    fn of() -> Box<dyn Recogniser> {
        recogniser(*b"fLaC", &[], &Hints::default()).unwrap()
    }

    fn probe(data: &Vec<u8>, end: usize) -> Verdict {
        let mut window = Window::new(data);
        of().probe(&mut window, 0, end as u64, Depth::Heads)
            .unwrap()
    }

    #[test]
    fn frames_end_where_they_say() {
        for rice in [false, true] {
            let frame = frame(rice, 64);
            let mut data = frame.clone();
            data.extend([0x55; 40]);
            let access = probe(&data, data.len()).sample().unwrap();
            assert_eq!(
                (access.len, access.duration),
                (frame.len() as u64, Some(64))
            );
            assert_eq!(access.flaw, None);
            for end in 7..frame.len() {
                assert!(matches!(probe(&data, end), Verdict::Cut(_)), "{end}");
            }
        }
    }

    #[test]
    fn a_damaged_frame_is_one_only_in_front_of_another() {
        let mut data = frame(true, 64);
        let at = data.len() - 1;
        data[at] ^= 1;
        let mut alone = data.clone();
        alone.extend([0x55; 40]);
        assert!(matches!(probe(&alone, alone.len()), Verdict::Not(_)));
        data.extend(frame(true, 64));
        let access = probe(&data, data.len()).sample().unwrap();
        assert_eq!((access.len, access.flaw), (at as u64 + 1, Some(0)));
    }

    #[test]
    fn reserved_values_are_no_header() {
        for (at, value) in [
            (1, 0xFA),
            (2, 0x00),
            (2, 0x6F),
            (3, 0xB8),
            (3, 0x06),
            (3, 0x09),
        ] {
            let mut data = frame(false, 64);
            data[at] = value;
            data[6] = crc8(&data[..6]);
            // Without a size behind it the header would be shorter.
            if (at, value) == (2, 0x00) {
                data[5] = crc8(&data[..5]);
            }
            assert!(matches!(probe(&data, data.len()), Verdict::Not(_)));
        }
    }

    #[test]
    fn checksums() {
        assert_eq!((crc8(b"123456789"), crc16(b"123456789")), (0xF4, 0xFEE8));
    }

    #[test]
    fn stream_info() {
        let mut payload = vec![0; 18];
        // 44,100 Hz, 2 channels, 16 bits.
        payload.extend([0x0A, 0xC4, 0x42, 0xF0]);
        let flac = describe(*b"fLaC", &[(*b"dfLa", &payload)]);
        assert_eq!(
            (flac.sample_rate, flac.channels, flac.bits),
            (Some(44_100), Some(2), Some(16))
        );
    }
}
