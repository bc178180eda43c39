//! Entropy-coded data of an intra picture (ISO/IEC 14496-2, 6.2.5 to 6.2.8), without making a picture of it.

use super::layer::{Layer, Tools};
use super::{Bits, tables};

/// Ends the first part of a packet of partitioned data (6.2.5.2).
const DC_MARKER: (u32, u32) = (0b110_1011_0000_0000_0001, 19);

/// `resync_marker` of an intra picture: 16 zeros and a one.
const RESYNC_MARKER: (u32, u32) = (1, 17);

/// `quant_precision` where nothing states it.
const QUANT_BITS: u32 = 5;

/// Reads the picture behind its start code: `Err` says how many macroblocks were read up to where the data contradicts the layer.
/// `None` if it is no intra picture, or uses what is not read here.
pub(super) fn read(body: &[u8], layer: &Layer) -> Option<Result<(), u32>> {
    let tools = layer.tools?;
    let mut picture = Picture {
        bits: Bits::new(body),
        tools,
        time_bits: layer.time_bits,
        quant: 0,
        threshold: 0,
        done: 0,
    };
    if picture.bits.read(2)? != 0 {
        return None;
    }
    match picture.header() {
        // Not coded: it repeats the one before.
        Some(false) => return None,
        Some(true) => {}
        None => return Some(Err(0)),
    }
    let whole = picture.macroblocks();
    Some(match whole {
        Some(()) => Ok(()),
        None => Err(picture.done),
    })
}

struct Picture<'a> {
    bits: Bits<'a>,
    tools: Tools,
    time_bits: u32,
    /// Quantiser of the macroblock read last.
    quant: u32,
    /// From this quantiser on DC coefficients are coded as the others are.
    threshold: u32,
    /// Macroblocks read.
    done: u32,
}

/// A macroblock whose coefficients stand elsewhere.
struct Head {
    /// `cbpc`.
    chroma: u32,
    /// Whether DC coefficients have a code of their own.
    own_dc: bool,
}

impl Picture<'_> {
    /// Behind `vop_coding_type`: whether the picture is coded.
    fn header(&mut self) -> Option<bool> {
        self.time()?;
        if !self.bits.flag()? {
            return Some(false);
        }
        self.set_threshold()?;
        if self.tools.interlaced {
            self.bits.skip(2)?; // top_field_first, alternate_vertical_scan_flag
        }
        self.quant = self.bits.read(QUANT_BITS).filter(|q| *q > 0)?;
        Some(true)
    }

    /// `modulo_time_base`, `vop_time_increment`, and their markers.
    fn time(&mut self) -> Option<()> {
        while self.bits.flag()? {}
        self.bits.marker()?;
        self.bits.skip(self.time_bits as usize)?;
        self.bits.marker()
    }

    /// `intra_dc_vlc_thr` (table 6-21).
    fn set_threshold(&mut self) -> Option<()> {
        self.threshold = match self.bits.read(3)? {
            0 => 32,
            7 => 0,
            n => 11 + 2 * n,
        };
        Some(())
    }

    /// All macroblocks, and the stuffing behind them: nothing else may follow.
    fn macroblocks(&mut self) -> Option<()> {
        loop {
            if self.tools.data_partitioned {
                self.partitions()?;
            } else {
                self.packet()?;
            }
            if self.done >= self.tools.macroblocks {
                break;
            }
            self.packet_header()?;
        }
        let stuffing = self.bits.stuffing()?;
        self.bits.skip(stuffing)?;
        // Zeros may stand in front of the next start code.
        while self.bits.left() >= 8 {
            if self.bits.read(8)? != 0 {
                return None;
            }
        }
        Some(())
    }

    /// Whether a video packet begins here.
    fn is_packet(&self) -> bool {
        let mut behind = self.bits.clone();
        self.tools.packets
            && self.bits.stuffing().is_some_and(|stuffing| {
                let (marker, len) = RESYNC_MARKER;
                behind.skip(stuffing).is_some() && behind.read(len) == Some(marker)
            })
    }

    /// `video_packet_header()` (6.2.5.2), the stuffing in front of it included.
    fn packet_header(&mut self) -> Option<()> {
        if !self.is_packet() {
            return None;
        }
        let stuffing = self.bits.stuffing()?;
        self.bits.skip(stuffing + RESYNC_MARKER.1 as usize)?;
        let last = self.tools.macroblocks.saturating_sub(1);
        let number = self.bits.read((u32::BITS - last.leading_zeros()).max(1))?;
        if number != self.done {
            return None;
        }
        self.quant = self.bits.read(QUANT_BITS).filter(|q| *q > 0)?;
        // header_extension_code.
        if self.bits.flag()? {
            self.time()?;
            if self.bits.read(2)? != 0 {
                return None;
            }
            self.set_threshold()?;
        }
        Some(())
    }

    /// Macroblocks up to the end of the packet.
    fn packet(&mut self) -> Option<()> {
        while self.done < self.tools.macroblocks {
            let (chroma, has_quant) = self.kind()?;
            self.bits.skip(1)?; // ac_pred_flag
            let luma = tables::code(&self.bits, tables::LUMA_PATTERNS)?;
            self.bits.skip(luma.len())?;
            let own_dc = self.quant < self.threshold;
            if has_quant {
                self.change_quant()?;
            }
            if self.tools.interlaced {
                self.bits.skip(1)?; // dct_type
            }
            let pattern = u32::from(luma.value) << 2 | chroma;
            for block in 0..6 {
                if own_dc {
                    self.dc(block >= 4)?;
                }
                if pattern >> (5 - block) & 1 == 1 {
                    self.coefficients(u32::from(own_dc))?;
                }
            }
            self.done += 1;
            if self.is_packet() {
                break;
            }
        }
        Some(())
    }

    /// The same of partitioned data (6.2.5.4): heads and DC coefficients first, then patterns, then all others.
    fn partitions(&mut self) -> Option<()> {
        let first = self.done;
        let mut heads: Vec<Head> = Vec::new();
        let (marker, len) = DC_MARKER;
        while self.bits.next(len) != marker {
            if first + u32::try_from(heads.len()).ok()? >= self.tools.macroblocks {
                return None;
            }
            let (chroma, has_quant) = self.kind()?;
            let own_dc = self.quant < self.threshold;
            if has_quant {
                self.change_quant()?;
            }
            for block in 0..6 {
                if own_dc {
                    self.dc(block >= 4)?;
                }
            }
            heads.push(Head { chroma, own_dc });
        }
        self.bits.skip(len as usize)?;
        let mut patterns = Vec::with_capacity(heads.len());
        for head in &heads {
            self.bits.skip(1)?; // ac_pred_flag
            let luma = tables::code(&self.bits, tables::LUMA_PATTERNS)?;
            self.bits.skip(luma.len())?;
            patterns.push(u32::from(luma.value) << 2 | head.chroma);
        }
        for (head, pattern) in heads.iter().zip(patterns) {
            for block in 0..6 {
                if pattern >> (5 - block) & 1 == 1 {
                    self.coefficients(u32::from(head.own_dc))?;
                }
            }
            self.done += 1;
        }
        (self.done > first).then_some(())
    }

    /// `mcbpc`, stuffing in front of it passed over: the pattern of chroma blocks, and whether the quantiser changes.
    fn kind(&mut self) -> Option<(u32, bool)> {
        loop {
            let code = tables::code(&self.bits, tables::KINDS)?;
            self.bits.skip(code.len())?;
            if code.value != tables::STUFFING {
                return Some((u32::from(code.value & 3), code.value & 4 != 0));
            }
        }
    }

    /// `dquant` (table 6-27).
    fn change_quant(&mut self) -> Option<()> {
        let by = match self.bits.read(2)? {
            0 => -1,
            1 => -2,
            2 => 1,
            _ => 2,
        };
        self.quant = self.quant.saturating_add_signed(by).clamp(1, 31);
        Some(())
    }

    /// A DC coefficient with a code of its own (6.2.8).
    fn dc(&mut self, chroma: bool) -> Option<()> {
        let table = if chroma {
            tables::CHROMA_DC
        } else {
            tables::LUMA_DC
        };
        let code = tables::code(&self.bits, table)?;
        self.bits.skip(code.len() + usize::from(code.value))?;
        match code.value {
            9.. => self.bits.marker(),
            _ => Some(()),
        }
    }

    /// The coefficients of a block from one on.
    fn coefficients(&mut self, first: u32) -> Option<()> {
        let mut at = first;
        loop {
            let event = tables::event(&mut self.bits)?;
            at += event.run + 1;
            if at > 64 {
                return None;
            }
            if event.is_last {
                return Some(());
            }
        }
    }
}
