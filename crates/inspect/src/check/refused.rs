//! What makes players refuse an index, or a track of it, whose boxes can all be read.

use super::spots::{Spots, TrackSpots};
use crate::saved::is_stated;
use crate::{
    Finding, Form, Inspection, MediaKind, Problem, Result, TimeRange, TrackSummary, names,
};
use tapo_bmff::{BoxNode, BoxTree, be_u32, be_u64};
use tapo_io::{ByteSource, Span};
use tapo_movie::{Movie, Track};

/// Lists that are looked at, and tracks that are told one by one.
const LISTS: usize = 32;

/// The index as a whole: its header, tracks beside it, and lists that count fewer boxes than they hold.
pub(super) fn index(
    source: &dyn ByteSource,
    tree: &BoxTree,
    movie: &Movie,
    spots: &Spots,
    found: &mut Vec<Finding>,
) -> Result<()> {
    let moov = tree.roots().find(|(_, n)| n.kind == b"moov");
    // A compressed index holds nothing else.
    if let Some((id, moov)) = moov
        && spots.mvhd.is_none()
        && tree.child(id, b"cmov").is_none()
    {
        found.push(Finding::new(Problem::NoMovieHeader).at(moov.span));
    }
    let astray = tree.roots().filter(|(_, n)| n.kind == b"trak");
    let astray = astray.map(|(_, n)| Finding::new(Problem::TrackAstray).at(n.span));
    found.extend(astray.take(LISTS));
    if let Some((id, _)) = moov {
        let strangers = tree
            .children(id)
            .filter(|(_, n)| names::name(n.kind).is_none());
        for (_, node) in strangers.take(LISTS) {
            found.extend(renamed(source, node, movie)?);
        }
    }
    let is_list = |n: &BoxNode| n.kind == b"stsd" || n.kind == b"dref";
    for (id, node) in tree.iter().filter(|(_, n)| is_list(n)).take(LISTS) {
        // The count stands behind the version and the flags (§8.5.2, §8.7.2).
        let head = Span::at(node.payload().start, 8).intersect(node.span);
        let counted = be_u32(&source.read_span(head)?, 4);
        let held = u32::try_from(tree.children(id).count()).unwrap_or(u32::MAX);
        let mut tracks = spots.tracks.iter().zip(&movie.tracks);
        let track = tracks.find(|(spot, _)| spot.trak.contains(node.span));
        if let (Some(counted), Some((_, track))) = (counted.filter(|c| *c < held), track) {
            let kind = node.kind;
            let problem = Problem::ListMiscounted {
                kind,
                counted,
                held,
            };
            found.push(Finding::new(problem).on(track.header.id).at(node.span));
        }
    }
    Ok(())
}

/// A box of an unknown type that begins as a `trak` does, with a `tkhd` that fills its size (§8.3.2).
fn renamed(source: &dyn ByteSource, node: &BoxNode, movie: &Movie) -> Result<Option<Finding>> {
    const COMPACT: u32 = 92;
    const LARGE: u32 = 104;
    let head = source.read_span(Span::at(node.payload().start, 48).intersect(node.payload()))?;
    let (Some(size), Some(b"tkhd")) = (be_u32(&head, 0), head.get(4..8)) else {
        return Ok(None);
    };
    let (id, duration) = match (head.get(8), size) {
        (Some(0), COMPACT) => (be_u32(&head, 20), be_u32(&head, 28).map(u64::from)),
        (Some(1), LARGE) => (be_u32(&head, 28), be_u64(&head, 36)),
        _ => return Ok(None),
    };
    let problem = Problem::TrackRenamed { kind: node.kind };
    let mut finding = Finding::new(problem).at(node.span);
    finding.track = id;
    finding.time = duration.filter(|d| is_stated(*d)).map(|end| TimeRange {
        start: 0,
        end,
        timescale: movie.header.timescale,
    });
    Ok(Some(finding))
}

/// One track of it.
pub(super) fn track(
    track: &Track,
    movie: &Movie,
    summary: &TrackSummary,
    inspection: &Inspection,
    spot: &TrackSpots,
    found: &mut Vec<Finding>,
) {
    let about = |problem| Finding::new(problem).on(track.header.id);
    let whole = matches!(inspection.form, Form::Progressive { .. } | Form::Hybrid);
    let by_media = is_stated(track.declared_media_duration) && track.timescale > 0;
    let (duration, timescale) = if by_media {
        (track.declared_media_duration, track.timescale)
    } else {
        (track.header.declared_duration, movie.header.timescale)
    };
    let all = track.descriptions.is_empty() && lacks_home(spot);
    let tables = !track.descriptions.is_empty()
        && (lacks_table(spot) || !track.samples.durations.is_empty());
    if whole && track.samples.is_empty() && is_stated(duration) && (all || tables && by_media) {
        let time = TimeRange {
            start: 0,
            end: duration,
            timescale,
        };
        found.push(about(Problem::TableLost).at(spot.trak).during(time));
    }
    let parts = inspection.read.fragments.iter().flat_map(|f| &f.tracks);
    let mut own = parts.filter(|p| p.track_id == track.header.id);
    if track.defaults.is_none() && own.next().is_some() {
        found.push(about(Problem::ExtensionMissing).at(spot.trak));
    }
    let Some(description) = track.descriptions.first() else {
        return;
    };
    let entry = description.kind();
    let boxes = description.entry.children();
    let boxes: Vec<_> = boxes.map(|(k, b)| (k.0, b)).collect();
    let kind = tapo_codec::describe(entry.0, &boxes).kind;
    let shown = |k: MediaKind| matches!(k, MediaKind::Video | MediaKind::Audio);
    let said = shown(summary.kind) || summary.kind == MediaKind::Unknown;
    // QuickTime calls both pictures and sound so that are not coded at all.
    let either = entry == b"raw ";
    if !either && shown(kind) && said && kind != summary.kind && spot.node(b"hdlr").is_some() {
        let problem = Problem::HandlerDisagrees {
            handler: track.handler,
            entry,
            kind,
        };
        found.push(about(problem).at(spot.span(b"hdlr")));
    }
}

/// Whether one of the boxes is missing in which the tables stand.
fn lacks_home(spot: &TrackSpots) -> bool {
    let homes: [&[u8; 4]; 3] = [b"mdia", b"minf", b"stbl"];
    homes.iter().any(|kind| spot.node(kind).is_none())
}

/// Whether one of the tables is missing that every track has.
fn lacks_table(spot: &TrackSpots) -> bool {
    let tables: [&[&[u8; 4]]; 4] = [
        &[b"stsz", b"stz2"],
        &[b"stts"],
        &[b"stsc"],
        &[b"stco", b"co64"],
    ];
    let is_missing = |kinds: &&[&[u8; 4]]| kinds.iter().all(|k| spot.node(k).is_none());
    tables.iter().any(is_missing)
}
