//! The box tree; as JSON schema `tapo.inspect.boxes/1`.

mod hex;
mod value;

use crate::inspection::head::Head;
use crate::{Theme, escape, json, number};
use hex::Row;
use serde::Serialize;
use std::fmt::{self, Write as _};
use std::io::{self, Write};
use tapo_bmff::{BoxNode, BoxSize, BoxTree, Branch, Defect, NodeId};
use tapo_inspect::fields::{self, Decoded};
use tapo_inspect::{Boxes, names};
use tapo_io::{ByteSource, Span};
use value::Fields;

/// Bytes that nothing is known of, shown of one box.
const UNKNOWN: u64 = 64;

/// Writes the tree as text: offset, size, type, name, fields. Below a box stand
/// the first bytes that nothing is known of; with `hex`, that many bytes of each
/// payload. Returns once all boxes were seen.
///
/// # Errors
/// As `out` has them; the source's come as [`io::Error`] too.
pub fn boxes(
    out: &mut dyn Write,
    theme: &Theme,
    source: &dyn ByteSource,
    boxes: &mut Boxes<'_>,
    hex: Option<u32>,
) -> io::Result<()> {
    let Theme { title, warning, .. } = theme;
    writeln!(out, "{title}{}{title:#}", escape::path(source.path()))?;
    let width = number::grouped(source.len()).len();
    let mut text = Text {
        theme,
        width,
        hex,
        line: String::new(),
    };
    while let Some(branch) = boxes.step().map_err(io::Error::other)? {
        for (id, node) in branch.tree.iter() {
            text.row(out, &branch, id, node)?;
        }
    }
    for Defect { span, flaw, .. } in boxes.defects() {
        let words = crate::words::flaw(flaw);
        writeln!(
            out,
            "{warning}bytes {} to {}: {words}{warning:#}",
            span.start, span.end
        )?;
    }
    Ok(())
}

/// How rows of text are written.
struct Text<'a> {
    theme: &'a Theme,
    /// Characters of an offset, and of a size.
    width: usize,
    hex: Option<u32>,
    /// Used again for each row.
    line: String,
}

impl Text<'_> {
    fn row(
        &mut self,
        out: &mut dyn Write,
        branch: &Branch<'_>,
        id: NodeId,
        node: &BoxNode,
    ) -> io::Result<()> {
        let Theme {
            title, dim, damage, ..
        } = self.theme;
        let Branch { tree, source } = branch;
        let (line, width) = (&mut self.line, self.width);
        line.clear();
        number::append_right(line, node.span.start, width);
        line.push_str("  ");
        number::append_right(line, node.span.len(), width);
        line.push_str("  ");
        number::blanks(line, 2 * usize::from(node.depth));
        put(line, format_args!("{title}{}{title:#}", node.kind));
        let decoded = fields::decode_head(*source, tree, id, value::SHOWN);
        let decoded = decoded.map_err(io::Error::other)?;
        let unknown_name = (!decoded.behind.is_empty()).then_some("unknown");
        if let Some(name) = name(node, &decoded).or(unknown_name) {
            line.push_str("  ");
            line.push_str(name);
        }
        let before = line.len();
        put(line, format_args!("  {dim}"));
        let styled = line.len();
        value::tell(line, &decoded.fields);
        if line.len() == styled {
            line.truncate(before);
        } else {
            put(line, format_args!("{dim:#}"));
        }
        if !node.is_whole() {
            let size = declared(node).map_or_else(String::new, number::grouped);
            let words = format_args!("  {damage}cut off: {size} bytes declared{damage:#}");
            put(line, words);
        } else if decoded.short {
            put(
                line,
                format_args!("  {damage}too short for its fields{damage:#}"),
            );
        }
        line.push('\n');
        out.write_all(line.as_bytes())?;
        let (span, most) = match self.hex {
            Some(most) => (own(tree, id, node), most.into()),
            None => (unknown(node, &decoded), UNKNOWN),
        };
        if span.is_empty() {
            return Ok(());
        }
        let indent = "  ".repeat(usize::from(node.depth));
        hex::dump(out, self.theme, *source, span, most, &Row { width, indent })
    }
}

fn put(line: &mut String, words: fmt::Arguments<'_>) {
    // A string takes all.
    let _ = line.write_fmt(words);
}

/// What the box is called; whose it is, of a `uuid` box.
fn name(node: &BoxNode, decoded: &Decoded) -> Option<&'static str> {
    match decoded.fields.first() {
        Some((_, fields::Value::Uuid(id))) if node.kind == b"uuid" => names::user_type(id),
        _ => names::name(node.kind),
    }
}

/// The payload in front of the first child.
fn own(tree: &BoxTree, id: NodeId, node: &BoxNode) -> Span {
    let payload = node.payload();
    let child = tree.children(id).next();
    child.map_or(payload, |(_, c)| Span::new(payload.start, c.span.start))
}

/// The bytes that nothing is known of; media is for others.
fn unknown(node: &BoxNode, decoded: &Decoded) -> Span {
    let media = matches!(&node.kind.0, b"mdat" | b"imda" | b"wide");
    let span = decoded.behind;
    if media { Span::default() } else { span }
}

const fn declared(node: &BoxNode) -> Option<u64> {
    match node.size {
        BoxSize::Compact(size) => Some(size as u64),
        BoxSize::Large(size) => Some(size),
        BoxSize::ToEnd => None,
    }
}

#[derive(Serialize)]
struct BoxRecord<'a> {
    #[serde(rename = "box")]
    kind: String,
    /// Null: we never heard of it.
    name: Option<&'static str>,
    depth: u8,
    offset: u64,
    size: u64,
    header: u64,
    /// The size its header states; null: to the end.
    declared: Option<u64>,
    whole: bool,
    #[serde(skip_serializing_if = "Fields::is_empty")]
    fields: Fields<'a>,
    /// It ends in the middle of its fields.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    short: bool,
    /// The bytes that nothing is known of.
    #[serde(skip_serializing_if = "Option::is_none")]
    unknown: Option<BytesRecord>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<BytesRecord>,
}

/// Bytes in the file, and the first of them.
#[derive(Serialize)]
struct BytesRecord {
    offset: u64,
    size: u64,
    hex: String,
}

impl BytesRecord {
    fn of(source: &dyn ByteSource, span: Span, most: u64) -> io::Result<Option<Self>> {
        if span.is_empty() {
            return Ok(None);
        }
        let bytes = hex::head(source, span, most)?;
        Ok(Some(Self {
            offset: span.start,
            size: span.len(),
            hex: number::hex(&bytes),
        }))
    }
}

#[derive(Serialize)]
struct DefectRecord {
    defect: String,
    start: u64,
    end: u64,
}

/// Writes the tree as JSON Lines: one object for the file, one for each box in
/// file order, one for each defect. Bytes are shown as [`boxes`] does.
///
/// # Errors
/// As [`boxes`].
pub fn boxes_json(
    out: &mut dyn Write,
    source: &dyn ByteSource,
    boxes: &mut Boxes<'_>,
    hex: Option<u32>,
) -> io::Result<()> {
    let head = Head::of("tapo.inspect.boxes/1", source.path(), source.len());
    let mut lines = json::Lines::new(out);
    lines.put(&head)?;
    while let Some(Branch { tree, source }) = boxes.step().map_err(io::Error::other)? {
        for (id, node) in tree.iter() {
            let decoded = fields::decode(source, tree, id).map_err(io::Error::other)?;
            let payload = match hex {
                Some(most) => BytesRecord::of(source, own(tree, id, node), most.into())?,
                None => None,
            };
            let record = BoxRecord {
                kind: node.kind.to_string(),
                name: name(node, &decoded),
                depth: node.depth,
                offset: node.span.start,
                size: node.span.len(),
                header: node.header_len(),
                declared: declared(node),
                whole: node.is_whole(),
                short: decoded.short,
                unknown: BytesRecord::of(source, unknown(node, &decoded), UNKNOWN)?,
                payload,
                fields: Fields(&decoded.fields),
            };
            lines.put(&record)?;
        }
    }
    for defect in boxes.defects() {
        let record = DefectRecord {
            defect: crate::words::flaw(&defect.flaw),
            start: defect.span.start,
            end: defect.span.end,
        };
        lines.put(&record)?;
    }
    Ok(())
}
