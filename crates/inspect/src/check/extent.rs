//! How long the headers of a fragmented movie say that it lasts, against the fragments that are there.

use crate::saved::is_stated;
use crate::{Finding, Inspection, Problem, Result, TimeRange};
use tapo_bmff::{BoxTree, be_u32, be_u64, full_box};
use tapo_io::{ByteSource, Span};
use tapo_movie::{Movie, rescale};

pub(super) fn check(
    source: &dyn ByteSource,
    tree: &BoxTree,
    inspection: &Inspection,
    found: &mut Vec<Finding>,
) -> Result<()> {
    let Some(movie) = inspection.read.movie.as_ref() else {
        return Ok(());
    };
    let timescale = movie.header.timescale;
    let told = |f: &Finding| {
        matches!(
            f.problem,
            Problem::FragmentsMissing { .. }
                | Problem::FragmentsCutOut { .. }
                | Problem::FragmentTorn { .. }
                | Problem::FragmentTimeWrong { .. }
                | Problem::Truncated { .. }
                | Problem::TrailingBytes { zeros: false, .. }
                | Problem::SecondMoov { .. }
        )
    };
    // In an initial segment nothing is missing; in the others that is told already.
    let alone = inspection.read.fragments.is_empty();
    if alone || timescale == 0 || inspection.is_in_use() || found.iter().any(told) {
        return Ok(());
    }
    let Some((span, declared, extends)) = declared(source, tree, movie)? else {
        return Ok(());
    };
    let there = end(inspection, timescale);
    if declared > there.saturating_add(u64::from(timescale / 2)) {
        let time = TimeRange {
            start: there,
            end: declared,
            timescale,
        };
        let problem = Problem::FragmentsEndEarly { extends };
        found.push(Finding::new(problem).at(span).during(time));
    }
    Ok(())
}

/// When the last sample ends, ticks of the movie, those of hidden fragments included.
fn end(inspection: &Inspection, timescale: u32) -> u64 {
    let tracks = inspection.tracks.iter().filter(|t| t.timescale > 0);
    let ends = tracks.map(|track| {
        let parts = inspection.hidden().iter().flat_map(|f| &f.tracks);
        let own = parts.filter(|p| p.track_id == track.id);
        let ends = own.filter_map(|p| Some(p.base_media_decode_time?.saturating_add(p.duration)));
        let listed = track.start.saturating_add(track.duration);
        let end = ends.fold(listed, u64::max);
        rescale(end, track.timescale, timescale)
    });
    ends.max().unwrap_or(0)
}

/// The header that says how long the movie is, how long, and whether it speaks of fragments (`mehd`, §8.8.2).
fn declared(
    source: &dyn ByteSource,
    tree: &BoxTree,
    movie: &Movie,
) -> Result<Option<(Span, u64, bool)>> {
    let Some((moov, _)) = tree.roots().find(|(_, n)| n.kind == b"moov") else {
        return Ok(None);
    };
    if let Some((_, mehd)) = tree.descend(moov, &[b"mvex", b"mehd"]) {
        let payload = source.read_span(Span::at(mehd.payload().start, 12).intersect(mehd.span))?;
        let duration = full_box(&payload).and_then(|(version, _, rest)| match version {
            0 => be_u32(rest, 0).map(u64::from),
            _ => be_u64(rest, 0),
        });
        // All ones: not known.
        let known = |d: &u64| is_stated(*d) && *d != u64::from(u32::MAX);
        return Ok(duration.filter(known).map(|d| (mehd.span, d, true)));
    }
    let stated = Some(movie.header.declared_duration).filter(|d| is_stated(*d));
    let mvhd = tree.child(moov, b"mvhd").map(|(_, n)| n.span);
    Ok(mvhd.zip(stated).map(|(span, d)| (span, d, false)))
}
