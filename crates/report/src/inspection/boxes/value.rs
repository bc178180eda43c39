//! Values of fields, told and as JSON.

use super::put;
use crate::{date, escape, number};
use serde::ser::{SerializeMap as _, SerializeSeq as _};
use serde::{Serialize, Serializer};
use tapo_inspect::fields::{Field, Shown, Value};

/// Items of a list that are told: numbers, and records.
const NUMBERS: usize = 8;
const RECORDS: usize = 3;

/// Bytes and characters that are told of one value.
const BYTES: usize = 32;
const TEXT: usize = 160;

/// Items of a list that it takes to tell it.
pub(super) const SHOWN: Shown = Shown {
    values: NUMBERS,
    records: RECORDS,
};

/// Appends fields in a row, those that say nothing left out.
pub(super) fn tell(line: &mut String, fields: &[Field]) {
    let from = line.len();
    for field in fields.iter().filter(|f| matters(f)) {
        if line.len() > from {
            line.push(' ');
        }
        let (name, value) = field;
        line.push_str(name);
        line.push('=');
        match value {
            Value::Int(n) if *name == "flags" => put(line, format_args!("{n:#x}")),
            value => one(line, value),
        }
    }
}

/// Version and flags of zero, and a transformation that changes nothing, say
/// nothing.
fn matters((name, value): &Field) -> bool {
    const UNITY: [f64; 9] = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0];
    match (*name, value) {
        ("version" | "flags", Value::Int(0)) => false,
        ("matrix", Value::List { shown, .. }) => !shown
            .iter()
            .zip(UNITY)
            .all(|(value, one)| *value == Value::Fixed(one)),
        _ => true,
    }
}

fn one(line: &mut String, value: &Value) {
    match value {
        Value::Int(n) => number::append(line, *n),
        Value::Signed(n) => put(line, format_args!("{n}")),
        Value::Fixed(n) => put(line, format_args!("{n}")),
        Value::Date(0) => line.push('0'),
        Value::Date(seconds) => {
            let seconds = i64::try_from(*seconds).unwrap_or(i64::MAX);
            let seconds = seconds.saturating_sub_unsigned(date::EPOCH_1904);
            put(line, format_args!("\"{}\"", date::from_1970(seconds)));
        }
        Value::Code(code) => put(line, format_args!("'{code}'")),
        Value::Uuid(id) => line.push_str(&number::uuid(id)),
        Value::Text(text) => {
            let shown = text.get(..TEXT).unwrap_or(text);
            let more = if shown.len() < text.len() { "..." } else { "" };
            put(line, format_args!("\"{}\"{more}", escape::bytes(shown)));
        }
        Value::Bytes { head, len } => {
            let shown = head.get(..BYTES).unwrap_or(head);
            if *len == 0 {
                line.push_str("none");
                return;
            }
            line.push_str(&number::hex(shown));
            if *len != shown.len() as u64 {
                put(line, format_args!("...({})", number::count(*len, "byte")));
            }
        }
        Value::Word(text) => put(line, format_args!("\"{}\"", escape::text(text))),
        Value::List { shown, count } => list(line, shown, *count),
        Value::Record(fields) => {
            line.push('{');
            tell(line, fields);
            line.push('}');
        }
    }
}

fn list(line: &mut String, shown: &[Value], count: Option<u64>) {
    let records = shown.iter().any(|v| matches!(v, Value::Record(_)));
    let most = if records { RECORDS } else { NUMBERS };
    let told = shown.iter().take(most);
    let all = told.len() as u64;
    line.push('[');
    for (at, value) in told.enumerate() {
        if at > 0 {
            line.push_str(", ");
        }
        one(line, value);
    }
    let comma = if all > 0 { ", " } else { "" };
    match count {
        Some(count) if count > all => {
            put(
                line,
                format_args!("{comma}... {} in all", number::grouped(count)),
            );
        }
        None => put(line, format_args!("{comma}...")),
        Some(_) => {}
    }
    line.push(']');
}

/// Fields as an object, in the order in which they stand in the box.
pub(super) struct Fields<'a>(pub(super) &'a [Field]);

impl Fields<'_> {
    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for Fields<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in self.0 {
            map.serialize_entry(name, &One(value))?;
        }
        map.end()
    }
}

/// Numbers are numbers; codes, text and bytes (hexadecimal) are strings. Lists are
/// objects, and so are bytes that are not shown in full: they state how many there are.
struct One<'a>(&'a Value);

impl Serialize for One<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Int(n) | Value::Date(n) => serializer.serialize_u64(*n),
            Value::Signed(n) => serializer.serialize_i64(*n),
            Value::Fixed(n) => serializer.serialize_f64(*n),
            Value::Code(code) => serializer.collect_str(code),
            Value::Uuid(id) => serializer.serialize_str(&number::uuid(id)),
            Value::Text(text) => serializer.serialize_str(&String::from_utf8_lossy(text)),
            Value::Word(text) => serializer.serialize_str(text),
            Value::Bytes { head, len } if *len == head.len() as u64 => {
                serializer.serialize_str(&number::hex(head))
            }
            Value::Bytes { head, len } => {
                let mut map = serializer.serialize_map(Some(2))?;
                map.serialize_entry("size", len)?;
                map.serialize_entry("hex", &number::hex(head))?;
                map.end()
            }
            Value::List { shown, count } => {
                let mut map = serializer.serialize_map(Some(2))?;
                map.serialize_entry("count", count)?;
                map.serialize_entry("shown", &Several(shown))?;
                map.end()
            }
            Value::Record(fields) => Fields(fields).serialize(serializer),
        }
    }
}

struct Several<'a>(&'a [Value]);

impl Serialize for Several<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut all = serializer.serialize_seq(Some(self.0.len()))?;
        for value in self.0 {
            all.serialize_element(&One(value))?;
        }
        all.end()
    }
}
