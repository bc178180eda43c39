//! The fields of well-known boxes, for people who read box trees.

use tapo_bmff::{BoxTree, FourCc, NodeId, be_u16, full_box};
use tapo_io::{ByteSource, Span};

/// A value of a field.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A number.
    Int(u64),
    /// A number below zero, or that may be.
    Signed(i64),
    /// A fixed-point number.
    Fixed(f64),
    /// A four-character code.
    Code(FourCc),
    /// Several of them.
    Codes(Vec<FourCc>),
    /// Text as it stands in the file.
    Text(Vec<u8>),
    /// Bytes.
    Bytes(Vec<u8>),
    /// Text of ours.
    Word(String),
}

/// A field: its name in the standard, and its value.
pub type Field = (&'static str, Value);

/// Bytes of a payload that are read for its fields.
const HEAD: u64 = 4096;

/// The fields of the box at `id`, none where we know nothing of it.
///
/// # Errors
/// As [`ByteSource::read_at`].
pub fn of(source: &dyn ByteSource, tree: &BoxTree, id: NodeId) -> crate::Result<Vec<Field>> {
    let Some(node) = tree.get(id) else {
        return Ok(Vec::new());
    };
    let parent = tree.parent(id).map(|(_, p)| p.kind);
    if node.kind == b"uuid" {
        let user_type = Span::new(
            node.payload().start.saturating_sub(16),
            node.payload().start,
        );
        let bytes = source.read_span(user_type)?;
        return Ok(vec![("user_type", Value::Bytes(bytes))]);
    }
    if !is_known(node.kind) && parent.is_none_or(|p| p != b"stsd") {
        return Ok(Vec::new());
    }
    let payload = node.payload();
    let head = source.read_span(payload.intersect(Span::at(payload.start, HEAD)))?;
    Ok(decode(node.kind, parent, &head, payload.len()).unwrap_or_default())
}

fn is_known(kind: FourCc) -> bool {
    matches!(
        &kind.0,
        b"ftyp"
            | b"styp"
            | b"mvhd"
            | b"tkhd"
            | b"mdhd"
            | b"hdlr"
            | b"elst"
            | b"stts"
            | b"ctts"
            | b"stss"
            | b"stsc"
            | b"stsz"
            | b"stz2"
            | b"stco"
            | b"co64"
            | b"stsd"
            | b"dref"
            | b"mehd"
            | b"mfhd"
            | b"tfhd"
            | b"tfdt"
            | b"trun"
            | b"trex"
            | b"prft"
            | b"sidx"
            | b"mfro"
            | b"tfra"
            | b"avcC"
            | b"hvcC"
            | b"esds"
            | b"btrt"
            | b"pasp"
            | b"colr"
            | b"vmhd"
            | b"smhd"
            | b"sdtp"
            | b"sbgp"
            | b"sgpd"
            | b"url "
            | b"frma"
            | b"schm"
    )
}

/// Reads fields off the start of a payload; what is cut off is left out.
struct Fields<'a> {
    version: u8,
    flags: u32,
    rest: &'a [u8],
    out: Vec<Field>,
}

impl<'a> Fields<'a> {
    fn full(payload: &'a [u8]) -> Option<Self> {
        let (version, flags, rest) = full_box(payload)?;
        let out = vec![
            ("version", Value::Int(u64::from(version))),
            ("flags", Value::Int(u64::from(flags))),
        ];
        Some(Self {
            version,
            flags,
            rest,
            out,
        })
    }

    fn take(&mut self, bytes: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.rest.split_at_checked(bytes)?;
        self.rest = rest;
        Some(head)
    }

    fn skip(&mut self, bytes: usize) -> Option<&mut Self> {
        self.take(bytes).map(|_| self)
    }

    fn number(&mut self, bytes: usize) -> Option<u64> {
        let word = self.take(bytes)?;
        Some(word.iter().fold(0, |n, b| n << 8 | u64::from(*b)))
    }

    fn int(&mut self, name: &'static str, bytes: usize) -> Option<&mut Self> {
        let value = self.number(bytes)?;
        self.out.push((name, Value::Int(value)));
        Some(self)
    }

    /// 8 bytes in version 1, else 4.
    fn time(&mut self, name: &'static str) -> Option<&mut Self> {
        let bytes = if self.version == 1 { 8 } else { 4 };
        self.int(name, bytes)
    }

    fn fixed(&mut self, name: &'static str, bytes: usize) -> Option<&mut Self> {
        let value = i32::try_from(self.number(bytes)?.cast_signed())
            .ok()
            .map(f64::from);
        let scale = if bytes == 2 { 256.0 } else { 65_536.0 };
        self.out.push((name, Value::Fixed(value? / scale)));
        Some(self)
    }

    fn code(&mut self, name: &'static str) -> Option<&mut Self> {
        let code = *self.take(4)?.first_chunk()?;
        self.out.push((name, Value::Code(FourCc(code))));
        Some(self)
    }

    fn when(&mut self, bit: u32, name: &'static str) -> Option<&mut Self> {
        if self.flags & bit != 0 {
            self.int(name, 4)?;
        }
        Some(self)
    }
}

fn decode(kind: FourCc, parent: Option<FourCc>, payload: &[u8], len: u64) -> Option<Vec<Field>> {
    if matches!(&kind.0, b"ftyp" | b"styp") {
        let read = tapo_movie::FileType::parse(payload)?;
        return Some(vec![
            ("major_brand", Value::Code(read.major_brand)),
            ("minor_version", Value::Int(u64::from(read.minor_version))),
            ("compatible_brands", Value::Codes(read.compatible_brands)),
        ]);
    }
    if let Some(fields) = configuration(kind, payload) {
        return Some(fields);
    }
    if parent.is_some_and(|p| p == b"stsd") {
        return Some(vec![(
            "data_reference_index",
            Value::Int(u64::from(be_u16(payload, 6)?)),
        )]);
    }
    let mut f = Fields::full(payload)?;
    // A cut box keeps the fields before the cut.
    let _ = body(kind, &mut f, len);
    Some(f.out)
}

fn body(kind: FourCc, f: &mut Fields<'_>, len: u64) -> Option<()> {
    match &kind.0 {
        b"mvhd" => {
            f.time("creation_time")?
                .time("modification_time")?
                .int("timescale", 4)?;
            f.time("duration")?.fixed("rate", 4)?.fixed("volume", 2)?;
            f.skip(10 + 36 + 24)?.int("next_track_id", 4)?;
        }
        b"tkhd" => {
            f.time("creation_time")?
                .time("modification_time")?
                .int("track_id", 4)?;
            f.skip(4)?.time("duration")?.skip(8)?.int("layer", 2)?;
            f.int("alternate_group", 2)?
                .fixed("volume", 2)?
                .skip(2 + 36)?;
            f.fixed("width", 4)?.fixed("height", 4)?;
        }
        b"mdhd" => {
            f.time("creation_time")?
                .time("modification_time")?
                .int("timescale", 4)?;
            f.time("duration")?;
            let packed = f.number(2)?;
            let letter = |shift: u32| u8::try_from(packed >> shift & 0x1f).unwrap_or(0) + 0x60;
            let letters = vec![letter(10), letter(5), letter(0)];
            // Other values are the Macintosh codes of QuickTime.
            let plain = letters.iter().all(u8::is_ascii_lowercase);
            let language = if plain {
                Value::Text(letters)
            } else {
                Value::Int(packed)
            };
            f.out.push(("language", language));
        }
        b"hdlr" => {
            f.skip(4)?.code("handler_type")?.skip(12)?;
            let name = crate::summary::handler_name(f.rest).to_vec();
            f.out.push(("name", Value::Text(name)));
        }
        b"elst" => {
            f.int("entry_count", 4)?;
            f.time("segment_duration")?;
            let media_time = f.number(if f.version == 1 { 8 } else { 4 })?;
            let signed = if f.version == 1 {
                media_time.cast_signed()
            } else {
                i64::from(u32::try_from(media_time).ok()?.cast_signed())
            };
            f.out.push(("media_time", Value::Signed(signed)));
            f.fixed("media_rate", 4)?;
        }
        b"stsz" => {
            f.int("sample_size", 4)?.int("sample_count", 4)?;
        }
        b"stz2" => {
            f.skip(3)?.int("field_size", 1)?.int("sample_count", 4)?;
        }
        b"stts" | b"ctts" | b"stss" | b"stsc" | b"stco" | b"co64" | b"stsd" | b"dref" => {
            f.int("entry_count", 4)?;
        }
        b"mehd" => {
            f.time("fragment_duration")?;
        }
        b"mfhd" => {
            f.int("sequence_number", 4)?;
        }
        b"tfdt" => {
            f.time("base_media_decode_time")?;
        }
        b"tfhd" => {
            f.int("track_id", 4)?;
            if f.flags & 1 != 0 {
                f.int("base_data_offset", 8)?;
            }
            f.when(2, "sample_description_index")?
                .when(8, "default_sample_duration")?;
            f.when(0x10, "default_sample_size")?
                .when(0x20, "default_sample_flags")?;
        }
        b"trun" => {
            f.int("sample_count", 4)?;
            if f.flags & 1 != 0 {
                let offset = i64::from(u32::try_from(f.number(4)?).ok()?.cast_signed());
                f.out.push(("data_offset", Value::Signed(offset)));
            }
            f.when(4, "first_sample_flags")?;
        }
        b"trex" => {
            f.int("track_id", 4)?
                .int("default_sample_description_index", 4)?;
            f.int("default_sample_duration", 4)?
                .int("default_sample_size", 4)?;
            f.int("default_sample_flags", 4)?;
        }
        b"prft" => {
            f.int("reference_track_id", 4)?
                .int("ntp_timestamp", 8)?
                .time("media_time")?;
        }
        b"sidx" => {
            f.int("reference_id", 4)?.int("timescale", 4)?;
            f.time("earliest_presentation_time")?.time("first_offset")?;
            f.skip(2)?.int("reference_count", 2)?;
        }
        b"tfra" => {
            f.int("track_id", 4)?.skip(4)?.int("number_of_entry", 4)?;
        }
        b"mfro" => {
            f.int("size", 4)?;
        }
        b"smhd" => {
            f.fixed("balance", 2)?;
        }
        b"sbgp" | b"sgpd" => {
            f.code("grouping_type")?;
        }
        b"schm" => {
            f.code("scheme_type")?;
        }
        b"sdtp" => {
            f.out
                .push(("sample_count", Value::Int(len.saturating_sub(4))));
        }
        _ => {}
    }
    Some(())
}

/// Boxes that are no full boxes, and decoder configurations.
fn configuration(kind: FourCc, payload: &[u8]) -> Option<Vec<Field>> {
    let int = |at: usize, bytes: usize| {
        let word = payload.get(at..at + bytes)?;
        Some(Value::Int(
            word.iter().fold(0, |n, b| n << 8 | u64::from(*b)),
        ))
    };
    let word = |of: &[u8; 4]| {
        let said = tapo_codec::describe(*of, &[(kind.0, payload)]);
        vec![
            ("codec", Value::Word(said.codec_string)),
            ("means", Value::Word(said.name)),
        ]
    };
    Some(match &kind.0 {
        b"avcC" => word(b"avc1"),
        b"hvcC" => word(b"hvc1"),
        b"esds" => word(b"mp4a"),
        b"btrt" => vec![
            ("buffer_size", int(0, 4)?),
            ("max_bitrate", int(4, 4)?),
            ("avg_bitrate", int(8, 4)?),
        ],
        b"pasp" => vec![("h_spacing", int(0, 4)?), ("v_spacing", int(4, 4)?)],
        b"colr" => {
            let kind = FourCc(*payload.first_chunk()?);
            let mut fields = vec![("colour_type", Value::Code(kind))];
            if kind == b"nclx" || kind == b"nclc" {
                fields.push(("colour_primaries", int(4, 2)?));
                fields.push(("transfer_characteristics", int(6, 2)?));
                fields.push(("matrix_coefficients", int(8, 2)?));
            }
            fields
        }
        b"frma" => vec![("data_format", Value::Code(FourCc(*payload.first_chunk()?)))],
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tapo_bmff::BoxWriter;

    fn fields(kind: &[u8; 4], payload: &[u8]) -> Vec<Field> {
        let mut w = BoxWriter::new();
        w.boxed(kind, |w| {
            w.raw(payload);
        });
        let bytes = w.into_bytes();
        let tree = BoxTree::read(&bytes).unwrap();
        let (id, _) = tree.roots().next().unwrap();
        of(&bytes, &tree, id).unwrap()
    }

    #[test]
    fn fields_follow_version_and_flags() {
        let tfdt = fields(b"tfdt", &[1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2]);
        assert_eq!(
            tfdt[2],
            ("base_media_decode_time", Value::Int(0x1_0000_0002))
        );
        let mut w = BoxWriter::new();
        w.u32(0x0000_0205).u32(7).u32(0xffff_fff0).u32(3);
        let trun = fields(b"trun", &w.into_bytes());
        assert_eq!(trun[3], ("data_offset", Value::Signed(-16)));
        assert_eq!(trun[4], ("first_sample_flags", Value::Int(3)));
    }

    #[test]
    fn a_cut_box_keeps_the_fields_before_the_cut() {
        let mfhd = fields(b"mfhd", &[0, 0, 0, 0, 1]);
        assert_eq!(mfhd.len(), 2);
        assert!(fields(b"mvhd", &[0, 0]).is_empty());
        assert!(fields(b"zzzz", &[0; 40]).is_empty());
    }
}
