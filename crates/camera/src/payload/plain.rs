//! Sound that is sent as it stands: a packet is a sample of the clip (RFC 3551, 4.5; RFC 7587).

use super::PacketSink;

pub(crate) fn packetize(sample: &[u8], max_payload: usize, sink: &mut impl PacketSink) -> bool {
    // None of these formats can be cut anywhere.
    let fits = sample.len() <= max_payload && !sample.is_empty();
    if fits {
        sink.packet(false, &[sample]);
    }
    fits
}
