//! Descriptors of ISO/IEC 14496-1 §7.2.6, in `esds` and `iods`.

use super::Value;
use super::reader::Reader;

/// Descriptors of one box that are shown.
const SHOWN: usize = 16;

/// Reads descriptors: a tag, a length of up to four bytes, a body. Those of an
/// elementary stream and of its decoder hold others.
pub(super) fn read(r: &mut Reader<'_>) -> Option<()> {
    let mut shown = Vec::new();
    let mut done = Some(());
    while r.left() > 0 && shown.len() < SHOWN && done.is_some() {
        let mut fields = Vec::new();
        done = one(r, &mut fields);
        if !fields.is_empty() {
            shown.push(Value::Record(fields));
        }
    }
    let count = (shown.len() < SHOWN).then_some(shown.len() as u64);
    r.push("descriptors", Value::List { shown, count });
    done
}

fn one(r: &mut Reader<'_>, fields: &mut Vec<super::Field>) -> Option<()> {
    let tag = r.number(8)?;
    let mut size = 0;
    for _ in 0..4 {
        let byte = r.number(8)?;
        size = size << 7 | byte & 0x7f;
        if byte & 0x80 == 0 {
            break;
        }
    }
    fields.push(("tag", Value::Int(tag)));
    fields.push(("size", Value::Int(size)));
    let mut number = |r: &mut Reader<'_>, name, bits| {
        let n = r.number(bits)?;
        fields.push((name, Value::Int(n)));
        Some(n)
    };
    fields_of_tag(r, tag, &mut number)?;
    if let Some(name) = [(5, "decoder_specific_info"), (6, "sl_config")]
        .iter()
        .find_map(|(t, name)| (*t == tag).then_some(*name))
    {
        let head = r.take(size)?.to_vec();
        fields.push((name, Value::Bytes { head, len: size }));
    } else if !matches!(tag, 3 | 4) {
        r.take(size)?;
    }
    Some(())
}

type Number<'n> = dyn FnMut(&mut Reader<'_>, &'static str, u32) -> Option<u64> + 'n;

/// The fields in front of the descriptors inside.
fn fields_of_tag(r: &mut Reader<'_>, tag: u64, number: &mut Number<'_>) -> Option<()> {
    match tag {
        // ES_Descriptor
        3 => {
            number(r, "es_id", 16)?;
            let (depends, url, ocr) = (r.number(1)?, r.number(1)?, r.number(1)?);
            number(r, "stream_priority", 5)?;
            if depends == 1 {
                number(r, "depends_on_es_id", 16)?;
            }
            if url == 1 {
                let len = r.number(8)?;
                r.take(len)?;
            }
            if ocr == 1 {
                number(r, "ocr_es_id", 16)?;
            }
        }
        // DecoderConfigDescriptor
        4 => {
            number(r, "object_type_indication", 8)?;
            number(r, "stream_type", 6)?;
            number(r, "up_stream", 1)?;
            r.number(1)?;
            number(r, "buffer_size_db", 24)?;
            number(r, "max_bitrate", 32)?;
            number(r, "avg_bitrate", 32)?;
        }
        _ => {}
    }
    Some(())
}
