//! The header of a video object layer (ISO/IEC 14496-2, 6.2.3).

use super::Bits;
use memchr::memmem;

/// What a video object layer says of how its pictures are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Layer {
    /// Bits of `vop_time_increment`.
    pub(crate) time_bits: u32,
    /// Behind the time resolution; `None` where tools are used that are not read here.
    pub(crate) tools: Option<Tools>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tools {
    /// Macroblocks of a picture.
    pub(crate) macroblocks: u32,
    pub(crate) interlaced: bool,
    /// Pictures may be cut into video packets.
    pub(crate) packets: bool,
    pub(crate) data_partitioned: bool,
}

/// `video_object_layer_verid` where nothing states it.
const FIRST_VERSION: u32 = 1;

impl Layer {
    /// The first layer in these bytes.
    pub(crate) fn find(bytes: &[u8]) -> Option<Self> {
        let codes = || {
            let starts = memmem::find_iter(bytes, &[0, 0, 1]);
            starts.filter_map(|at| Some((*bytes.get(at + 3)?, bytes.get(at + 4..)?)))
        };
        let mut heads = codes().take_while(|(code, _)| *code != super::VOP);
        let (_, body) = heads.find(|(code, _)| (0x20..=0x2F).contains(code))?;
        // visual_object_start_code: is_visual_object_identifier, visual_object_verid.
        let object = codes().find(|(code, _)| *code == 0xB5);
        let version = object.and_then(|(_, body)| {
            let mut bits = Bits::new(body);
            bits.flag()?.then(|| bits.read(4))?
        });
        Self::read(body, version.unwrap_or(FIRST_VERSION))
    }

    /// Reads one behind its start code.
    fn read(body: &[u8], mut version: u32) -> Option<Self> {
        let mut bits = Bits::new(body);
        bits.skip(9)?; // random_accessible_vol, video_object_type_indication
        if bits.flag()? {
            version = bits.read(4)?;
            bits.skip(3)?; // video_object_layer_priority
        }
        if bits.read(4)? == 15 {
            bits.skip(16)?; // par_width, par_height
        }
        if bits.flag()? {
            bits.skip(3)?; // chroma_format, low_delay
            if bits.flag()? {
                bits.skip(79)?; // vbv_parameters
            }
        }
        // Other shapes than the rectangle have more fields.
        if bits.read(2)? != 0 {
            return None;
        }
        bits.marker()?;
        let resolution = bits.read(16)?;
        let time_bits = (u32::BITS - resolution.saturating_sub(1).leading_zeros()).max(1);
        let tools = tools(&mut bits, version, time_bits);
        Some(Self { time_bits, tools })
    }
}

/// What stands behind `vop_time_increment_resolution`.
fn tools(bits: &mut Bits<'_>, version: u32, time_bits: u32) -> Option<Tools> {
    bits.marker()?;
    if bits.flag()? {
        bits.skip(time_bits as usize)?; // fixed_vop_time_increment
    }
    let mut side = || {
        bits.marker()?;
        bits.read(13)
    };
    let (width, height) = (side()?, side()?);
    bits.marker()?;
    let interlaced = bits.flag()?;
    bits.skip(1)?; // obmc_disable
    // Sprites, other depths and matrices of complexity are not read.
    let sprite = bits.read(if version == FIRST_VERSION { 1 } else { 2 })?;
    let other_depth = bits.flag()?;
    if sprite != 0 || other_depth {
        return None;
    }
    // quant_type, and both matrices.
    if bits.flag()? {
        for _ in 0..2 {
            if bits.flag()? {
                matrix(bits)?;
            }
        }
    }
    if version != FIRST_VERSION {
        bits.skip(1)?; // quarter_sample
    }
    let is_simple = bits.flag()?; // complexity_estimation_disable
    let packets = !bits.flag()?; // resync_marker_disable
    let data_partitioned = bits.flag()?;
    let is_reversible = data_partitioned && bits.flag()?;
    // newpred_enable, reduced_resolution_vop_enable.
    let is_reduced = version != FIRST_VERSION && bits.read(2)? != 0;
    if !is_simple || is_reversible || is_reduced || width == 0 || height == 0 {
        return None;
    }
    // scalability.
    if bits.flag()? {
        return None;
    }
    Some(Tools {
        macroblocks: width.div_ceil(16) * height.div_ceil(16),
        interlaced,
        packets,
        data_partitioned,
    })
}

/// `intra_quant_mat` and its like: up to 64 values, a zero ends them.
fn matrix(bits: &mut Bits<'_>) -> Option<()> {
    for _ in 0..64 {
        if bits.read(8)? == 0 {
            break;
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As ffmpeg writes it: verid 1, square pixels, control parameters, resolution 25.
    const LAYER: [u8; 30] = [
        0, 0, 1, 0xB0, 1, 0, 0, 1, 0xB5, 0x89, 0x13, 0, 0, 1, 0, 0, 0, 1, 0x20, 0, 0xC4, 0x8D,
        0x88, 0, 0xCD, 0x0B, 0x04, 0x24, 0x14, 0x63,
    ];

    #[test]
    fn time_increment_bits_of_a_layer() {
        let layer = Layer::find(&LAYER).unwrap();
        assert_eq!(layer.time_bits, 5);
        let tools = layer.tools.unwrap();
        // 352x288.
        assert_eq!(tools.macroblocks, 22 * 18);
        assert!(!tools.interlaced && !tools.data_partitioned);
        assert_eq!(Layer::find(&LAYER[..20]), None);
    }

    #[test]
    fn the_layer_in_front_of_a_picture_counts() {
        let behind = [&[0, 0, 1, 0xB6, 0x10][..], &LAYER].concat();
        assert_eq!(Layer::find(&behind), None);
    }
}
