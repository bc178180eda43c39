//! H.265: RFC 7798 without DON (single NAL unit, AP for parameter sets, FU).

use super::{InBand, Nals, PacketSink, for_each_payload};
use crate::clip::ParameterSets;

const FU: u8 = 49;

pub(crate) fn packetize(
    sets: &ParameterSets,
    sample: &[u8],
    in_band: InBand,
    max_payload: usize,
    sink: &mut impl PacketSink,
) -> bool {
    let aggregated = in_band == InBand::Aggregated && sets.aggregated.len() <= max_payload;
    let together = aggregated.then_some(sets.aggregated.as_slice());
    let apart = (in_band != InBand::Never && !aggregated).then(|| sets.all());
    let mut nals = Nals::new(sample, sets.length_size);
    let prefix = together.into_iter().chain(apart.into_iter().flatten());
    let is_delimiter = |nal: &[u8]| nal.first().is_some_and(|b| b >> 1 & 0x3f == 35);
    for_each_payload(&mut nals, prefix, is_delimiter, |last, nal| {
        if nal.len() <= max_payload {
            sink.packet(last, &[nal]);
        } else {
            fragment(nal, last, max_payload, sink);
        }
    });
    nals.is_exhausted()
}

/// Fragmentation units of RFC 7798, 4.4.3.
fn fragment(nal: &[u8], last: bool, max_payload: usize, sink: &mut impl PacketSink) {
    let Some((&[header, layer_and_tid], body)) = nal.split_first_chunk() else {
        return;
    };
    let mut pieces = body.chunks(max_payload.saturating_sub(3).max(1)).peekable();
    let mut start = 0x80;
    while let Some(piece) = pieces.next() {
        let end = pieces.peek().is_none();
        let fu_header = start | u8::from(end) << 6 | header >> 1 & 0x3f;
        let head = [header & 0x81 | FU << 1, layer_and_tid, fu_header];
        sink.packet(last && end, &[&head, piece]);
        start = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Kept;
    use super::*;
    use proptest::prelude::*;

    fn sets() -> ParameterSets {
        ParameterSets {
            record: crate::CodecConfig::H265(Vec::new()),
            length_size: 2,
            vps: vec![vec![0x40, 1, 9]],
            sps: vec![vec![0x42, 1, 9]],
            pps: vec![vec![0x44, 1, 9]],
            aggregated: Vec::new(),
        }
    }

    /// A depacketizer after the letter of RFC 7798, section 4.4.
    fn depacketize(packets: &[(bool, Vec<u8>)]) -> Vec<Vec<u8>> {
        let mut nals: Vec<Vec<u8>> = Vec::new();
        for (i, (marker, p)) in packets.iter().enumerate() {
            assert_eq!(*marker, i + 1 == packets.len());
            if p[0] >> 1 & 0x3f == FU {
                if p[2] & 0x80 != 0 {
                    nals.push(vec![p[0] & 0x81 | (p[2] & 0x3f) << 1, p[1]]);
                }
                nals.last_mut().unwrap().extend(&p[3..]);
            } else {
                nals.push(p.clone());
            }
        }
        nals
    }

    proptest! {
        #[test]
        fn round_trip(sizes in prop::collection::vec(2..5000_usize, 1..6), max in 4..1400_usize) {
            let nals: Vec<Vec<u8>> = sizes.iter().map(|&n| {
                let mut nal: Vec<u8> = (0..n).map(|j| u8::try_from(j % 251).unwrap()).collect();
                nal[0] = 0x26;
                nal[1] = 0x01;
                nal
            }).collect();
            let sample: Vec<u8> = nals.iter().flat_map(|nal| {
                let mut bytes = u16::try_from(nal.len()).unwrap().to_be_bytes().to_vec();
                bytes.extend(nal);
                bytes
            }).collect();
            let mut kept = Kept::default();
            prop_assert!(packetize(&sets(), &sample, InBand::Single, max, &mut kept));
            prop_assert!(kept.0.iter().all(|(_, p)| p.len() <= max));
            prop_assert_eq!(&depacketize(&kept.0)[3..], &nals[..]);
        }
    }
}
