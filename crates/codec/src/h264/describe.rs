//! The registry's view of avcC.

use super::{AvcConfig, ParameterSets};
use crate::describe::{CodecDescription, ConfigBoxes, config};
use crate::error::Result;
use crate::order::ReorderDepth;

pub(crate) fn describe<'a>(
    description: &mut CodecDescription<'a>,
    boxes: &ConfigBoxes<'a>,
) -> Result<()> {
    let payload = config(boxes, "avcC")?;
    let avc = AvcConfig::parse(payload)?;
    description.codec_string = avc.codec_string(description.entry_type);
    let (profile, flags) = (avc.profile_idc, avc.constraint_flags);
    description.name = format!(
        "H.264 {} {}",
        super::profile_name(profile, flags),
        super::level_name(profile, flags, avc.level_idc)
    );
    description.nal_length_size = Some(avc.length_size);
    let mut sets = ParameterSets::new();
    let mut result = Ok(());
    for nal in avc.sps.iter().chain(&avc.pps) {
        description.parameter_sets.push(nal);
        result = result.and(sets.add(nal).map(drop));
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
