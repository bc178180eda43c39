//! The syntax of `raw_data_block` (ISO/IEC 14496-3, 4.4.2.1), walked without decoding: where a frame ends, and whether it is one.

use super::bands::Bands;
use super::channel::Channel;
use super::huffman::{CODEBOOKS, Codebooks};
use super::shape::FrameShape;
use crate::error::{CodecError, Result};
use crate::reservoir::Reader;

const NAME: &str = "AAC frame";

/// `id_syn_ele` (table 4.85).
pub(super) const SCE: u8 = 0;
pub(super) const CPE: u8 = 1;
const CCE: u8 = 2;
pub(super) const LFE: u8 = 3;
const DSE: u8 = 4;
const PCE: u8 = 5;
pub(super) const FIL: u8 = 6;

/// The section codebook of bands without lines (table 4.151).
pub(super) const ZERO: u8 = 0;

/// Elements of one frame, far more than any layout has.
pub(super) const MAX_ELEMENTS: usize = 48;

/// More evidence than this one frame does not give, measured inside video and other AAC frames.
const MOST_BITS: f32 = 17.0;

/// What evidence a pair loses whose first channel alone is empty: one in hundreds is real.
const EMPTY_FIRST_BITS: f32 = 8.0;

/// An element that carries channels: `id_syn_ele` and `element_instance_tag`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Element {
    pub(super) id: u8,
    pub(super) tag: u8,
}

impl Element {
    /// Channels it carries.
    pub(super) const fn channels(self) -> usize {
        match self.id {
            SCE | LFE => 1,
            CPE => 2,
            _ => 0,
        }
    }
}

/// What the syntax depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Syntax {
    /// Audio object type: 1 Main, 2 LC, 4 LTP.
    pub(super) object_type: u8,
    pub(super) bands: Bands,
    /// Only zeros have been seen between the end of a frame and the byte boundary.
    pub(super) clean_padding: bool,
    /// `id_syn_ele` of the elements that may stand in front of the first channel element, as bits.
    pub(super) before: u8,
}

/// Any element may stand in front.
pub(super) const ANY: u8 = 0x7F;

/// A frame that was walked.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    /// Bytes.
    pub(super) len: usize,
    /// Its channel elements, in order; the first [`Frame::count`].
    elements: [Element; MAX_ELEMENTS],
    count: usize,
    /// As in [`Syntax::before`], what stood there.
    pub(super) before: u8,
    pub(super) shape: Option<FrameShape>,
    /// Sections, scale factors and the like that might have been wrong, as -log2 of the chance.
    pub(super) bits: f32,
}

impl Frame {
    pub(super) fn elements(&self) -> &[Element] {
        self.elements.get(..self.count).unwrap_or_default()
    }
}

pub(super) const fn malformed(element: &'static str) -> CodecError {
    CodecError::Malformed {
        structure: NAME,
        element,
    }
}

/// Whether this `extension_type` of a fill element is in use (table 4.121).
const fn is_extension(extension_type: u8) -> bool {
    matches!(extension_type, 0..=2 | 9..=14)
}

/// Walks the frame that `data` begins with. `expected` are the channel elements it must have, if that is known.
pub(super) fn frame(syntax: &Syntax, data: &[u8], expected: Option<&[Element]>) -> Result<Frame> {
    let mut walk = Walk {
        syntax,
        books: &CODEBOOKS,
        reader: Reader::new(data),
        bits: 0.0,
        doubt: 0.0,
        first: Channel::new(),
        second: Channel::new(),
    };
    let mut frame = Frame {
        len: 0,
        elements: [Element { id: 0, tag: 0 }; MAX_ELEMENTS],
        count: 0,
        before: 0,
        shape: None,
        bits: 0.0,
    };
    let mut others = 0;
    loop {
        let id = walk.reader.small(3);
        if id == 7 {
            break;
        }
        if walk.reader.overrun() {
            return Err(walk.truncated("id_syn_ele"));
        }
        match id {
            SCE | CPE | LFE => {
                let element = Element {
                    id,
                    tag: walk.reader.small(4),
                };
                if expected.is_some_and(|e| e.get(frame.count) != Some(&element)) {
                    return Err(malformed("id_syn_ele"));
                }
                let slot = frame.elements.get_mut(frame.count);
                *slot.ok_or(malformed("id_syn_ele"))? = element;
                frame.count += 1;
                walk.bits += 7.0;
                let shape = if id == CPE {
                    walk.channel_pair()?
                } else {
                    walk.first.reset();
                    walk.channel_stream(false, false)?;
                    FrameShape {
                        first: walk.first.shape,
                        second: None,
                        common_window: false,
                        mid_side: false,
                    }
                };
                frame.shape.get_or_insert(shape);
            }
            _ => {
                others += 1;
                let early = frame.count == 0;
                if others > MAX_ELEMENTS || early && syntax.before >> id & 1 == 0 {
                    return Err(malformed("id_syn_ele"));
                }
                if early {
                    frame.before |= 1 << id;
                }
                match id {
                    CCE => walk.coupling_channel()?,
                    DSE => walk.data_stream(),
                    PCE => walk.program_config(),
                    FIL => fill(&mut walk.reader)?,
                    _ => return Err(malformed("id_syn_ele")),
                }
            }
        }
        if walk.reader.overrun() {
            return Err(walk.truncated("raw_data_block"));
        }
    }
    if frame.count == 0 || expected.is_some_and(|e| e.len() != frame.count) {
        return Err(malformed("id_syn_ele"));
    }
    if !walk.reader.align() && syntax.clean_padding {
        return Err(malformed("byte_alignment"));
    }
    if walk.reader.overrun() {
        return Err(walk.truncated("byte_alignment"));
    }
    frame.len = walk.reader.position() / 8;
    // The end: three bits, and four more at the boundary on average.
    frame.bits = (walk.bits + 6.0).min(MOST_BITS) - walk.doubt;
    Ok(frame)
}

/// A frame on its way.
pub(super) struct Walk<'a> {
    pub(super) syntax: &'a Syntax,
    pub(super) books: &'static Codebooks,
    pub(super) reader: Reader<'a>,
    /// Evidence, and what it loses.
    pub(super) bits: f32,
    doubt: f32,
    pub(super) first: Channel,
    pub(super) second: Channel,
}

impl Walk<'_> {
    pub(super) fn truncated(&self, element: &'static str) -> CodecError {
        CodecError::Truncated {
            structure: NAME,
            element,
        }
    }

    pub(super) fn channel(&mut self, second: bool) -> &mut Channel {
        if second {
            &mut self.second
        } else {
            &mut self.first
        }
    }

    /// `channel_pair_element()` behind its tag.
    fn channel_pair(&mut self) -> Result<FrameShape> {
        self.first.reset();
        self.second.reset();
        let common_window = self.reader.flag();
        let mut mid_side = false;
        if common_window {
            self.ics_info(false, true)?;
            let mask = self.reader.small(2);
            if mask == 3 {
                return Err(malformed("ms_mask_present"));
            }
            self.bits += 0.4;
            mid_side = mask != 0;
            if mask == 1 {
                let bands = self.first.groups * usize::from(self.first.shape.max_sfb);
                self.reader.jump(bands);
            }
            self.second.share_windows(&self.first);
        }
        self.channel_stream(false, common_window)?;
        self.channel_stream(true, common_window)?;
        // Inside a frame, the bits of its second channel are soon met with a first channel that is empty.
        if self.first.shape.max_sfb == 0 && self.second.shape.max_sfb != 0 {
            self.doubt += EMPTY_FIRST_BITS;
        }
        Ok(FrameShape {
            first: self.first.shape,
            second: Some(self.second.shape),
            common_window,
            mid_side,
        })
    }

    /// `coupling_channel_element()` (table 4.8).
    fn coupling_channel(&mut self) -> Result<()> {
        self.reader.skip(4); // element_instance_tag
        let independent = self.reader.flag();
        let coupled = self.reader.read(3) + 1;
        let mut lists = 0;
        for _ in 0..coupled {
            lists += 1;
            let pair = self.reader.flag();
            self.reader.skip(4); // cc_target_tag_select
            if pair && self.reader.read(2) == 3 {
                lists += 1;
            }
        }
        self.reader.skip(4); // cc_domain, gain_element_sign, gain_element_scale
        self.first.reset();
        self.channel_stream(false, false)?;
        let Self {
            reader,
            first,
            books,
            ..
        } = self;
        for _ in 1..lists {
            // common_gain_element_present is implied where switching is independent.
            if independent || reader.flag() {
                books.scale_factors.next(reader);
                continue;
            }
            for section in first
                .sections
                .get(..first.section_count)
                .unwrap_or_default()
            {
                if section.codebook != ZERO {
                    for _ in section.from..section.to {
                        books.scale_factors.next(reader);
                    }
                }
            }
        }
        Ok(())
    }

    /// `data_stream_element()` (table 4.10).
    fn data_stream(&mut self) {
        self.reader.skip(4); // element_instance_tag
        let aligned = self.reader.flag();
        let mut count = self.reader.read(8) as usize;
        if count == 255 {
            count += self.reader.read(8) as usize;
        }
        if aligned {
            self.reader.align();
        }
        self.reader.jump(8 * count);
    }

    /// `program_config_element()` (table 4.2).
    fn program_config(&mut self) {
        self.reader.skip(10); // element_instance_tag, object_type, sampling_frequency_index
        let reader = &mut self.reader;
        let front_side_back = reader.read(4) + reader.read(4) + reader.read(4);
        let (lfe, data, coupling) = (reader.read(2), reader.read(3), reader.read(4));
        for mixdown in [4, 4, 3] {
            if reader.flag() {
                reader.skip(mixdown);
            }
        }
        let bits = 5 * front_side_back + 4 * lfe + 4 * data + 5 * coupling;
        reader.jump(bits as usize);
        reader.align();
        let comment = reader.read(8) as usize;
        reader.jump(8 * comment);
    }
}

/// `fill_element()` (table 4.11) behind its id. SBR and dynamic range control live here.
pub(super) fn fill(reader: &mut Reader<'_>) -> Result<()> {
    let mut count = reader.read(4) as usize;
    if count == 15 {
        count += reader.read(8) as usize;
        count -= 1;
    }
    if count == 0 {
        return Ok(());
    }
    if !is_extension(reader.small(4)) {
        return Err(malformed("extension_type"));
    }
    reader.jump(8 * count - 4);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bits as text, from (value, count) pairs.
    fn pack(fields: &[(u32, u32)]) -> Vec<u8> {
        let mut bits: Vec<bool> = Vec::new();
        for &(value, count) in fields {
            bits.extend((0..count).rev().map(|n| value >> n & 1 == 1));
        }
        let byte = |bits: &[bool]| {
            bits.iter()
                .enumerate()
                .fold(0, |b, (n, &bit)| b | u8::from(bit) << (7 - n))
        };
        bits.chunks(8).map(byte).collect()
    }

    fn syntax(frame_length: u32) -> Syntax {
        Syntax {
            object_type: 2,
            bands: Bands::new(48_000, frame_length),
            clean_padding: true,
            before: ANY,
        }
    }

    const MONO: [Element; 1] = [Element { id: SCE, tag: 0 }];

    /// A channel element up to its sections: gain 100, one long window, this many bands.
    const fn head(bands: u32) -> [(u32, u32); 5] {
        [(0, 7), (100, 8), (0, 4), (bands, 6), (0, 1)]
    }

    /// No pulses, no noise shaping, no gain control.
    const NO_TOOLS: (u32, u32) = (0, 3);
    const END: (u32, u32) = (7, 3);

    fn len(fields: &[(u32, u32)]) -> Result<usize> {
        let mut data = pack(fields);
        data.extend([0xFF; 8]);
        frame(&syntax(1024), &data, Some(&MONO)).map(|found| found.len)
    }

    #[test]
    fn an_empty_frame() {
        let fields = [&head(0)[..], &[NO_TOOLS, END]].concat();
        assert_eq!(len(&fields), Ok(4));
        // Fill bits must be zeros: the next byte is another's.
        let with_fill = [
            &head(0)[..],
            &[NO_TOOLS, (6, 3), (2, 4), (0, 4), (0xFFF, 12), END],
        ]
        .concat();
        assert_eq!(len(&with_fill), Ok(7));
        let dirty = [&with_fill[..], &[(1, 1)]].concat();
        assert_eq!(len(&dirty), Err(malformed("byte_alignment")));
    }

    #[test]
    fn sections_scale_factors_and_spectrum() {
        // Two bands of codebook 11: one section, two scale factors without change, four pairs.
        let coded = [(11, 4), (2, 5), (0, 1), (0, 1), NO_TOOLS];
        // (0, 0) is four zeros in codebook 11; (16, 16) with signs and escapes of 0 and 1 ones.
        let zero = (0, 4);
        let escape = (4, 5);
        let words = [
            zero,
            escape,
            (0, 2),
            (0, 1),
            (5, 4),
            (2, 2),
            (9, 5),
            zero,
            zero,
        ];
        let fields = [&head(2)[..], &coded, &words, &[END]].concat();
        let bits: u32 = fields.iter().map(|field| field.1).sum();
        assert_eq!(len(&fields), Ok(bits.div_ceil(8) as usize));
    }

    #[test]
    fn what_is_no_frame() {
        let with = |rest: &[(u32, u32)]| len(&[&head(2)[..], rest].concat());
        assert_eq!(with(&[(12, 4), (2, 5)]), Err(malformed("sect_cb")));
        assert_eq!(
            with(&[(15, 4), (2, 5)]),
            Err(malformed("sect_cb")),
            "intensity without a pair"
        );
        assert_eq!(with(&[(1, 4), (3, 5)]), Err(malformed("sect_len_incr")));
        assert_eq!(with(&[(1, 4), (0, 5)]), Err(malformed("sect_len_incr")));
        // 60 up, twice and again: 100 + 180 is more than 255.
        let up = (0x7FFF3, 19);
        let passed = len(&[&head(3)[..], &[(1, 4), (3, 5), up, up, up]].concat());
        assert_eq!(passed, Err(malformed("hcod_sf")));
        assert_eq!(
            len(&[(0, 7), (100, 8), (0, 4), (50, 6)]),
            Err(malformed("max_sfb"))
        );
        assert_eq!(
            len(&[(0, 7), (100, 8), (8, 4)]),
            Err(malformed("ics_reserved_bit"))
        );
        let gain_control = [&head(0)[..], &[(1, 3)]].concat();
        assert_eq!(
            len(&gain_control),
            Err(malformed("gain_control_data_present"))
        );
        // A pair where one channel is expected, and a second element.
        assert_eq!(len(&[(1, 3), (0, 4)]), Err(malformed("id_syn_ele")));
        let twice = [&head(0)[..], &[NO_TOOLS], &head(0), &[NO_TOOLS, END]].concat();
        assert_eq!(len(&twice), Err(malformed("id_syn_ele")));
    }

    #[test]
    fn frames_of_960_samples_have_shorter_last_bands() {
        // Band 48 of 49: from 928 to 1024, or to 960: 48 or 16 pairs of two bits at least.
        let all = |frame_length| {
            let sections = [(0, 4), (31, 5), (17, 5), (5, 4), (1, 5), (0, 1), NO_TOOLS];
            let mut fields = [&head(49)[..], &sections].concat();
            // (0, 0) of codebook 5 is one zero.
            fields.extend(vec![(0, 1); if frame_length == 1024 { 48 } else { 16 }]);
            fields.push(END);
            let bits: u32 = fields.iter().map(|field| field.1).sum();
            let mut data = pack(&fields);
            data.extend([0xFF; 4]);
            let found = frame(&syntax(frame_length), &data, Some(&MONO)).unwrap();
            (found.len, bits.div_ceil(8) as usize)
        };
        for frame_length in [1024, 960] {
            let (found, expected) = all(frame_length);
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn a_frame_that_the_end_cuts() {
        let data = pack(&[&head(0)[..], &[NO_TOOLS, END]].concat());
        let cut = frame(&syntax(1024), &data[..3], Some(&MONO));
        assert!(matches!(cut, Err(CodecError::Truncated { .. })), "{cut:?}");
    }
}
