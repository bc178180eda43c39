//! `individual_channel_stream` (ISO/IEC 14496-3, 4.4.2.7): windows, sections, scale factors, tools and spectrum of one channel.

use super::shape::{ChannelShape, WindowSequence};
use super::walk::{Walk, ZERO, malformed};
use crate::error::Result;

/// Groups of short windows.
const MAX_GROUPS: usize = 8;

/// A section for each of 15 bands in 8 groups, which is more than the 51 of a long window.
const MAX_SECTIONS: usize = 120;

/// The section codebook of noise (table 4.151).
const NOISE: u8 = 13;

/// What one channel's later parts need of its earlier ones.
#[derive(Debug)]
pub(super) struct Channel {
    pub(super) shape: ChannelShape,
    /// Windows of each group; one group with one window unless short.
    pub(super) group_lengths: [u8; MAX_GROUPS],
    pub(super) groups: usize,
    /// Sections: group, codebook, first band, band behind the last.
    pub(super) sections: [Section; MAX_SECTIONS],
    pub(super) section_count: usize,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Section {
    pub(super) group: u8,
    pub(super) codebook: u8,
    pub(super) from: u8,
    pub(super) to: u8,
}

impl Channel {
    pub(super) const fn new() -> Self {
        Self {
            shape: ChannelShape {
                window_sequence: WindowSequence::OnlyLong,
                kaiser_bessel: false,
                max_sfb: 0,
                global_gain: 0,
            },
            group_lengths: [1; MAX_GROUPS],
            groups: 1,
            sections: [Section {
                group: 0,
                codebook: 0,
                from: 0,
                to: 0,
            }; MAX_SECTIONS],
            section_count: 0,
        }
    }

    /// Ready for the next element.
    pub(super) const fn reset(&mut self) {
        self.section_count = 0;
        self.groups = 1;
    }

    /// Takes over the windows of the first channel of a pair.
    pub(super) const fn share_windows(&mut self, first: &Self) {
        self.shape.window_sequence = first.shape.window_sequence;
        self.shape.kaiser_bessel = first.shape.kaiser_bessel;
        self.shape.max_sfb = first.shape.max_sfb;
        self.group_lengths = first.group_lengths;
        self.groups = first.groups;
    }

    pub(super) const fn is_short(&self) -> bool {
        matches!(self.shape.window_sequence, WindowSequence::EightShort)
    }
}

impl Walk<'_> {
    /// `ics_info()` (table 4.6).
    pub(super) fn ics_info(&mut self, second: bool, common_window: bool) -> Result<()> {
        if self.reader.flag() {
            return Err(malformed("ics_reserved_bit"));
        }
        let sequence = WindowSequence::of(self.reader.read(2));
        let kaiser_bessel = self.reader.flag();
        let short = sequence == WindowSequence::EightShort;
        let max_sfb = self.reader.small(if short { 4 } else { 6 });
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
    pub(super) fn channel_stream(&mut self, second: bool, common_window: bool) -> Result<()> {
        let gain = self.reader.small(8);
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
            let mut left = words;
            loop {
                left = book.pass(reader, left);
                if left == 0 {
                    break;
                }
                let entry = book.next(reader);
                left -= 1;
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
            if reader.overrun() {
                return Err(self.truncated("spectral_data"));
            }
        }
        Ok(())
    }
}
