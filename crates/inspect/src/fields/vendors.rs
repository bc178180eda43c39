//! Boxes of makers of cameras: what is known of them from their files.

use super::Value;
use super::reader::Reader;
use super::rule::Count::{By, Rest};
use super::rule::Len;
use super::rule::Rule::{Bytes, Call, Code, List, Text, Uint};
use super::rule::{Layout, full, plain};
use tapo_bmff::FourCc;

pub(super) const LAYOUTS: &[Layout] = &[
    // GoPro, in `udta`
    plain(&[b"FIRM"], &[Text("firmware_version", Len::Rest)]),
    plain(&[b"LENS"], &[Text("lens_serial", Len::Rest)]),
    plain(&[b"CAME"], &[Bytes("camera_serial_hash", Len::Rest)]),
    plain(&[b"SETT"], &[Bytes("settings", Len::Rest)]),
    plain(&[b"MUID", b"GUMI"], &[Bytes("media_id", Len::Rest)]),
    plain(&[b"BCID"], &[Bytes("broadcast_id", Len::Rest)]),
    // How many, and where, in milliseconds; room for more behind them
    plain(
        &[b"HMMT"],
        &[
            Uint("highlight_count", 32),
            List("highlight_ms", By("highlight_count"), &[Uint("", 32)]),
            Call(|r| r.take(r.left()).map(|_| ())),
        ],
    ),
    // GPMF: keys, types, sizes, values padded to 4 bytes (github.com/gopro/gpmf-parser)
    plain(&[b"GPMF"], &[Call(gpmf)]),
    // Samsung, in `udta` and behind the movie
    plain(&[b"SDLN"], &[Text("play_mode", Len::Rest)]),
    plain(&[b"smrd"], &[Text("text", Len::Rest)]),
    full(
        &[b"smta"],
        &[List(
            "boxes",
            Rest,
            &[
                Uint("size", 32),
                Code("type"),
                Bytes("data", Len::Less("size", 8)),
            ],
        )],
    ),
    // Novatek: where the GPS blocks stand
    plain(
        &[b"gps "],
        &[
            Uint("version", 32),
            Uint("entry_count", 32),
            List("entries", Rest, &[Uint("offset", 32), Uint("size", 32)]),
        ],
    ),
];

/// Items of GPMF that are shown.
const ITEMS: usize = 64;

fn gpmf(r: &mut Reader<'_>) -> Option<()> {
    let (mut shown, mut done) = (Vec::new(), Some(()));
    while r.left() >= 8 && shown.len() < ITEMS && done.is_some() {
        let mut fields = Vec::new();
        done = item(r, &mut fields);
        shown.push(Value::Record(fields));
    }
    let count = (r.left() < 8).then_some(shown.len() as u64);
    r.push("items", Value::List { shown, count });
    done
}

fn item(r: &mut Reader<'_>, fields: &mut Vec<super::Field>) -> Option<()> {
    let key = u32::try_from(r.number(32)?).ok()?;
    fields.push(("key", Value::Code(FourCc(key.to_be_bytes()))));
    let kind = u8::try_from(r.number(8)?).ok()?;
    let size = r.number(8)?;
    let repeat = r.number(16)?;
    let len = size * repeat;
    fields.push(("type", Value::Text(vec![kind])));
    fields.push(("size", Value::Int(size)));
    fields.push(("repeat", Value::Int(repeat)));
    if kind == 0 {
        // What is inside follows as items of its own.
        return Some(());
    }
    let bytes = r.take(len.next_multiple_of(4))?;
    let bytes = bytes.get(..usize::try_from(len).ok()?).unwrap_or(bytes);
    let value = if kind == b'c' {
        Value::Text(bytes.to_vec())
    } else {
        Value::Bytes {
            head: bytes.get(..64).unwrap_or(bytes).to_vec(),
            len,
        }
    };
    fields.push(("value", value));
    Some(())
}
