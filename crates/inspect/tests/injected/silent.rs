//! What nobody can notice, by rule. docs/findings.md has the same list.

use crate::damage::{Damage, Kind};
use crate::files::Subject;
use tapo_bmff::{BoxNode, FourCc};
use tapo_io::Span;

/// Why a damage cannot be noticed; `None` if it can.
pub(crate) fn why(subject: &Subject, damage: &Damage, bytes: &[u8]) -> Option<&'static str> {
    if damage.kind == Kind::Cut && head_gone(subject, damage.range).is_some() {
        return Some("the head of an index is gone: nothing says how much is missing");
    }
    if damage.kind == Kind::Cut && damage.range.start < 8 {
        return Some("nothing says that it was an MP4");
    }
    let place = damage.range.start as usize;
    let changed = || subject.bytes[place] ^ bytes[place];
    let around = |node: &&BoxNode| node.span.contains(damage.range);
    let node = subject.tree.nodes().iter().rfind(around)?;
    let offset = damage.range.start - node.span.start;
    match damage.kind {
        Kind::Unit => unit(subject, damage, bytes[place]),
        Kind::Head if offset >= 4 => renamed(subject, node, bytes),
        Kind::Table if node.kind == b"trun" => run(subject, node, offset, changed()),
        Kind::Table if node.kind == b"elst" => {
            // Clocks of two timescales agree within a tick of the slower one.
            let low = offset == 19 && changed() == 1;
            let sound = (20..24).contains(&offset);
            low.then_some("one tick of an edit list")
                .or(sound.then_some("where sound begins: its first frames may be filling"))
        }
        _ => None,
    }
}

/// Where the head of an index stands that is among bytes that were damaged from
/// before it on.
fn head_gone(subject: &Subject, range: Span) -> Option<u64> {
    let mut indexes = subject.tree.roots().map(|(_, n)| n);
    let head = indexes.find(|n| {
        let is_index = n.kind == b"moov" || n.kind == b"moof";
        is_index && range.start < n.span.start && n.span.start < range.end
    });
    head.map(|n| n.span.start)
}

/// What of some zeros can be noticed: without an index nothing is known of the
/// media in front of it, and a few zeros may be sound.
pub(crate) fn trim(subject: &Subject, range: Span) -> Span {
    let mut range = range;
    let moov = subject
        .tree
        .roots()
        .find(|(_, n)| n.kind == b"moov")
        .unwrap()
        .1;
    if let Some(at) = head_gone(subject, range).filter(|at| *at == moov.span.start) {
        range.start = at;
    }
    // Nor of media behind, if the table is gone that places it.
    if range.start < moov.span.end && moov.span.end < range.end {
        range.end = moov.span.end;
    }
    let g711 = |t: &&tapo_movie::Track| t.descriptions[0].kind() == b"alaw";
    let Some(sound) = subject.movie.tracks.iter().find(g711) else {
        return range;
    };
    let mut at = 0_u64;
    let mut number = 0;
    for chunk in &sound.samples.chunks {
        let sizes =
            (1..=chunk.samples).map(|n| u64::from(sound.samples.sizes.get(number + n).unwrap()));
        at = at.max(chunk.offset);
        let bytes = Span::at(chunk.offset, sizes.sum());
        number += chunk.samples;
        let inside = bytes.intersect(range);
        if !inside.is_empty() && inside.len() < 64 {
            match inside.start == range.start {
                true => range.start = inside.end,
                false if inside.end == range.end => range.end = inside.start,
                false => {}
            }
        }
    }
    range
}

fn unit(subject: &Subject, damage: &Damage, after: u8) -> Option<&'static str> {
    let before = subject.bytes[damage.range.start as usize];
    if subject.sealed {
        return None;
    }
    let h265 = subject.name.starts_with("h265");
    // H.264 §7.4.1: any value but 0 says the same.
    let reference = |b: u8| b >> 5 & 3;
    if !h265 && before & 0x9f == after & 0x9f && reference(before) > 0 && reference(after) > 0 {
        return Some("nal_ref_idc other than 0");
    }
    // Whether it is a reference shows in the number of the next picture, unless an
    // IDR picture begins anew.
    let pictures = subject.movie.tracks.iter().find(|t| t.is_video()).unwrap();
    let mut behind = pictures
        .samples
        .iter()
        .skip_while(|s| !s.span.contains(damage.range));
    let ends = behind.nth(1).is_none_or(|s| s.sync);
    if !h265 && before & 0x9f == after & 0x9f && ends {
        return Some("nal_ref_idc of the last picture before an IDR picture");
    }
    let irap = |b: u8| (16..=23).contains(&(b >> 1 & 0x3f));
    if h265 && irap(before) && irap(after) {
        return Some("IRAP pictures of another type");
    }
    // H.265 §7.4.2.2: types 0 to 9 come in pairs, one of which other pictures of
    // the same sub-layer may refer to.
    let kind = |b: u8| b >> 1 & 0x3f;
    if h265 && before ^ after == 2 && kind(before) <= 9 && kind(after) <= 9 {
        return Some("sub-layer non-reference pictures");
    }
    None
}

/// A type that another box has, or a name of an item of metadata, where none of
/// the two must be there.
fn renamed(subject: &Subject, node: &BoxNode, bytes: &[u8]) -> Option<&'static str> {
    let at = node.span.start as usize + 4;
    let kind = FourCc(bytes[at..at + 4].try_into().unwrap());
    let within = |n: &&BoxNode| n.kind == b"ilst" && n.span.contains(node.span);
    let item = subject.tree.nodes().iter().find(within);
    if item.is_some_and(|ilst| node.depth == ilst.depth + 1) {
        return Some("the name of an item of metadata");
    }
    if node.kind.0[0] == 0xa9 {
        return Some("the name of user data");
    }
    let optional = item.is_some()
        || matches!(
            &node.kind.0,
            b"free" | b"udta" | b"meta" | b"btrt" | b"url "
        );
    let known = tapo_inspect::names::name(kind).is_some();
    (optional && known).then_some("an optional box of another type")
}

/// Sample flags (§8.8.3.1) say more than whether decoding can start: dependency
/// and degradation priority are hints. How long the last sample lasts nothing
/// else says, where no box states the duration of all.
fn run(subject: &Subject, node: &BoxNode, offset: u64, changed: u8) -> Option<&'static str> {
    let word = |at: u64| {
        let at = at as usize;
        u32::from_be_bytes(subject.bytes[at..at + 4].try_into().unwrap())
    };
    let record = 4 * u64::from((word(node.span.start + 8) & 0xf00).count_ones());
    let field = offset.checked_sub(20)? % record;
    let entry = node.span.start + offset - field;
    let tfhd = subject
        .tree
        .nodes()
        .iter()
        .rfind(|n| n.kind == b"tfhd" && n.span.end <= node.span.start);
    let id = word(tfhd.unwrap().span.start + 12);
    let track = subject
        .movie
        .tracks
        .iter()
        .find(|t| t.header.id == id)
        .unwrap();
    let later = subject
        .tree
        .nodes()
        .iter()
        .any(|n| n.kind == b"moof" && n.span.start > entry);
    if field < 4 && !later && entry + record == node.span.end {
        return Some("how long the last sample lasts");
    }
    let flags = word(entry + 8);
    let sync = field == 9 && changed == 1;
    let depends = field == 8 && changed == 1 && flags & 0x1_0000 == 0;
    let shows = (sync || depends) && track.is_video();
    ((8..12).contains(&field) && !shows).then_some("hints in the flags of samples")
}
