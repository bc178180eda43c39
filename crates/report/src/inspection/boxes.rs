//! The box tree; as JSON schema `tapo.inspect.boxes/1`.

use crate::{Theme, escape, json, number};
use serde::Serialize;
use serde_json::{Map, Value as Json};
use std::io::{self, Write};
use tapo_bmff::{BoxNode, BoxSize, BoxTree, Defect};
use tapo_inspect::fields::{self, Field, Value};
use tapo_io::ByteSource;

/// Writes the tree as text: type, offset, size, fields.
///
/// # Errors
/// As `out` has them; the source's come as [`io::Error`] too.
pub fn boxes(
    out: &mut dyn Write,
    theme: &Theme,
    source: &dyn ByteSource,
    tree: &BoxTree,
) -> io::Result<()> {
    let Theme {
        title, dim, damage, ..
    } = theme;
    writeln!(out, "{title}{}{title:#}", escape::path(source.path()))?;
    let width = number::grouped(source.len()).len();
    tree.iter().try_for_each(|(id, node)| {
        let offset = number::grouped(node.span.start);
        let size = number::grouped(node.span.len());
        let indent = "  ".repeat(usize::from(node.depth));
        write!(
            out,
            "{offset:>width$}  {size:>width$}  {indent}{title}{}{title:#}",
            node.kind
        )?;
        let values = fields::of(source, tree, id).map_err(io::Error::other)?;
        if !values.is_empty() {
            let shown: Vec<String> = values.iter().filter(|f| matters(f)).map(show).collect();
            write!(out, "  {dim}{}{dim:#}", shown.join(" "))?;
        }
        if !node.is_whole() {
            let size = declared(node).map_or_else(String::new, number::grouped);
            write!(out, "  {damage}cut off: {size} bytes declared{damage:#}")?;
        }
        writeln!(out)
    })?;
    for defect in tree.defects().iter().filter(|d| !d.flaw.is_harmless()) {
        let style = theme.warning;
        let Defect { span, flaw, .. } = defect;
        let words = crate::words::flaw(flaw);
        writeln!(
            out,
            "{style}bytes {} to {}: {words}{style:#}",
            span.start, span.end
        )?;
    }
    Ok(())
}

/// Version and flags of zero say nothing.
fn matters(field: &Field) -> bool {
    !matches!(field, ("version" | "flags", Value::Int(0)))
}

const fn declared(node: &BoxNode) -> Option<u64> {
    match node.size {
        BoxSize::Compact(size) => Some(size as u64),
        BoxSize::Large(size) => Some(size),
        BoxSize::ToEnd => None,
    }
}

fn show((name, value): &Field) -> String {
    let value = match value {
        Value::Int(n) if *name == "flags" => format!("{n:#x}"),
        Value::Int(n) => n.to_string(),
        Value::Signed(n) => n.to_string(),
        Value::Fixed(n) => n.to_string(),
        Value::Code(code) => format!("'{code}'"),
        Value::Codes(codes) => {
            let codes: Vec<_> = codes.iter().map(|c| format!("'{c}'")).collect();
            codes.join(",")
        }
        Value::Text(text) => format!("\"{}\"", escape::bytes(text)),
        Value::Bytes(bytes) => number::hex(bytes),
        Value::Word(text) => format!("\"{}\"", escape::text(text)),
    };
    format!("{name}={value}")
}

#[derive(Serialize)]
struct Head<'a> {
    schema: &'static str,
    path: std::borrow::Cow<'a, str>,
    size: u64,
}

#[derive(Serialize)]
struct BoxRecord {
    #[serde(rename = "box")]
    kind: String,
    depth: u8,
    offset: u64,
    size: u64,
    header: u64,
    /// The size its header states; null: to the end.
    declared: Option<u64>,
    whole: bool,
    #[serde(skip_serializing_if = "Map::is_empty")]
    fields: Map<String, Json>,
}

#[derive(Serialize)]
struct DefectRecord {
    defect: String,
    start: u64,
    end: u64,
}

/// Writes the tree as JSON Lines: one object for the file, one for each box in
/// file order, one for each defect.
///
/// # Errors
/// As [`boxes`].
pub fn boxes_json(out: &mut dyn Write, source: &dyn ByteSource, tree: &BoxTree) -> io::Result<()> {
    let head = Head {
        schema: "tapo.inspect.boxes/1",
        path: source.path().to_string_lossy(),
        size: source.len(),
    };
    json::line(out, &head)?;
    tree.iter().try_for_each(|(id, node)| {
        let values = fields::of(source, tree, id).map_err(io::Error::other)?;
        let values = values
            .into_iter()
            .map(|(name, v)| (name.to_owned(), value(v)));
        let record = BoxRecord {
            kind: node.kind.to_string(),
            depth: node.depth,
            offset: node.span.start,
            size: node.span.len(),
            header: node.header_len(),
            declared: declared(node),
            whole: node.is_whole(),
            fields: values.collect(),
        };
        json::line(out, &record)
    })?;
    for defect in tree.defects().iter().filter(|d| !d.flaw.is_harmless()) {
        let record = DefectRecord {
            defect: crate::words::flaw(&defect.flaw),
            start: defect.span.start,
            end: defect.span.end,
        };
        json::line(out, &record)?;
    }
    Ok(())
}

fn value(value: Value) -> Json {
    match value {
        Value::Int(n) => n.into(),
        Value::Signed(n) => n.into(),
        Value::Fixed(n) => n.into(),
        Value::Code(code) => code.to_string().into(),
        Value::Codes(codes) => codes.iter().map(ToString::to_string).collect(),
        Value::Text(text) => String::from_utf8_lossy(&text).into(),
        Value::Bytes(bytes) => number::hex(&bytes).into(),
        Value::Word(text) => text.into(),
    }
}
