//! ONVIF metadata (Streaming Specification, 5.2.1.1): a document in as many packets as it needs, the last with the marker bit.

use super::PacketSink;

pub(crate) fn packetize(document: &[u8], max_payload: usize, sink: &mut impl PacketSink) -> bool {
    let mut pieces = document.chunks(max_payload.max(1)).peekable();
    while let Some(piece) = pieces.next() {
        sink.packet(pieces.peek().is_none(), &[piece]);
    }
    !document.is_empty()
}
