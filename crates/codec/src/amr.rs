//! AMR narrowband and wideband (3GPP TS 26.071, 26.171): fixed rates, one channel, frames of 20 ms.

use crate::describe::{CodecDescription, ConfigBoxes};
use crate::error::Result;

pub(crate) fn describe<'a>(
    description: &mut CodecDescription<'a>,
    _: &ConfigBoxes<'a>,
) -> Result<()> {
    let rate = if description.entry_type == *b"sawb" {
        16_000
    } else {
        8000
    };
    description.sample_rate = Some(rate);
    description.channels = Some(1);
    description.frame_length = Some(rate / 50);
    Ok(())
}
