//! `tapo inspect --extract`.

use crate::args::InspectArgs;
use crate::exit::Exit;
use crate::printer::Printer;
use std::io::Write;
use std::path::Path;
use tapo_bmff::BoxTree;
use tapo_inspect::Inspection;
use tapo_io::{ByteSource, NewFile, PreadFile, Span};
use tapo_report::{escape, number};

/// Copies what begins at an offset into a new file, which must not exist.
pub(super) fn run(
    args: &InspectArgs,
    path: &Path,
    inspection: &Inspection,
    printer: &mut Printer,
) -> anyhow::Result<Exit> {
    let (Some(offset), Some(output)) = (args.extract, &args.output) else {
        return Ok(Exit::Usage);
    };
    let file = PreadFile::open(path)?;
    let Some(span) = part(&file, inspection, offset)? else {
        let path = path.display();
        printer.error(&anyhow::anyhow!(
            "{path}: neither a box nor a range of the ledger begins at byte {offset}"
        ));
        return Ok(Exit::Usage);
    };
    let mut new = NewFile::create(output, false)?;
    new.copy_span_from(&file, span, 0, &mut |_| Ok(()))?;
    new.commit(false)?;
    if !printer.is_quiet() {
        let (first, last) = (number::grouped(span.start), number::grouped(span.end));
        let output = escape::path(output);
        writeln!(printer, "bytes {first} to {last} written to {output}")?;
    }
    Ok(Exit::Fine)
}

/// The box that begins at `offset`, the outermost, or the movie, if it is a second one; else the range of the ledger.
fn part(file: &PreadFile, inspection: &Inspection, offset: u64) -> anyhow::Result<Option<Span>> {
    let tree = BoxTree::read(file)?;
    let boxed = tree.nodes().iter().find(|n| n.span.start == offset);
    let entry = inspection.ledger.get(inspection.ledger.place_of(offset));
    let entry = entry.filter(|e| e.span.start == offset);
    // A movie behind another one goes on to the next.
    if let Some((_, head)) = tree.roots().find(|(_, n)| n.span.start == offset)
        && offset > 0
        && head.kind == b"ftyp"
    {
        let next = tree.roots().map(|(_, n)| n);
        let mut next = next.filter(|n| n.kind == b"ftyp" && n.span.start > offset);
        let end = next.next().map_or(file.len(), |n| n.span.start);
        return Ok(Some(Span::new(offset, end)));
    }
    // An index that no box leads to may reach across the end of one.
    let astray = inspection.astray.as_ref().map(|a| a.span);
    if let Some(span) = astray.filter(|s| s.start == offset) {
        return Ok(Some(span));
    }
    Ok(boxed.map(|n| n.span).or(entry.map(|e| e.span)))
}
