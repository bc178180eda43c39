//! Opus (RFC 6716): its configuration box.

use crate::describe::{CodecDescription, ConfigBoxes, config};
use crate::error::{CodecError, Result};

/// `dOps`: version, OutputChannelCount, PreSkip and so on. The decoder puts out 48 kHz whatever went in.
pub(crate) fn describe<'a>(
    description: &mut CodecDescription<'a>,
    boxes: &ConfigBoxes<'a>,
) -> Result<()> {
    description.sample_rate = Some(48_000);
    match config(boxes, "dOps")? {
        &[_, channels, ..] => {
            description.channels = Some(channels.into());
            Ok(())
        }
        _ => Err(CodecError::Truncated {
            structure: "dOps",
            element: "OutputChannelCount",
        }),
    }
}
