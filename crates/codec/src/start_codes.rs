//! Pictures between start codes: MPEG-1 and -2 video (ISO/IEC 11172-2, 13818-2), MPEG-4 Visual (14496-2), H.263.
//!
//! A start code says where a picture begins, none says where it ends: the next picture's does, if nothing lies between. So these
//! recognisers answer [`Verdict::Start`], with [`Access::most`] for the next picture.

use crate::describe::{ConfigBoxes, config};
use crate::error::CodecError;
use crate::esds::EsDescriptor;
use crate::mpeg4::{self, Layer};
use crate::presentation::Order;
use crate::recognise::{Access, Decodes, Delimiting, Depth, Hints, Recogniser, Verdict};
use crate::{jpeg, mpeg_audio};
use memchr::memmem;
use tapo_io::Window;

/// The next picture is looked for no further than this: more than a picture of any of these codings takes.
const REACH: u64 = 8 << 20;

/// One read on the way there.
const PIECE: usize = 1 << 16;

/// Headers in front of a picture are no longer than this together (sequence header with matrices, user data).
const HEADERS: usize = 2048;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coding {
    /// MPEG-1 and -2.
    Mpeg2,
    Mpeg4,
    H263,
}

/// For the many types of MPEG-1 and -2 video.
pub(crate) fn mpeg2(_: [u8; 4], _: &ConfigBoxes<'_>, _: &Hints) -> Option<Box<dyn Recogniser>> {
    Some(Box::new(StartCodes::new(Coding::Mpeg2)))
}

/// For `s263` and `h263`.
pub(crate) fn h263(_: [u8; 4], _: &ConfigBoxes<'_>, _: &Hints) -> Option<Box<dyn Recogniser>> {
    Some(Box::new(StartCodes::new(Coding::H263)))
}

/// For `mp4v`: what the esds declares.
pub(crate) fn mp4v(
    entry_type: [u8; 4],
    boxes: &ConfigBoxes<'_>,
    hints: &Hints,
) -> Option<Box<dyn Recogniser>> {
    let es = EsDescriptor::parse(config(boxes, "esds").ok()?).ok()?;
    match es.object_type {
        0x20 => {}
        0x60..=0x65 | 0x6A => return mpeg2(entry_type, boxes, hints),
        0x6C => return jpeg::recogniser(entry_type, boxes, hints),
        0x69 | 0x6B => return Some(mpeg_audio::new()),
        _ => return None,
    }
    let mut recogniser = StartCodes::new(Coding::Mpeg4);
    recogniser.layer = es.specific_info.and_then(Layer::find);
    Some(Box::new(recogniser))
}

#[derive(Debug, Clone)]
struct StartCodes {
    coding: Coding,
    /// Of MPEG-4: what the video object layer says.
    layer: Option<Layer>,
    /// Start codes that samples of a sound file began with, and how many samples those were.
    leading: Vec<u8>,
    learnt: u32,
    /// Formats of the pictures of a sound file, as sequence and picture headers say them: most have one.
    formats: Vec<u64>,
}

/// Formats of pictures that one recording may have.
const FORMATS: usize = 8;

/// Samples that show which start codes an encoder begins them with.
const SHOWN: u32 = 20;

/// What the head of a sample says.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Head {
    /// Offset behind the picture's start code.
    picture: usize,
    intra: bool,
    bidirectional: bool,
    /// One field: the other follows in the same sample.
    field: bool,
    bits: f32,
}

/// Offsets of start codes: of the byte behind `00 00 01`.
fn codes(bytes: &[u8]) -> impl Iterator<Item = (usize, u8)> {
    memmem::find_iter(bytes, &[0, 0, 1]).filter_map(|at| Some((at + 3, *bytes.get(at + 3)?)))
}

/// Offsets of pairs of zeros, overlapping ones too: any number of zeros may stand in front of a start code.
fn zero_pairs(bytes: &[u8]) -> impl Iterator<Item = usize> {
    let mut from = 0;
    std::iter::from_fn(move || {
        let at = from + memmem::find(bytes.get(from..)?, &[0, 0])?;
        from = at + 1;
        Some(at)
    })
}

impl StartCodes {
    const fn new(coding: Coding) -> Self {
        Self {
            coding,
            layer: None,
            leading: Vec::new(),
            learnt: 0,
            formats: Vec::new(),
        }
    }

    /// What the headers in front of a picture say of its format; `None` where they say nothing.
    fn format(&self, sample: &[u8]) -> Option<u64> {
        match self.coding {
            Coding::Mpeg2 => mpeg2_format(sample),
            Coding::Mpeg4 => None,
            // The source format; the size of an extended one stands elsewhere.
            Coding::H263 => Some(u64::from(sample.get(4)? >> 2 & 7)),
        }
    }

    /// Whether pictures of this format were in a sound file, or nothing is known.
    fn is_of_format(&self, sample: &[u8]) -> bool {
        let format = self.format(sample);
        self.formats.is_empty() || format.is_none_or(|format| self.formats.contains(&format))
    }

    /// Whether a sample may begin with this start code: by the standard, and as the encoder has it, since sound in between holds some
    /// by chance.
    fn begins(&self, code: u8) -> bool {
        self.may_begin(code) && (self.learnt < SHOWN || self.leading.contains(&self.class(code)))
    }

    /// Whether a sample may begin with these bytes, the first start code of which is given: also as no sample of the reference does,
    /// where no sound would hold it by chance.
    fn starts(&self, code: u8, bytes: &[u8]) -> bool {
        self.begins(code) || self.coding == Coding::Mpeg2 && code == 0 && leads_to_slice(bytes)
    }

    /// One of the start codes that say the same.
    const fn class(&self, code: u8) -> u8 {
        match (self.coding, code) {
            (Coding::Mpeg4, 0x00..=0x1F) => 0x00,
            (Coding::Mpeg4, 0x20..=0x2F) => 0x20,
            (Coding::H263, _) => 0x80,
            (_, code) => code,
        }
    }

    const fn may_begin(&self, code: u8) -> bool {
        match self.coding {
            // Sequence header, group of pictures, picture.
            Coding::Mpeg2 => matches!(code, 0xB3 | 0xB8 | 0x00),
            // Video object sequence, video object, layer, group, VOP.
            Coding::Mpeg4 => matches!(code, 0xB0 | 0xB5 | 0x00..=0x2F | 0xB3 | 0xB6),
            Coding::H263 => code & 0xFC == 0x80,
        }
    }

    /// Bytes that may stand between a start code in front of a picture and the next one, zeros included.
    const fn longest(&self, code: u8) -> usize {
        match (self.coding, code) {
            // User data.
            (_, 0xB2) => HEADERS,
            // Sequence headers and extensions with their matrices.
            (Coding::Mpeg2, 0xB3 | 0xB5) => 272,
            // Video object layers have matrices too, video objects have no header.
            (Coding::Mpeg4, 0x20..=0x2F) => 272,
            (Coding::Mpeg4, 0x00..=0x1F) => 4,
            _ => 16,
        }
    }

    /// Reads up to the picture's header.
    fn head(&self, bytes: &[u8]) -> Option<Head> {
        if self.coding == Coding::H263 {
            return h263_head(bytes);
        }
        if !bytes.starts_with(&[0, 0, 1]) {
            return None;
        }
        let (picture_code, prefix): (u8, fn(u8) -> bool) = match self.coding {
            Coding::Mpeg2 => (0x00, |code| matches!(code, 0xB3 | 0xB8 | 0xB5 | 0xB2)),
            _ => (0xB6, |code| {
                matches!(code, 0xB0 | 0xB2 | 0xB3 | 0xB5 | 0x00..=0x2F)
            }),
        };
        let mut bits = 24.0;
        let mut reach = 3;
        for (at, code) in codes(bytes) {
            if at == 3 && !self.starts(code, bytes) || at > reach {
                return None;
            }
            reach = at + 4 + self.longest(code);
            bits += 5.0;
            if code == picture_code {
                let body = bytes.get(at + 1..)?;
                let mut head = match self.coding {
                    Coding::Mpeg2 => mpeg2_picture(body)?,
                    _ => {
                        // One in front of the picture comes before that of the description.
                        let own = Layer::find(bytes.get(..at).unwrap_or_default());
                        let layer = own.as_ref().or(self.layer.as_ref());
                        mpeg4_picture(body, layer.map(|l| l.time_bits))?
                    }
                };
                head.picture += at + 1;
                head.bits += bits;
                return Some(head);
            }
            if !prefix(code) {
                return None;
            }
        }
        None
    }

    /// Where the next sample's start code stands, behind the picture header at `from`.
    fn next(
        &self,
        window: &mut Window<'_>,
        from: u64,
        end: u64,
        mut fields: u32,
    ) -> tapo_io::Result<Option<u64>> {
        let end = end.min(from.saturating_add(REACH));
        let mut pos = from;
        while end.saturating_sub(pos) >= 4 {
            let want = usize::try_from(end - pos).unwrap_or(PIECE).min(PIECE);
            let last = want as u64 == end - pos;
            let bytes = window.bytes(pos, want)?;
            let found = if self.coding == Coding::H263 {
                let mut found = zero_pairs(bytes);
                found.find(|&at| {
                    bytes
                        .get(at..)
                        .is_some_and(|rest| h263_head(rest).is_some())
                })
            } else {
                let rest = |at: usize| bytes.get(at - 3..).unwrap_or_default();
                let mut found = codes(bytes).filter(|&(at, code)| self.starts(code, rest(at)));
                found
                    .find(|&(at, code)| {
                        // Sound may hold the bytes of a start code by chance.
                        let rest = bytes.get(at - 3..).unwrap_or_default();
                        if (rest.len() >= HEADERS || last) && self.head(rest).is_none() {
                            return false;
                        }
                        // The second field's picture.
                        let second = code == 0 && fields > 0;
                        fields -= u32::from(second);
                        !second
                    })
                    .map(|(at, _)| at - 3)
            };
            if let Some(at) = found {
                return Ok(Some(pos + at as u64));
            }
            if bytes.len() < 8 {
                break;
            }
            // A start code across the border is seen again, whole.
            pos += bytes.len() as u64 - 7;
            if last {
                break;
            }
        }
        Ok(None)
    }
}

/// Whether a picture begins here whose headers lead to its first slice: sound does not hold that by chance.
fn leads_to_slice(bytes: &[u8]) -> bool {
    let head = bytes.get(..256).unwrap_or(bytes);
    let mut codes = codes(head);
    let is_picture = codes.next().is_some_and(|(at, code)| {
        let body = head.get(at + 1..).unwrap_or_default();
        at == 3 && code == 0 && mpeg2_picture(body).is_some()
    });
    let behind = codes.find(|&(_, code)| !matches!(code, 0xB5 | 0xB2));
    // The first row of macroblocks, not far behind the headers.
    is_picture && behind.is_some_and(|(at, code)| code == 1 && at < 64)
}

/// `horizontal_size_value`, `vertical_size_value` of a sequence header (13818-2, 6.2.2.1), and `chroma_format` of its extension.
fn mpeg2_format(sample: &[u8]) -> Option<u64> {
    let &[0, 0, 1, 0xB3, a, b, c, ..] = sample else {
        return None;
    };
    let size = u64::from(a) << 16 | u64::from(b) << 8 | u64::from(c);
    let head = sample.get(..HEADERS).unwrap_or(sample);
    let mut extensions = codes(head).filter_map(|(at, code)| match code {
        0xB5 => head.get(at + 1..at + 3),
        _ => None,
    });
    // Sequence extension, id 1: profile and level 8, progressive 1, chroma format 2.
    let chroma = extensions.find_map(|ext| match *ext {
        [id, format] if id >> 4 == 1 => Some(u64::from(format >> 1 & 3)),
        _ => None,
    });
    Some(size << 2 | chroma.unwrap_or(1))
}

/// `picture_header()` behind its start code, and the coding extension if there is one (13818-2, 6.2.3).
fn mpeg2_picture(body: &[u8]) -> Option<Head> {
    let kind = body.get(..4)?.get(1)? >> 3 & 7;
    if !(1..=3).contains(&kind) {
        return None;
    }
    // picture_structure of the picture coding extension, id 8: 3 is a frame.
    let field = codes(body.get(..64).unwrap_or(body))
        .take_while(|&(_, code)| matches!(code, 0xB5 | 0xB2))
        .filter_map(|(at, _)| body.get(at + 1..at + 4))
        .any(|ext| matches!(*ext, [id, _, structure] if id >> 4 == 8 && structure & 3 != 3));
    Some(Head {
        picture: 4,
        intra: kind == 1,
        bidirectional: kind == 3,
        field,
        bits: 1.5,
    })
}

/// `VideoObjectPlane()` behind its start code (14496-2, 6.2.5).
fn mpeg4_picture(body: &[u8], time_bits: Option<u32>) -> Option<Head> {
    let first = *body.first()?;
    let bit = |at: u32| {
        let byte = *body.get(usize::try_from(at / 8).ok()?)?;
        Some(byte >> (7 - at % 8) & 1 == 1)
    };
    // modulo_time_base: ones, then a zero; seconds since the last picture.
    let mut at = 2;
    while bit(at)? {
        at += 1;
        if at > 66 {
            return None;
        }
    }
    let mut bits = 0.0;
    if !bit(at + 1)? {
        return None;
    }
    if let Some(time_bits) = time_bits {
        if !bit(at + 2 + time_bits)? {
            return None;
        }
        bits = 1.0;
    }
    Some(Head {
        picture: 1,
        intra: first >> 6 == 0,
        bidirectional: first >> 6 == 2,
        field: false,
        bits: bits + 1.0,
    })
}

/// A picture header of H.263 (5.1), or of MPEG-4's short header.
fn h263_head(bytes: &[u8]) -> Option<Head> {
    let &[0, 0, b2, b3, b4, ..] = bytes else {
        return None;
    };
    // The start code is 22 bits, the temporal reference 8; PTYPE begins with 1 and 0.
    if b2 & 0xFC != 0x80 || b3 & 3 != 2 {
        return None;
    }
    // Split screen, document camera, freeze release; then the format, and in the simple ones whether it is intra.
    let format = b4 >> 2 & 7;
    let intra = match format {
        1..=5 => b4 & 2 == 0,
        // PLUSPTYPE: update flag 001, format and options, then the type.
        7 => plus_type(bytes)? == 0,
        _ => return None,
    };
    Some(Head {
        picture: 5,
        intra,
        bidirectional: false,
        field: false,
        bits: 24.5,
    })
}

/// `MPPTYPE` picture type code of an extended header whose OPPTYPE is there.
fn plus_type(bytes: &[u8]) -> Option<u8> {
    let bit = |at: usize| Some(bytes.get(at / 8)? >> (7 - at % 8) & 1);
    let number = |from: usize, count: usize| {
        (from..from + count).try_fold(0, |n, at| Some(n << 1 | bit(at)?))
    };
    // Behind the format at bit 35: UFEP 3, OPPTYPE 18, MPPTYPE 9.
    match number(38, 3)? {
        0 => number(41, 3),
        1 => number(59, 3),
        _ => None,
    }
}

impl Recogniser for StartCodes {
    fn delimiting(&self) -> Delimiting {
        Delimiting::Start
    }

    fn could_start(&self, head: &[u8]) -> bool {
        match (self.coding, head) {
            (Coding::H263, [0, 0, code, b3, ..]) => self.begins(*code) && b3 & 3 == 2,
            (Coding::H263, [_, _, _, _, ..]) => false,
            (Coding::Mpeg2, [0, 0, 1, 0, ..]) => true,
            (_, [0, 0, 1, code, ..]) => self.begins(*code),
            (_, [_, _, _, _, ..]) => false,
            _ => true,
        }
    }

    fn next_candidate(&self, bytes: &[u8]) -> Option<usize> {
        let found =
            zero_pairs(bytes).find(|&at| self.could_start(bytes.get(at..).unwrap_or_default()));
        let tail = bytes.len().saturating_sub(3);
        found.or((!bytes.is_empty()).then_some(tail))
    }

    fn probe(
        &self,
        window: &mut Window<'_>,
        at: u64,
        end: u64,
        _: Depth,
    ) -> tapo_io::Result<Verdict> {
        let left = usize::try_from(end.saturating_sub(at)).unwrap_or(HEADERS);
        let Some(head) = self.head(window.bytes(at, left.min(HEADERS))?) else {
            return Ok(Verdict::Not(CodecError::Malformed {
                structure: "picture",
                element: "start code",
            }));
        };
        let same = self.is_of_format(window.bytes(at, left.min(HEADERS))?);
        if !same {
            return Ok(Verdict::Not(CodecError::Malformed {
                structure: "picture",
                element: "format",
            }));
        }
        let least = head.picture as u64;
        let next = self.next(window, at.saturating_add(least), end, u32::from(head.field))?;
        let mut access = Access::new(least, head.bits);
        access.most = next.map(|next| next - at);
        access.sync = head.intra;
        access.order = Order::Anchored {
            bidirectional: head.bidirectional,
        };
        Ok(Verdict::Start(access))
    }

    fn learn(&mut self, sample: &[u8]) {
        if let [0, 0, 1, code, ..] = *sample
            && self.may_begin(code)
        {
            let class = self.class(code);
            if !self.leading.contains(&class) {
                self.leading.push(class);
            }
            self.learnt = self.learnt.saturating_add(1);
        }
        if let Some(format) = self.format(sample)
            && !self.formats.contains(&format)
            && self.formats.len() < FORMATS
        {
            self.formats.push(format);
        }
        if self.coding == Coding::Mpeg4 {
            self.layer = Layer::find(sample.get(..HEADERS).unwrap_or(sample)).or(self.layer);
        }
    }

    fn decodes(&self, sample: &[u8]) -> Decodes {
        match self.coding {
            Coding::Mpeg4 => mpeg4::decodes(sample, self.layer.as_ref()),
            Coding::Mpeg2 | Coding::H263 => Decodes::Unknown,
        }
    }

    fn fork(&self) -> Box<dyn Recogniser> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A picture of MPEG-2 with a slice, behind a sequence header with its extension if `chroma` is given.
    fn mpeg2_sample(chroma: Option<u8>, kind: u8) -> Vec<u8> {
        let sequence = |chroma: u8| {
            let header = [0, 0, 1, 0xB3, 0x14, 0x00, 0xF0, 0x13, 1, 2, 3, 4];
            let extension = [0, 0, 1, 0xB5, 0x14, 0x88 | chroma << 1, 0, 1, 0, 0];
            [&header[..], &extension].concat()
        };
        let picture = [0, 0, 1, 0, 0, kind << 3 | 2, 0xFF, 0xF8];
        let extension = [0, 0, 1, 0xB5, 0x8F, 0xFF, 0xF3, 0x41, 0x80];
        let slice = [&[0, 0, 1, 1][..], &[0x55; 60]].concat();
        let head = chroma.map_or_else(Vec::new, sequence);
        [&head[..], &picture, &extension, &slice].concat()
    }

    #[test]
    fn pictures_that_begin_as_none_of_the_reference_do_are_no_part_of_others() {
        // Every picture of the reference has a sequence header.
        let mut intra = StartCodes::new(Coding::Mpeg2);
        for _ in 0..SHOWN {
            intra.learn(&mpeg2_sample(Some(1), 1));
        }
        let (first, second) = (mpeg2_sample(Some(1), 1), mpeg2_sample(None, 2));
        let row = [&first[..], &second, &second].concat();
        let len = first.len() as u64;
        assert_eq!(most(&intra, &row).map(|(most, ..)| most), Some(Some(len)));
        let behind = &row[first.len()..];
        let len = second.len() as u64;
        assert_eq!(most(&intra, behind).map(|(most, ..)| most), Some(Some(len)));
        // Quiet sound looks like a start code, and is none.
        let quiet = [&first[..], &[0, 0, 1, 0, 0, 0, 1, 0, 1, 0], &second].concat();
        assert_eq!(
            most(&intra, &quiet).map(|(most, ..)| most),
            Some(Some(first.len() as u64 + 10))
        );
        // Another chroma format is another recording.
        assert_eq!(most(&intra, &mpeg2_sample(Some(2), 1)), None);
    }

    fn most(recogniser: &StartCodes, data: &[u8]) -> Option<(Option<u64>, bool, Order)> {
        let verdict = recogniser.probe(&mut Window::new(&data), 0, data.len() as u64, Depth::Heads);
        match verdict.unwrap() {
            Verdict::Start(access) => Some((access.most, access.sync, access.order)),
            _ => None,
        }
    }

    #[test]
    fn an_mpeg_2_picture_ends_before_the_next() {
        // Sequence header, picture I, frame; a slice; then a B picture.
        let mut data = vec![0, 0, 1, 0xB3, 1, 2, 3, 4, 0, 0, 1, 0, 0, 0x0F, 0xFF, 0xF8];
        data.extend([0, 0, 1, 0xB5, 0x8F, 0xFF, 0xF3, 0x80, 0, 0, 1, 1, 9, 9, 9]);
        data.extend([0, 0, 1, 0, 0, 0x18, 0xFF, 0xF8, 0, 0, 1, 1, 9, 9]);
        let mpeg2 = StartCodes::new(Coding::Mpeg2);
        let order = |bidirectional| Order::Anchored { bidirectional };
        assert_eq!(most(&mpeg2, &data), Some((Some(31), true, order(false))));
        assert_eq!(most(&mpeg2, &data[31..]), Some((None, false, order(true))));
        // A field: the second picture belongs to it.
        data[22] = 0xF1;
        assert_eq!(most(&mpeg2, &data), Some((None, true, order(false))));
        assert_eq!(most(&mpeg2, &data[8..]).map(|found| found.0), Some(None));
        assert_eq!(most(&mpeg2, &[0, 0, 1, 1, 9, 9]), None);
        // The end within the header, and just behind it.
        assert_eq!(most(&mpeg2, &data[31..38]), None);
        assert!(most(&mpeg2, &data[31..39]).is_some());
    }

    #[test]
    fn a_start_code_that_the_encoder_begins_no_sample_with_is_chance() {
        let picture = [0, 0, 1, 0xB6, 0x50, 0xE0, 0x45, 0xFF, 9, 9];
        let mut data = picture.repeat(2);
        // A layer, and what reads as a picture behind it.
        data.splice(10..10, [0, 0, 1, 0x25, 0x97, 0x64, 0x0F, 0xC0]);
        let mut mpeg4 = StartCodes::new(Coding::Mpeg4);
        let next = |mpeg4: &StartCodes| most(mpeg4, &data).and_then(|found| found.0);
        assert_eq!(next(&mpeg4), Some(10));
        for _ in 0..SHOWN {
            mpeg4.learn(&picture);
        }
        assert_eq!(next(&mpeg4), Some(18));
    }

    #[test]
    fn an_h263_picture() {
        // Temporal reference 0, QCIF, intra; then inter.
        let data = [
            0, 0, 0x80, 0x02, 0x08, 1, 2, 3, 0, 0, 0x80, 0x06, 0x0A, 5, 6, 7,
        ];
        let h263 = StartCodes::new(Coding::H263);
        assert_eq!(
            most(&h263, &data).map(|found| (found.0, found.1)),
            Some((Some(8), true))
        );
        assert_eq!(
            most(&h263, &data[8..]).map(|found| (found.0, found.1)),
            Some((None, false))
        );
        assert_eq!(most(&h263, &[0, 0, 0x84, 2, 8, 0]), None);
    }
}
