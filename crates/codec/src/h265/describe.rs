//! The registry's view of hvcC.

use super::{HevcConfig, ParameterSets};
use crate::describe::{CodecDescription, ConfigBoxes, config};
use crate::error::Result;
use crate::order::ReorderDepth;

pub(crate) fn describe<'a>(
    description: &mut CodecDescription<'a>,
    boxes: &ConfigBoxes<'a>,
) -> Result<()> {
    let payload = config(boxes, "hvcC")?;
    let hevc = HevcConfig::parse(payload)?;
    description.codec_string = hevc.profile.codec_string(description.entry_type);
    description.name = format!("H.265 {}", hevc.profile.name());
    description.nal_length_size = Some(hevc.length_size);
    description.bits = Some(hevc.bit_depth_luma);
    let mut sets = ParameterSets::new();
    let mut result = Ok(());
    for nal in hevc.nal_units {
        if sets
            .add(nal)
            .map(|kind| kind.is_some())
            .unwrap_or_else(|error| {
                result = result.and(Err(error));
                true
            })
        {
            description.parameter_sets.push(nal);
        }
    }
    description.reorder_depth = sets
        .all_sps()
        .map(super::Sps::reorder_depth)
        .reduce(ReorderDepth::deeper);
    if let Some(sps) = sets.all_sps().next() {
        description.size = Some((sps.width, sps.height));
        description.sample_aspect = sps.sample_aspect;
        description.frame_rate = sps.frame_rate;
        description.bits = Some(sps.bit_depth_luma);
    }
    result
}
