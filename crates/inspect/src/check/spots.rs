//! Where the boxes stand that a check speaks of.

use crate::{Finding, Problem};
use tapo_bmff::{BoxNode, BoxTree, NodeId};
use tapo_io::Span;
use tapo_movie::{Fragment, Movie};

/// Where the boxes of the first `moov` stand.
pub(super) struct Spots {
    /// The movie header.
    pub(super) mvhd: Option<Span>,
    /// Of each track of the movie, in its order.
    pub(super) tracks: Vec<TrackSpots>,
}

/// Where the boxes of a track stand, headers included.
pub(super) struct TrackSpots {
    pub(super) trak: Span,
    /// Boxes directly below `trak`, `mdia`, `minf`, `stbl` and `edts`.
    boxes: Vec<BoxNode>,
}

impl Spots {
    pub(super) fn of(tree: &BoxTree) -> Self {
        let Some((moov, _)) = tree.roots().find(|(_, n)| n.kind == b"moov") else {
            return Self {
                mvhd: None,
                tracks: Vec::new(),
            };
        };
        let traks = tree.children(moov).filter(|(_, n)| n.kind == b"trak");
        Self {
            mvhd: tree.child(moov, b"mvhd").map(|(_, n)| n.span),
            tracks: traks.map(|(id, node)| track(tree, id, node)).collect(),
        }
    }

    /// Says of which track a table is that counts more than it holds.
    pub(super) fn name_tracks(&self, movie: &Movie, found: &mut [Finding]) {
        let tables = |f: &&mut Finding| matches!(f.problem, Problem::TableShort { .. });
        for finding in found.iter_mut().filter(tables) {
            let mut tracks = self.tracks.iter().zip(&movie.tracks);
            let own = tracks.find(|(spot, _)| finding.span.is_some_and(|s| spot.trak.contains(s)));
            finding.track = own.map(|(_, track)| track.header.id);
        }
    }
}

fn track(tree: &BoxTree, trak: NodeId, node: &BoxNode) -> TrackSpots {
    let mut boxes: Vec<BoxNode> = tree.children(trak).map(|(_, n)| *n).collect();
    let paths: [&[&[u8; 4]]; 4] = [
        &[b"edts"],
        &[b"mdia"],
        &[b"mdia", b"minf"],
        &[b"mdia", b"minf", b"stbl"],
    ];
    for (id, _) in paths.iter().filter_map(|p| tree.descend(trak, p)) {
        boxes.extend(tree.children(id).map(|(_, n)| *n));
    }
    TrackSpots {
        trak: node.span,
        boxes,
    }
}

impl TrackSpots {
    /// The first box of this type.
    pub(super) fn node(&self, kind: &[u8; 4]) -> Option<&BoxNode> {
        self.boxes.iter().find(|n| n.kind == kind)
    }

    /// Where it stands; the whole track if there is none.
    pub(super) fn span(&self, kind: &[u8; 4]) -> Span {
        self.node(kind).map_or(self.trak, |n| n.span)
    }

    /// From the first to the last of some boxes; the whole track if there are none.
    pub(super) fn hull(&self, kinds: &[&[u8; 4]]) -> Span {
        let spans = kinds.iter().filter_map(|k| self.node(k)).map(|n| n.span);
        spans.reduce(hull).unwrap_or(self.trak)
    }

    /// The tables that say where samples stand.
    pub(super) fn layout(&self) -> Span {
        self.hull(&[b"stsz", b"stz2", b"stsc", b"stco", b"co64"])
    }
}

/// From the start of the first to the end of the last.
pub(super) fn hull(a: Span, b: Span) -> Span {
    Span::new(a.start.min(b.start), a.end.max(b.end))
}

/// Where the table of samples `first` to `last` of a track stands: the fragments
/// that hold them, or the box `kind` of its `stbl`.
pub(super) fn table(
    spots: &TrackSpots,
    fragments: &[Fragment],
    track: u32,
    kinds: &[&[u8; 4]],
    (first, last): (u32, u32),
) -> Span {
    let mut moofs = fragments.iter().filter(|f| {
        let mut parts = f.tracks.iter().filter(|p| p.track_id == track);
        f.whole
            && parts.any(|p| {
                let end = p.first_sample.saturating_add(p.samples);
                p.first_sample <= last && first < end
            })
    });
    let found = moofs.next().map(|f| f.moof);
    let found = moofs
        .map(|f| f.moof)
        .fold(found, |all, m| all.map(|a| hull(a, m)));
    found.unwrap_or_else(|| spots.hull(kinds))
}
