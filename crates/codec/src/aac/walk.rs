//! The syntax of `raw_data_block` (ISO/IEC 14496-3, 4.4.2.1), walked without decoding: where a frame ends, and whether it is one.

use super::bands::Bands;
use super::huffman::{CODEBOOKS, Codebooks};
use super::shape::{ChannelShape, FrameShape, WindowSequence};
use crate::error::{CodecError, Result};
use crate::reservoir::Reader;

const NAME: &str = "AAC frame";

/// `id_syn_ele` (table 4.85).
const SCE: u8 = 0;
const CPE: u8 = 1;
const CCE: u8 = 2;
const LFE: u8 = 3;
const DSE: u8 = 4;
const PCE: u8 = 5;
const FIL: u8 = 6;

/// Section codebooks with a meaning of their own (table 4.151).
const ZERO: u8 = 0;
const ESCAPE: u8 = 11;
const NOISE: u8 = 13;

/// Elements of one frame, far more than any layout has.
const MAX_ELEMENTS: usize = 48;

/// More evidence than this one frame does not give, measured inside video and other AAC frames.
const MOST_BITS: f32 = 17.0;

/// What evidence a pair loses whose first channel alone is empty: one in hundreds is real.
const EMPTY_FIRST_BITS: f32 = 8.0;

/// Groups and bands of a channel.
const MAX_GROUPS: usize = 8;
const MAX_BANDS: usize = 51;

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
}

/// A frame that was walked.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    /// Bytes.
    pub(super) len: usize,
    /// Its channel elements, in order; the first [`Frame::count`].
    elements: [Element; MAX_ELEMENTS],
    count: usize,
    pub(super) shape: Option<FrameShape>,
    /// Sections, scale factors and the like that might have been wrong, as -log2 of the chance.
    pub(super) bits: f32,
}

impl Frame {
    pub(super) fn elements(&self) -> &[Element] {
        self.elements.get(..self.count).unwrap_or_default()
    }
}

const fn malformed(element: &'static str) -> CodecError {
    CodecError::Malformed {
        structure: NAME,
        element,
    }
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
        shape: None,
        bits: 0.0,
    };
    let mut others = 0;
    loop {
        let id = walk.small(3);
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
                    tag: walk.small(4),
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
                if others > MAX_ELEMENTS {
                    return Err(malformed("id_syn_ele"));
                }
                match id {
                    CCE => walk.coupling_channel()?,
                    DSE => walk.data_stream(),
                    PCE => walk.program_config(),
                    FIL => walk.fill()?,
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

/// What one channel's later parts need of its earlier ones.
#[derive(Debug)]
struct Channel {
    shape: ChannelShape,
    /// Windows of each group; one group with one window unless short.
    group_lengths: [u8; MAX_GROUPS],
    groups: usize,
    codebooks: [[u8; MAX_BANDS]; MAX_GROUPS],
    /// Sections: group, codebook, first band, band behind the last.
    sections: [Section; MAX_GROUPS * MAX_BANDS],
    section_count: usize,
}

#[derive(Debug, Clone, Copy)]
struct Section {
    group: u8,
    codebook: u8,
    from: u8,
    to: u8,
}

impl Channel {
    const fn new() -> Self {
        Self {
            shape: ChannelShape {
                window_sequence: WindowSequence::OnlyLong,
                kaiser_bessel: false,
                max_sfb: 0,
                global_gain: 0,
            },
            group_lengths: [1; MAX_GROUPS],
            groups: 1,
            codebooks: [[0; MAX_BANDS]; MAX_GROUPS],
            sections: [Section {
                group: 0,
                codebook: 0,
                from: 0,
                to: 0,
            }; MAX_GROUPS * MAX_BANDS],
            section_count: 0,
        }
    }

    /// Ready for the next element.
    const fn reset(&mut self) {
        self.section_count = 0;
        self.groups = 1;
    }

    /// Takes over the windows of the first channel of a pair.
    const fn share_windows(&mut self, first: &Self) {
        self.shape.window_sequence = first.shape.window_sequence;
        self.shape.kaiser_bessel = first.shape.kaiser_bessel;
        self.shape.max_sfb = first.shape.max_sfb;
        self.group_lengths = first.group_lengths;
        self.groups = first.groups;
    }

    const fn is_short(&self) -> bool {
        matches!(self.shape.window_sequence, WindowSequence::EightShort)
    }
}

struct Walk<'a> {
    syntax: &'a Syntax,
    books: &'static Codebooks,
    reader: Reader<'a>,
    bits: f32,
    doubt: f32,
    first: Channel,
    second: Channel,
}

impl Walk<'_> {
    /// Up to 8 bits.
    fn small(&mut self, count: u32) -> u8 {
        u8::try_from(self.reader.read(count)).unwrap_or_default()
    }

    fn truncated(&self, element: &'static str) -> CodecError {
        CodecError::Truncated {
            structure: NAME,
            element,
        }
    }

    fn channel(&mut self, second: bool) -> &mut Channel {
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
            let mask = self.small(2);
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

    /// `ics_info()` (table 4.6).
    fn ics_info(&mut self, second: bool, common_window: bool) -> Result<()> {
        if self.reader.flag() {
            return Err(malformed("ics_reserved_bit"));
        }
        let sequence = WindowSequence::of(self.reader.read(2));
        let kaiser_bessel = self.reader.flag();
        let short = sequence == WindowSequence::EightShort;
        let max_sfb = self.small(if short { 4 } else { 6 });
        let bands = if short {
            &self.syntax.bands.short
        } else {
            &self.syntax.bands.long
        };
        if usize::from(max_sfb) >= bands.len() {
            return Err(malformed("max_sfb"));
        }
        self.bits += 1.3;
        let channel = self.channel(second);
        channel.shape.window_sequence = sequence;
        channel.shape.kaiser_bessel = kaiser_bessel;
        channel.shape.max_sfb = max_sfb;
        channel.groups = 1;
        channel.group_lengths = [1; MAX_GROUPS];
        if short {
            let grouping = self.reader.read(7);
            let channel = self.channel(second);
            for window in (0..7).rev() {
                if grouping >> window & 1 == 0 {
                    channel.groups += 1;
                } else if let Some(length) = channel.group_lengths.get_mut(channel.groups - 1) {
                    *length += 1;
                }
            }
        } else if self.reader.flag() {
            self.predictor_data(max_sfb, common_window)?;
        } else {
            self.bits += 1.0;
        }
        Ok(())
    }

    /// Main prediction and long-term prediction; LC has neither.
    fn predictor_data(&mut self, max_sfb: u8, common_window: bool) -> Result<()> {
        let bands = usize::from(max_sfb);
        match self.syntax.object_type {
            1 => {
                if self.reader.flag() {
                    self.reader.skip(5); // predictor_reset_group_number
                }
                // PRED_SFB_MAX is below 41 for every rate; the bands used at low rates are fewer than that anyway.
                self.reader.jump(bands.min(40));
                Ok(())
            }
            4 => {
                for _ in 0..if common_window { 2 } else { 1 } {
                    if self.reader.flag() {
                        self.reader.skip(14); // ltp_lag, ltp_coef
                        self.reader.jump(bands.min(40));
                    }
                }
                Ok(())
            }
            _ => Err(malformed("predictor_data_present")),
        }
    }

    /// `individual_channel_stream()` (table 4.50).
    fn channel_stream(&mut self, second: bool, common_window: bool) -> Result<()> {
        let gain = self.small(8);
        self.channel(second).shape.global_gain = gain;
        if !common_window {
            self.ics_info(second, false)?;
        }
        self.section_data(second, common_window)?;
        self.scale_factors(second, gain)?;
        if self.reader.flag() {
            self.pulses(second)?;
        } else {
            self.bits += 0.5;
        }
        if self.reader.flag() {
            self.noise_shaping(second)?;
        }
        if self.reader.flag() {
            return Err(malformed("gain_control_data_present"));
        }
        self.bits += 1.0;
        self.spectrum(second)
    }

    /// `section_data()` (table 4.52).
    fn section_data(&mut self, second: bool, common_window: bool) -> Result<()> {
        let Self {
            reader,
            first,
            second: other,
            ..
        } = self;
        let channel = if second { other } else { first };
        let length_bits = if channel.is_short() { 3 } else { 5 };
        let escape = (1u32 << length_bits) - 1;
        let end = u32::from(channel.shape.max_sfb);
        channel.section_count = 0;
        for group in 0..channel.groups {
            let mut at = 0;
            while at < end {
                let head = reader.read(4 + length_bits);
                let codebook = u8::try_from(head >> length_bits).unwrap_or_default();
                let mut step = head & escape;
                let mut length = step;
                while step == escape {
                    step = reader.read(length_bits);
                    length += step;
                    // Zeros behind the end stop this.
                    if length > end {
                        break;
                    }
                }
                if length == 0 || at + length > end {
                    return Err(malformed("sect_len_incr"));
                }
                // 12 is reserved; intensity stereo needs a first channel to follow.
                if codebook == 12 || codebook >= 14 && !(second && common_window) {
                    return Err(malformed("sect_cb"));
                }
                let to = at + length;
                let bands = channel.codebooks.get_mut(group);
                let bands = bands.and_then(|b| b.get_mut(at as usize..to as usize));
                bands.ok_or(malformed("sect_len_incr"))?.fill(codebook);
                let small = |n: u32| u8::try_from(n).unwrap_or_default();
                let slot = channel.sections.get_mut(channel.section_count);
                *slot.ok_or(malformed("sect_len_incr"))? = Section {
                    group: u8::try_from(group).unwrap_or_default(),
                    codebook,
                    from: small(at),
                    to: small(to),
                };
                channel.section_count += 1;
                at = to;
            }
        }
        // Each group must end exactly where its bands do.
        self.bits += 1.0;
        if self.reader.overrun() {
            return Err(self.truncated("section_data"));
        }
        Ok(())
    }

    /// `scale_factor_data()` (table 4.53).
    fn scale_factors(&mut self, second: bool, gain: u8) -> Result<()> {
        let Self {
            reader,
            first,
            second: other,
            books,
            ..
        } = self;
        let channel = if second { other } else { first };
        let mut factor = i32::from(gain);
        let mut noise = None;
        let mut position = 0i32;
        for section in channel
            .sections
            .get(..channel.section_count)
            .unwrap_or_default()
        {
            if section.codebook == ZERO {
                continue;
            }
            for _ in section.from..section.to {
                if section.codebook == NOISE && noise.is_none() {
                    // dpcm_noise_nrg of the first band is 9 bits.
                    let start = i32::try_from(reader.read(9)).unwrap_or_default();
                    noise = Some(i32::from(gain) - 90 + start - 256);
                    continue;
                }
                let step = i32::from(books.scale_factors.next(reader).value) - 60;
                match section.codebook {
                    NOISE => {
                        let energy = noise.unwrap_or_default() + step;
                        if !(-400..=400).contains(&energy) {
                            return Err(malformed("dpcm_noise_nrg"));
                        }
                        noise = Some(energy);
                    }
                    14 | 15 => {
                        position += step;
                        if !(-255..=255).contains(&position) {
                            return Err(malformed("dpcm_is_position"));
                        }
                    }
                    _ => {
                        factor += step;
                        if !(0..=255).contains(&factor) {
                            return Err(malformed("hcod_sf"));
                        }
                    }
                }
            }
        }
        if self.reader.overrun() {
            return Err(self.truncated("scale_factor_data"));
        }
        Ok(())
    }

    /// `pulse_data()` (table 4.7).
    fn pulses(&mut self, second: bool) -> Result<()> {
        if self.channel(second).is_short() {
            return Err(malformed("pulse_data_present"));
        }
        let count = self.reader.read(2) + 1;
        let band = self.reader.read(6) as usize;
        let bands = &self.syntax.bands.long;
        let end = bands.last().copied().unwrap_or_default();
        // The last entry is the end, no band.
        let start = bands.get(band).copied().filter(|&at| at < end);
        let mut line = u32::from(start.ok_or(malformed("pulse_start_sfb"))?);
        for _ in 0..count {
            line += self.reader.read(5);
            self.reader.skip(4); // pulse_amp
        }
        if line >= u32::from(end) {
            return Err(malformed("pulse_offset"));
        }
        Ok(())
    }

    /// `tns_data()` (table 4.54).
    fn noise_shaping(&mut self, second: bool) -> Result<()> {
        let short = self.channel(second).is_short();
        let windows = if short { 8 } else { 1 };
        let (count_bits, length_bits, order_bits) = if short { (1, 4, 3) } else { (2, 6, 5) };
        let most = match (short, self.syntax.object_type) {
            (true, _) => 7,
            (false, 1) => 20,
            (false, _) => 12,
        };
        for _ in 0..windows {
            let filters = self.reader.read(count_bits);
            if filters == 0 {
                continue;
            }
            let resolution = 3 + self.reader.read(1);
            for _ in 0..filters {
                self.reader.skip(length_bits);
                let order = self.reader.read(order_bits);
                if order > most {
                    return Err(malformed("order"));
                }
                if order > 0 {
                    self.reader.skip(1); // direction
                    let width = resolution - self.reader.read(1);
                    self.reader.jump((order * width) as usize);
                }
            }
        }
        if self.reader.overrun() {
            return Err(self.truncated("tns_data"));
        }
        Ok(())
    }

    /// `spectral_data()` (table 4.56).
    fn spectrum(&mut self, second: bool) -> Result<()> {
        let Self {
            reader,
            first,
            second: other,
            books,
            syntax,
            ..
        } = self;
        let channel = if second { other } else { first };
        let bands = if channel.is_short() {
            &syntax.bands.short
        } else {
            &syntax.bands.long
        };
        let line = |band: u8| bands.get(usize::from(band)).copied().unwrap_or_default();
        for section in channel
            .sections
            .get(..channel.section_count)
            .unwrap_or_default()
        {
            let Some(book) = books.spectral(section.codebook) else {
                continue;
            };
            let windows = channel
                .group_lengths
                .get(usize::from(section.group))
                .copied()
                .unwrap_or(1);
            let lines = u32::from(line(section.to) - line(section.from)) * u32::from(windows);
            let words = if section.codebook < 5 {
                lines / 4
            } else {
                lines / 2
            };
            if section.codebook == ESCAPE {
                for _ in 0..words {
                    let entry = book.next(reader);
                    for _ in 0..entry.escapes {
                        let ahead = reader.peek(9);
                        let prefix = (!(ahead << 23)).leading_zeros();
                        if prefix > 8 {
                            return Err(malformed("hcod_esc"));
                        }
                        // The prefix, a zero, and four bits more than the prefix is long.
                        reader.skip(prefix + 1 + prefix + 4);
                    }
                }
            } else {
                for _ in 0..words {
                    book.next(reader);
                }
            }
            if reader.overrun() {
                return Err(self.truncated("spectral_data"));
            }
        }
        Ok(())
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

    /// `fill_element()` (table 4.11). SBR and dynamic range control live here.
    fn fill(&mut self) -> Result<()> {
        let mut count = self.reader.read(4) as usize;
        if count == 15 {
            count += self.reader.read(8) as usize;
            count -= 1;
        }
        if count == 0 {
            return Ok(());
        }
        let extension = self.small(4);
        // extension_type (table 4.121): the others are reserved.
        if !matches!(extension, 0..=2 | 9..=14) {
            return Err(malformed("extension_type"));
        }
        self.reader.jump(8 * count - 4);
        Ok(())
    }
}
