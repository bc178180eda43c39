//! JPEG: RFC 2435, types 0 and 1 (4:2:2 and 4:2:0), with the quantization tables in the packets (Q 255). The Huffman tables are
//! those of ITU-T T.81, K.3: packets hold none.

use super::PacketSink;

/// What the packets need of a picture's headers.
struct Picture<'a> {
    /// 0 or 1; with restart intervals 64 more.
    kind: u8,
    /// In units of eight pixels.
    size: [u8; 2],
    /// Quantization of luma and of chroma.
    tables: [&'a [u8]; 2],
    restart: u16,
    scan: &'a [u8],
}

pub(crate) fn packetize(picture: &[u8], max_payload: usize, sink: &mut impl PacketSink) -> bool {
    let Some(picture) = read(picture) else {
        return false;
    };
    let [first, second] = picture.tables;
    let tables = [&[0, 0, 0, 128], first, second].concat();
    let [r0, r1] = picture.restart.to_be_bytes();
    // Intervals are not aligned to packets: both flags, count 0x3fff (3.1.7).
    let restart = [r0, r1, 0xff, 0xff];
    let restart = if picture.restart == 0 {
        &[][..]
    } else {
        &restart
    };
    let (mut rest, mut offset) = (picture.scan, 0_usize);
    loop {
        let tables = if offset == 0 { &tables[..] } else { &[] };
        let room = max_payload.saturating_sub(8 + restart.len() + tables.len());
        let (piece, behind) = rest.split_at(room.clamp(1, rest.len().max(1)).min(rest.len()));
        let Ok(at) = u32::try_from(offset) else {
            return false;
        };
        let [_, o0, o1, o2] = at.to_be_bytes();
        let [width, height] = picture.size;
        let head = [0, o0, o1, o2, picture.kind, 255, width, height];
        sink.packet(behind.is_empty(), &[&head, restart, tables, piece]);
        if behind.is_empty() {
            return true;
        }
        offset += piece.len();
        rest = behind;
    }
}

/// How many codes of each length the usual Huffman tables have, by class and identifier: none that was made for a picture has as many.
const HUFFMAN: [(u8, [u8; 16]); 4] = [
    (0x00, [0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0]),
    (0x01, [0, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0]),
    (0x10, [0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 125]),
    (0x11, [0, 2, 1, 2, 4, 4, 3, 4, 7, 5, 4, 4, 0, 1, 2, 119]),
];

/// Whether packets can carry a picture.
pub(crate) fn fits(picture: &[u8]) -> bool {
    read(picture).is_some()
}

/// Whether all tables of a DHT segment are the usual ones.
fn is_usual(mut segment: &[u8]) -> bool {
    while let Some((&which, rest)) = segment.split_first() {
        let Some((counts, values)) = rest.split_first_chunk::<16>() else {
            return false;
        };
        let length = counts.iter().map(|n| usize::from(*n)).sum();
        match values.split_at_checked(length) {
            Some((_, behind)) if HUFFMAN.contains(&(which, *counts)) => segment = behind,
            _ => return false,
        }
    }
    true
}

/// Reads the headers (ITU-T T.81, B.2); `None` of what RFC 2435 cannot carry.
fn read(picture: &[u8]) -> Option<Picture<'_>> {
    let mut rest = picture.strip_prefix(&[0xff, 0xd8])?;
    let (mut tables, mut used) = ([None; 4], [0_u8; 2]);
    let (mut size, mut kind, mut restart) = ([0; 2], 0, 0);
    loop {
        let (&[ff, marker, l0, l1], after) = rest.split_first_chunk()?;
        let length = usize::from(u16::from_be_bytes([l0, l1])).checked_sub(2)?;
        let (segment, behind) = after.split_at_checked(length)?;
        if ff != 0xff {
            return None;
        }
        match marker {
            0xdb => {
                for table in segment.chunks_exact(65) {
                    let (&number, values) = table.split_first()?;
                    *tables.get_mut(usize::from(number))? = Some(values);
                }
            }
            0xc4 if !is_usual(segment) => return None,
            0xdd => restart = u16::from_be_bytes(*segment.first_chunk()?),
            // Baseline: 8 bits, three components.
            0xc0 => {
                let &[
                    8,
                    h0,
                    h1,
                    w0,
                    w1,
                    3,
                    _,
                    sampling,
                    luma,
                    _,
                    0x11,
                    blue,
                    _,
                    0x11,
                    red,
                ] = segment
                else {
                    return None;
                };
                if blue != red {
                    return None;
                }
                used = [luma, blue];
                let eighths = |high, low| {
                    let pixels = u16::from_be_bytes([high, low]);
                    u8::try_from(pixels.div_ceil(8)).ok()
                };
                size = [eighths(w0, w1)?, eighths(h0, h1)?];
                kind = match sampling {
                    0x21 => 0,
                    0x22 => 1,
                    _ => return None,
                };
            }
            0xda => {
                let scan = behind.strip_suffix(&[0xff, 0xd9]).unwrap_or(behind);
                let kind = kind + if restart == 0 { 0 } else { 64 };
                let is_whole = size[0] > 0 && !scan.is_empty();
                let table = |of: u8| *tables.get(usize::from(of))?;
                let [luma, chroma] = used;
                return is_whole.then_some(Picture {
                    kind,
                    size,
                    tables: [table(luma)?, table(chroma)?],
                    restart,
                    scan,
                });
            }
            0xc1..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcf => return None,
            _ => {}
        }
        rest = behind;
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Kept;
    use super::*;
    use proptest::prelude::*;

    /// Headers of a 4:2:0 picture of 640x480, and a scan.
    fn picture(scan: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0xff, 0xd8];
        for number in 0..2 {
            bytes.extend([0xff, 0xdb, 0, 67, number]);
            bytes.extend([9 + number; 64]);
        }
        bytes.extend([0xff, 0xc0, 0, 17, 8, 1, 0xe0, 2, 0x80, 3]);
        bytes.extend([1, 0x22, 0, 2, 0x11, 1, 3, 0x11, 1]);
        bytes.extend([0xff, 0xda, 0, 12, 3, 1, 0, 2, 0x11, 3, 0x11, 0, 63, 0]);
        bytes.extend(scan);
        bytes.extend([0xff, 0xd9]);
        bytes
    }

    #[test]
    fn packets_say_where_their_piece_stands() {
        let scan: Vec<u8> = (0..3000_u16).map(|n| n.to_be_bytes()[1] & 0x7f).collect();
        let mut kept = Kept::default();
        assert!(packetize(&picture(&scan), 1388, &mut kept));
        let (_, first) = &kept.0[0];
        assert_eq!(first[..12], [0, 0, 0, 0, 1, 255, 80, 60, 0, 0, 0, 128]);
        assert_eq!(first[12..140], [[9; 64], [10; 64]].concat());
        let mut whole = first[140..].to_vec();
        for (_, packet) in &kept.0[1..] {
            let at = u32::from_be_bytes([0, packet[1], packet[2], packet[3]]);
            assert_eq!(at as usize, whole.len());
            whole.extend(&packet[8..]);
        }
        assert_eq!(whole, scan);
        let markers: Vec<bool> = kept.0.iter().map(|p| p.0).collect();
        assert_eq!(markers, [false, false, true]);
    }

    /// FFmpeg's pictures have one table for all components.
    #[test]
    fn one_table_may_do_for_all() {
        let mut bytes = picture(&[1; 20]);
        let second = bytes.windows(5).position(|w| w == [0xff, 0xdb, 0, 67, 1]);
        bytes.drain(second.unwrap()..second.unwrap() + 69);
        assert!(!fits(&bytes));
        let components = bytes.windows(3).position(|w| w == [0x11, 1, 3]).unwrap();
        bytes[components + 1] = 0;
        bytes[components + 4] = 0;
        let mut kept = Kept::default();
        assert!(packetize(&bytes, 1388, &mut kept));
        assert_eq!(kept.0[0].1[12..140], [9; 128]);
    }

    #[test]
    fn huffman_tables_that_were_made_for_a_picture_do_not_fit() {
        let with = |counts: [u8; 16]| {
            let values = vec![0; counts.iter().map(|n| usize::from(*n)).sum()];
            let length = u8::try_from(19 + values.len()).unwrap();
            let head = [
                &[0xff, 0xd8, 0xff, 0xc4, 0, length, 0x10][..],
                &counts,
                &values,
            ];
            [&head.concat(), &picture(&[1; 20])[2..]].concat()
        };
        let usual = HUFFMAN[2].1;
        assert!(fits(&with(usual)));
        let mut other = usual;
        other.swap(3, 4);
        other[3] += 1;
        assert!(!fits(&with(other)));
    }

    proptest! {
        #[test]
        fn damage_never_panics(cut in 0..300_usize, byte in any::<u8>()) {
            let mut bytes = picture(&[1; 20]);
            if let Some(at) = bytes.get_mut(cut) {
                *at = byte;
            }
            packetize(&bytes, 100, &mut Kept::default());
            bytes.truncate(cut);
            packetize(&bytes, 3, &mut Kept::default());
        }
    }
}
