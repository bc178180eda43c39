//! RTP payload formats: an access unit or an audio frame into packets.
//!
//! Packetizers own nothing and copy nothing: they hand slices to a
//! [`PacketSink`], which puts the headers in front.

pub(crate) mod aac;
pub(crate) mod g711;
pub(crate) mod h264;
pub(crate) mod h265;
pub(crate) mod jpeg;
pub(crate) mod message;
pub(crate) mod plain;

use crate::clip::Codec;

/// Takes the packets of one access unit, in order.
pub(crate) trait PacketSink {
    /// One packet: its payload is the concatenation of `parts`.
    fn packet(&mut self, marker: bool, parts: &[&[u8]]);
}

/// Which parameter sets go into the stream itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InBand {
    /// None: the SDP has them.
    #[default]
    Never,
    /// Before each keyframe, every one in a packet of its own.
    Single,
    /// Before each keyframe, all in one STAP-A or AP.
    Aggregated,
}

/// Packetizes one sample. Returns false if the sample is damaged; what is
/// sound of it was sent.
pub(crate) fn packetize(
    codec: &Codec,
    sample: &[u8],
    in_band: InBand,
    max_payload: usize,
    sink: &mut impl PacketSink,
) -> bool {
    match codec {
        Codec::H264(sets) => h264::packetize(sets, sample, in_band, max_payload, sink),
        Codec::H265(sets) => h265::packetize(sets, sample, in_band, max_payload, sink),
        Codec::Aac(_) => aac::packetize(sample, max_payload, sink),
        Codec::G711(_) => g711::packetize(sample, max_payload, sink),
        Codec::Plain(..) => plain::packetize(sample, max_payload, sink),
        Codec::Jpeg => jpeg::packetize(sample, max_payload, sink),
        Codec::Message(_) => message::packetize(sample, max_payload, sink),
    }
}

/// NAL units with lengths of 1 to 4 bytes in front (ISO/IEC 14496-15, 5.3.4.2).
pub(crate) struct Nals<'a> {
    rest: &'a [u8],
    length_size: usize,
}

impl<'a> Nals<'a> {
    pub(crate) const fn new(sample: &'a [u8], length_size: usize) -> Self {
        Self {
            rest: sample,
            length_size,
        }
    }

    /// Whether nothing is left over. Bytes that are no NAL unit stay.
    pub(crate) const fn is_exhausted(&self) -> bool {
        self.rest.is_empty()
    }
}

impl<'a> Iterator for Nals<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        loop {
            let (length, rest) = self.rest.split_at_checked(self.length_size)?;
            if length.is_empty() {
                return None;
            }
            let length = length.iter().fold(0, |n, &b| n << 8 | usize::from(b));
            let (nal, rest) = rest.split_at_checked(length)?;
            self.rest = rest;
            if !nal.is_empty() {
                return Some(nal);
            }
        }
    }
}

/// An aggregation packet of `nals`: a header of `kind` (24: STAP-A of RFC 6184,
/// 48: AP of RFC 7798), then each behind its 16-bit length.
pub(crate) fn aggregate<'a>(kind: u8, nals: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut packet = if kind < 32 {
        vec![kind | 0x60]
    } else {
        vec![kind << 1, 1]
    };
    for nal in nals {
        if let Ok(length) = u16::try_from(nal.len()) {
            packet.extend(length.to_be_bytes());
            packet.extend(nal);
        }
    }
    packet
}

/// The NAL units of an access unit, with parameter sets put before the first
/// that is not an access unit delimiter, each with whether it is the last.
pub(crate) fn for_each_payload<'a>(
    nals: &mut Nals<'a>,
    prefix: impl Iterator<Item = &'a [u8]>,
    is_delimiter: impl Fn(&[u8]) -> bool,
    mut each: impl FnMut(bool, &'a [u8]),
) {
    let first = nals.next();
    let (delimiter, first) = match first {
        Some(nal) if is_delimiter(nal) => (Some(nal), None),
        other => (None, other),
    };
    let mut all = (delimiter.into_iter())
        .chain(prefix)
        .chain(first)
        .chain(nals)
        .peekable();
    while let Some(payload) = all.next() {
        each(all.peek().is_none(), payload);
    }
}

#[cfg(test)]
pub(crate) mod testing {
    //! A sink that keeps the packets.

    #[derive(Default)]
    pub(crate) struct Kept(pub(crate) Vec<(bool, Vec<u8>)>);

    impl super::PacketSink for Kept {
        fn packet(&mut self, marker: bool, parts: &[&[u8]]) {
            self.0.push((marker, parts.concat()));
        }
    }
}
