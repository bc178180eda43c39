//! H.264: RFC 6184, packetization mode 1 (single NAL unit, STAP-A, FU-A).

use super::{InBand, Nals, PacketSink, for_each_payload};
use crate::clip::ParameterSets;

const FU_A: u8 = 28;

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
    let is_delimiter = |nal: &[u8]| nal.first().is_some_and(|b| b & 0x1f == 9);
    for_each_payload(&mut nals, prefix, is_delimiter, |last, nal| {
        if nal.len() <= max_payload {
            sink.packet(last, &[nal]);
        } else {
            fragment(nal, last, max_payload, sink);
        }
    });
    nals.is_exhausted()
}

/// Fragmentation units of RFC 6184, 5.8.
fn fragment(nal: &[u8], last: bool, max_payload: usize, sink: &mut impl PacketSink) {
    let Some((&header, body)) = nal.split_first() else {
        return;
    };
    let mut pieces = body.chunks(max_payload.saturating_sub(2).max(1)).peekable();
    let mut start = 0x80;
    while let Some(piece) = pieces.next() {
        let end = pieces.peek().is_none();
        let fu_header = start | u8::from(end) << 6 | header & 0x1f;
        sink.packet(last && end, &[&[header & 0xe0 | FU_A, fu_header], piece]);
        start = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Kept;
    use super::*;
    use crate::clip::{Codec, CodecConfig};
    use proptest::prelude::*;

    const AVCC: [u8; 14] = [1, 66, 0, 30, 0xff, 0xe1, 0, 2, 0x67, 1, 1, 0, 1, 0x68];

    fn sets() -> ParameterSets {
        match Codec::new(CodecConfig::H264(AVCC.to_vec())) {
            Ok(Codec::H264(sets)) => sets,
            _ => panic!("a sound record"),
        }
    }

    /// A depacketizer after the letter of RFC 6184, section 5.
    fn depacketize(packets: &[(bool, Vec<u8>)]) -> Vec<Vec<u8>> {
        let mut nals: Vec<Vec<u8>> = Vec::new();
        for (i, (marker, p)) in packets.iter().enumerate() {
            assert_eq!(*marker, i + 1 == packets.len());
            match p[0] & 0x1f {
                24 => {
                    let mut rest = &p[1..];
                    while !rest.is_empty() {
                        let n = usize::from(rest[0]) << 8 | usize::from(rest[1]);
                        nals.push(rest[2..2 + n].to_vec());
                        rest = &rest[2 + n..];
                    }
                }
                28 => {
                    if p[1] & 0x80 != 0 {
                        nals.push(vec![p[0] & 0xe0 | p[1] & 0x1f]);
                    }
                    nals.last_mut().unwrap().extend(&p[2..]);
                }
                _ => nals.push(p.clone()),
            }
        }
        nals
    }

    fn sample(nals: &[Vec<u8>]) -> Vec<u8> {
        let with_length = |nal: &Vec<u8>| {
            let mut bytes = u32::try_from(nal.len()).unwrap().to_be_bytes().to_vec();
            bytes.extend(nal);
            bytes
        };
        nals.iter().flat_map(with_length).collect()
    }

    proptest! {
        #[test]
        fn round_trip(sizes in prop::collection::vec(1..5000_usize, 1..6), max in 3..1400_usize) {
            let nals: Vec<Vec<u8>> = sizes.iter().enumerate().map(|(i, &n)| {
                let mut nal: Vec<u8> = (0..n).map(|j| u8::try_from((i + j) % 251).unwrap()).collect();
                nal[0] = 0x41;
                nal
            }).collect();
            let mut kept = Kept::default();
            prop_assert!(packetize(&sets(), &sample(&nals), InBand::Never, max, &mut kept));
            prop_assert!(kept.0.iter().all(|(_, p)| p.len() <= max));
            prop_assert_eq!(depacketize(&kept.0), nals);
        }

        #[test]
        fn damage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            packetize(&sets(), &bytes, InBand::Single, 20, &mut Kept::default());
        }
    }

    #[test]
    fn parameter_sets_follow_a_delimiter() {
        let nals = [vec![9, 0xf0], vec![0x65, 1, 2, 3]];
        for in_band in [InBand::Single, InBand::Aggregated] {
            let mut kept = Kept::default();
            assert!(packetize(&sets(), &sample(&nals), in_band, 1388, &mut kept));
            let got = depacketize(&kept.0);
            assert_eq!(got, [&[9, 0xf0][..], &[0x67, 1], &[0x68], &[0x65, 1, 2, 3]]);
        }
    }

    #[test]
    fn a_cut_sample_is_sent_as_far_as_it_goes() {
        let mut bytes = sample(&[vec![0x41, 1], vec![0x41, 2]]);
        bytes.truncate(bytes.len() - 1);
        let mut kept = Kept::default();
        assert!(!packetize(&sets(), &bytes, InBand::Never, 100, &mut kept));
        assert_eq!(kept.0, [(true, vec![0x41, 1])]);
    }
}
