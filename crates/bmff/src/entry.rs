//! Sample entries, split into fixed fields and child boxes (14496-12 §8.5.2,
//! QuickTime File Format "Sound Sample Description" versions 0, 1 and 2).

use crate::{BoxHeader, FourCc, Walker, be_u16, be_u32, be_u64, walk::Step};
use std::ops::Range;
use tapo_io::{Span, Window};

/// One sample entry of an `stsd` box: all of its bytes, and what they mean.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SampleEntry {
    raw: Vec<u8>,
    kind: FourCc,
    fields: Fields,
    children: Vec<(FourCc, Range<usize>)>,
}

/// The fixed fields that kinds of entry have in common.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub enum Fields {
    /// A `VisualSampleEntry` (§12.1.3).
    Visual {
        /// Width of a sample, pixels.
        width: u16,
        /// Height of a sample, pixels.
        height: u16,
    },
    /// An `AudioSampleEntry` (§12.2.3), or a QuickTime sound description.
    Sound {
        /// Layout of the fields: 0, 1 or 2.
        version: u16,
        /// Channels.
        channels: u32,
        /// Bits of an uncompressed sample.
        bits: u32,
        /// Sampling rate, hertz (0 where the entry leaves it to the codec).
        rate: u32,
    },
    /// Any other.
    Other,
}

/// How the fields of an entry are laid out.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
enum Layout {
    Visual,
    Sound,
    /// Children from this offset of the payload on.
    Plain(u64),
    /// QuickTime's time code: children behind 26 or 28 bytes.
    TimeCode,
    /// No children that could be found.
    Opaque,
}

impl SampleEntry {
    /// Takes one entry, header included. `handler` says what kind of track it
    /// belongs to, which matters for types not in our table. `None` if not even
    /// the eight bytes that all entries share are there.
    #[must_use]
    pub fn parse(raw: Vec<u8>, handler: Option<FourCc>) -> Option<Self> {
        let header = BoxHeader::read(0, &raw)?;
        let start = usize::try_from(header.len()).ok()?;
        let payload = raw.get(start..).filter(|p| p.len() >= 8)?;
        let fields = fields(layout(header.kind, handler), payload);
        let children = match children_at(header.kind, handler, payload, payload.len() as u64) {
            Some(at) => split(&raw, header.len() + at),
            None => Vec::new(),
        };
        Some(Self {
            kind: header.kind,
            fields,
            children,
            raw,
        })
    }

    /// The type: `avc1`, `mp4a`, ...
    #[must_use]
    pub const fn kind(&self) -> FourCc {
        self.kind
    }

    /// Its fixed fields.
    #[must_use]
    pub const fn fields(&self) -> Fields {
        self.fields
    }

    /// The whole entry, header included, as it stands in the file.
    #[must_use]
    pub fn raw(&self) -> &[u8] {
        &self.raw
    }

    /// Types and payloads of the child boxes.
    pub fn children(&self) -> impl Iterator<Item = (FourCc, &[u8])> {
        let at = |r: &Range<usize>| self.raw.get(r.clone()).unwrap_or_default();
        self.children.iter().map(move |(kind, r)| (*kind, at(r)))
    }

    /// The payload of the first child of this type; also of one inside `wave`,
    /// where QuickTime keeps `esds`.
    #[must_use]
    pub fn child(&self, kind: &[u8; 4]) -> Option<&[u8]> {
        self.children().find(|(k, _)| k == kind).map(|(_, p)| p)
    }

    /// The bytes of the entry with another payload of its first child of this
    /// type. `None` if it has none, or one with a large size or inside `wave`.
    #[must_use]
    pub fn with_payload(&self, kind: &[u8; 4], payload: &[u8]) -> Option<Vec<u8>> {
        let inside = |outer: &Range<usize>, inner: &Range<usize>| {
            outer != inner && outer.start <= inner.start && inner.end <= outer.end
        };
        let (_, range) = self.children.iter().find(|(k, _)| k == kind)?;
        let nested = self.children.iter().any(|(_, r)| inside(r, range));
        let header = range.start.checked_sub(8)?;
        let size = u32::try_from(range.len() + 8).ok()?;
        if nested || be_u32(&self.raw, header) != Some(size) {
            return None;
        }
        let mut raw = self.raw.get(..header)?.to_vec();
        raw.extend(u32::try_from(payload.len() + 8).ok()?.to_be_bytes());
        raw.extend(kind);
        raw.extend_from_slice(payload);
        raw.extend_from_slice(self.raw.get(range.end..)?);
        let len = u32::try_from(raw.len()).ok()?.to_be_bytes();
        raw.get_mut(..4)?.copy_from_slice(&len);
        Some(raw)
    }
}

/// Where in the payload of an entry its child boxes start. `head` is the start
/// of the payload (64 bytes are enough), `len` all of its length.
pub(crate) fn children_at(
    kind: FourCc,
    handler: Option<FourCc>,
    head: &[u8],
    len: u64,
) -> Option<u64> {
    let at = match layout(kind, handler) {
        Layout::Visual => 78,
        Layout::Sound => match be_u16(head, 8)? {
            1 if !is_header_at(head, 28, len) => 44,
            2 => 64,
            _ => 28,
        },
        Layout::Plain(at) => at,
        // FFmpeg 9 writes two more reserved bytes than others.
        Layout::TimeCode if len >= 28 && !is_header_at(head, 26, len) => 28,
        Layout::TimeCode => 26,
        Layout::Opaque => return None,
    };
    (at <= len).then_some(at)
}

fn layout(kind: FourCc, handler: Option<FourCc>) -> Layout {
    match &kind.0 {
        b"avc1" | b"avc2" | b"avc3" | b"avc4" | b"hvc1" | b"hev1" | b"hvc2" | b"hev2" | b"dvh1"
        | b"dvhe" | b"dvav" | b"dva1" | b"vvc1" | b"vvi1" | b"av01" | b"vp08" | b"vp09"
        | b"mp4v" | b"s263" | b"h263" | b"encv" | b"resv" | b"jpeg" | b"mjpa" | b"mjpb"
        | b"mjp2" | b"png " | b"ap4h" | b"ap4x" | b"apch" | b"apcn" | b"apcs" | b"apco" => {
            Layout::Visual
        }
        b"mp4a" | b"enca" | b".mp3" | b"ac-3" | b"ec-3" | b"ac-4" | b"Opus" | b"fLaC" | b"alac"
        | b"samr" | b"sawb" | b"sawp" | b"alaw" | b"ulaw" | b"sowt" | b"twos" | b"in24"
        | b"in32" | b"fl32" | b"fl64" | b"lpcm" | b"ipcm" | b"fpcm" | b"dtsc" | b"dtsh"
        | b"dtse" | b"mha1" | b"mhm1" | b"iamf" | b"QDM2" | b"ima4" | b"agsm" => Layout::Sound,
        b"tmcd" => Layout::TimeCode,
        b"tx3g" => Layout::Plain(38),
        b"mp4s" | b"wvtt" | b"mebx" | b"evte" | b"enct" => Layout::Plain(8),
        b"gpmd" | b"fdsc" | b"camm" | b"mett" | b"metx" | b"urim" | b"stpp" | b"sbtt" | b"text"
        | b"rtp " | b"rtcp" => Layout::Opaque,
        _ => match handler {
            Some(h) if h == b"vide" => Layout::Visual,
            Some(h) if h == b"soun" => Layout::Sound,
            _ => Layout::Opaque,
        },
    }
}

fn fields(layout: Layout, payload: &[u8]) -> Fields {
    let visual = || Some((be_u16(payload, 24)?, be_u16(payload, 26)?));
    match layout {
        Layout::Visual => visual().map_or(Fields::Other, |(width, height)| Fields::Visual {
            width,
            height,
        }),
        Layout::Sound => sound(payload).unwrap_or(Fields::Other),
        Layout::Plain(_) | Layout::TimeCode | Layout::Opaque => Fields::Other,
    }
}

fn sound(payload: &[u8]) -> Option<Fields> {
    let version = be_u16(payload, 8)?;
    if version == 2 {
        let rate = f64::from_bits(be_u64(payload, 32)?).round();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "saturates"
        )]
        let rate = rate as u32;
        return Some(Fields::Sound {
            version,
            channels: be_u32(payload, 40)?,
            bits: be_u32(payload, 48)?,
            rate,
        });
    }
    Some(Fields::Sound {
        version,
        channels: u32::from(be_u16(payload, 16)?),
        bits: u32::from(be_u16(payload, 18)?),
        rate: be_u32(payload, 24)? >> 16,
    })
}

/// Whether a box that fits stands at `at`: tells an ISO `AudioSampleEntryV1`,
/// whose children follow at once, from a QuickTime version 1 description, which
/// has four more fields.
fn is_header_at(head: &[u8], at: usize, len: u64) -> bool {
    let rest = head.get(at..).unwrap_or_default();
    let left = len.saturating_sub(at as u64);
    BoxHeader::read(0, rest).is_some_and(|h| {
        let end = h.declared_end(0).unwrap_or_default();
        h.kind.is_plausible() && end >= 8 && end <= left
    })
}

/// The children from `from` on, and those of a `wave` among them.
fn split(raw: &[u8], from: u64) -> Vec<(FourCc, Range<usize>)> {
    let mut found = Vec::new();
    level(raw, Span::new(from, raw.len() as u64), &mut found);
    let wave = found.iter().find(|(kind, _)| kind == b"wave");
    if let Some((_, wave)) = wave.cloned() {
        let span = Span::new(wave.start as u64, wave.end as u64);
        level(raw, span, &mut found);
    }
    found
}

fn level(raw: &[u8], span: Span, found: &mut Vec<(FourCc, Range<usize>)>) {
    // The parent type only silences the four zero bytes at a list's end.
    let parent = Some(FourCc(*b"stsd"));
    let mut window = Window::new(&raw);
    let mut walker = Walker::new(span, parent);
    while let Ok(Some(Step::Box { header, span, .. })) = walker.next(&mut window) {
        let start = usize::try_from(span.start + header.len()).unwrap_or(usize::MAX);
        let end = usize::try_from(span.end).unwrap_or(usize::MAX);
        if start <= end {
            found.push((header.kind, start..end));
        }
        if found.len() >= MAX_CHILDREN {
            break;
        }
    }
}

/// Children of one entry that are looked at.
const MAX_CHILDREN: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::BoxWriter;

    fn entry(kind: &[u8; 4], payload: &[u8], child: &[u8]) -> SampleEntry {
        let mut w = BoxWriter::new();
        w.boxed(kind, |w| {
            w.raw(payload).raw(child);
        });
        SampleEntry::parse(w.into_bytes(), None).unwrap()
    }

    fn sound_fields(version: u16) -> Vec<u8> {
        let mut w = BoxWriter::new();
        w.zeros(6).u16(1).u16(version).zeros(6).u16(2).u16(16);
        w.zeros(4).u32(48_000 << 16);
        w.into_bytes()
    }

    const ESDS: &[u8] = b"\0\0\0\x0cesdsABCD";

    #[test]
    fn visual_entries_have_a_size_and_children_behind_78_bytes() {
        let mut w = BoxWriter::new();
        w.zeros(7).u8(1).zeros(16).u16(1280).u16(720).zeros(50);
        let avc1 = entry(b"avc1", &w.into_bytes(), b"\0\0\0\x0aavcC\x01d");
        let (width, height) = (1280, 720);
        assert_eq!(avc1.fields(), Fields::Visual { width, height });
        assert_eq!(avc1.child(b"avcC"), Some(&b"\x01d"[..]));
        assert_eq!(avc1.child(b"hvcC"), None);
        let other = avc1.with_payload(b"avcC", b"longer").unwrap();
        let other = SampleEntry::parse(other, None).unwrap();
        assert_eq!(other.child(b"avcC"), Some(&b"longer"[..]));
        assert_eq!(other.fields(), avc1.fields());
        assert_eq!(avc1.with_payload(b"hvcC", b""), None);
    }

    #[test]
    fn quicktime_sound_version_1_has_four_more_fields_iso_version_1_none() {
        let mut quicktime = sound_fields(1);
        quicktime.extend([0, 0, 4, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 2]);
        let wave = [&b"\0\0\0\x14wave"[..], ESDS].concat();
        let mp4a = entry(b"mp4a", &quicktime, &wave);
        assert_eq!(mp4a.child(b"esds"), Some(&b"ABCD"[..]));
        let iso = entry(b"mp4a", &sound_fields(1), ESDS);
        assert_eq!(iso.child(b"esds"), Some(&b"ABCD"[..]));
        assert!(matches!(
            iso.fields(),
            Fields::Sound {
                version: 1,
                channels: 2,
                bits: 16,
                rate: 48_000
            }
        ));
    }

    #[test]
    fn quicktime_sound_version_2_states_its_rate_as_a_double() {
        let mut w = BoxWriter::new();
        w.raw(&sound_fields(2)).u32(72).u64(96_000_f64.to_bits());
        w.u32(6).u32(0x7f00_0000).u32(24).u32(0).u32(0).u32(0);
        let lpcm = entry(b"lpcm", &w.into_bytes(), b"\0\0\0\x09chan7");
        let Fields::Sound {
            channels,
            bits,
            rate,
            ..
        } = lpcm.fields()
        else {
            panic!("{lpcm:?}");
        };
        assert_eq!((channels, bits, rate), (6, 24, 96_000));
        assert_eq!(lpcm.child(b"chan"), Some(&b"7"[..]));
    }

    #[test]
    fn a_time_code_has_one_reserved_byte_or_three() {
        for reserved in [1, 3] {
            let mut w = BoxWriter::new();
            w.zeros(16).u32(12_800).u32(512).u8(25).zeros(reserved);
            let fixed = w.into_bytes();
            let len = fixed.len() as u64;
            let children = children_at(FourCc(*b"tmcd"), None, &fixed, len);
            assert_eq!(children, Some(len));
            let tmcd = entry(b"tmcd", &fixed, b"\0\0\0\x0aname\0\0");
            assert_eq!(tmcd.child(b"name"), Some(&[0, 0][..]));
        }
    }

    #[test]
    fn an_unknown_entry_is_read_by_its_handler() {
        let raw = [&b"\0\0\0\x24zzzz"[..], &sound_fields(0)].concat();
        let of = |h: &[u8; 4]| SampleEntry::parse(raw.clone(), Some(FourCc(*h))).unwrap();
        assert!(matches!(of(b"soun").fields(), Fields::Sound { .. }));
        assert_eq!(of(b"meta").fields(), Fields::Other);
    }

    #[test]
    fn cut_entries_lose_their_fields_and_nothing_else() {
        assert!(SampleEntry::parse(b"\0\0\0\x0aavc1\0\0".to_vec(), None).is_none());
        let cut = entry(b"avc1", &[0; 20], b"");
        assert_eq!((cut.fields(), cut.children().count()), (Fields::Other, 0));
    }
}
