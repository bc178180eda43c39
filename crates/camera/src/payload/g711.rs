//! G.711: RFC 3551, 4.5.14. A byte is a sample, a packet any number of them.

use super::PacketSink;

/// The marker bit is for the start of a talkspurt (RFC 3551, 4.1): never here.
pub(crate) fn packetize(samples: &[u8], max_payload: usize, sink: &mut impl PacketSink) -> bool {
    // Longer packets would need a timestamp each; `Clip` cuts at 960.
    let fits = samples.len() <= max_payload;
    if fits && !samples.is_empty() {
        sink.packet(false, &[samples]);
    }
    fits
}
