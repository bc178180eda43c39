//! Which healthy recording serves as the reference.

use crate::layout::{Layout, trim_zeros};
use crate::profile::{Finding, Reference};
use crate::scan::Scanner;
use crate::{Basis, Error, Result, salvage};
use std::path::{Path, PathBuf};
use tapo_codec::{Depth, Verdict};
use tapo_io::{ByteSource, PreadFile, Span, Window};

/// Media data that candidates are tried on, bytes.
const TRIED: u64 = 4 << 20;

/// Samples of each track that candidates are tried on.
const TRIED_SAMPLES: usize = 100;

/// Candidates of a folder that are tried.
const CANDIDATES: usize = 64;

/// Part of the media data that a file nobody named must explain.
const SIBLING_FIT: f64 = 0.8;

/// A reference, and how it was come by.
pub(crate) struct Chosen {
    pub(crate) reference: Reference,
    pub(crate) basis: Basis,
}

/// Chooses among the references that were named, files or folders; without any,
/// among the files beside the broken one.
///
/// # Errors
/// [`Error::BadReference`] if a file was named that cannot serve,
/// [`Error::NoReference`] if nothing fits; the source fails.
pub(crate) fn choose(source: &PreadFile, layout: &Layout, named: &[PathBuf]) -> Result<Chosen> {
    let broken = source.path();
    if let [path] = named
        && !path.is_dir()
    {
        let reference = Reference::open(path)?;
        let basis = Basis::Reference {
            path: path.clone(),
            why: "it was named".to_owned(),
        };
        return Ok(Chosen { reference, basis });
    }
    let folder = broken.parent().filter(|p| !p.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let mut best: Option<(f64, Reference)> = None;
    let own_folder = [folder.to_owned()];
    let places = if named.is_empty() {
        &own_folder[..]
    } else {
        named
    };
    for path in candidates(places, broken) {
        let reference = match Reference::open(&path) {
            Ok(reference) => reference,
            // One that was named must serve, one that was found need not.
            Err(e) if named.contains(&path) => return Err(e),
            Err(_) => continue,
        };
        let fit = fit(source, layout, &reference)?;
        if best.as_ref().is_none_or(|(most, _)| fit > *most) {
            best = Some((fit, reference));
        }
    }
    let found = best.filter(|(fit, _)| !named.is_empty() || *fit >= SIBLING_FIT);
    let Some((fit, reference)) = found else {
        return Err(Error::NoReference {
            path: broken.to_owned(),
        });
    };
    let percent = fit * 100.0;
    let path = reference.path.clone();
    let basis = if named.is_empty() {
        let why = format!("it stands beside the file and explains {percent:.0} % of its beginning");
        Basis::Sibling { path, why }
    } else {
        let why = format!("of those named it explains most: {percent:.0} % of the beginning");
        Basis::Reference { path, why }
    };
    Ok(Chosen { reference, basis })
}

/// The files to try, folders spread out, in a stable order.
fn candidates(places: &[PathBuf], broken: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for place in places {
        if !place.is_dir() {
            all.push(place.clone());
            continue;
        }
        let entries = std::fs::read_dir(place).into_iter().flatten().flatten();
        let mut inside: Vec<PathBuf> = entries.map(|e| e.path()).filter(|p| is_video(p)).collect();
        inside.sort();
        inside.truncate(CANDIDATES);
        all.extend(inside);
    }
    let same = |p: &Path| {
        p == broken || p.file_name() == broken.file_name() && p.parent() == broken.parent()
    };
    all.retain(|p| !same(p));
    all
}

fn is_video(path: &Path) -> bool {
    const EXTENSIONS: [&str; 7] = ["mp4", "mov", "m4v", "m4a", "3gp", "3g2", "qt"];
    let extension = path.extension().and_then(|e| e.to_str());
    extension.is_some_and(|e| EXTENSIONS.iter().any(|known| e.eq_ignore_ascii_case(known)))
        && path.is_file()
}

/// The part of the beginning of the broken file that the reference explains.
fn fit(source: &PreadFile, layout: &Layout, reference: &Reference) -> Result<f64> {
    if salvage::is_fragmented(layout) {
        return fit_fragments(source, layout, reference);
    }
    let Some((span, begins, _)) = layout.media().find(|(span, ..)| !span.is_empty()) else {
        return Ok(0.0);
    };
    let end = trim_zeros(source, span)?.min(span.start.saturating_add(TRIED));
    let mut scanner = Scanner::new(&reference.profile, source);
    scanner.scan(Span::new(span.start, end), begins, false)?;
    let found = scanner.finish();
    // Data without syntax can be anything: it counts half.
    let syntax = |track: u16| {
        let of = reference.profile.tracks.get(usize::from(track));
        of.is_some_and(|t| t.finding == Finding::Syntax)
    };
    let doubled = found.items.iter().map(|i| {
        let len = i.span().len();
        if syntax(i.track) { 2 * len } else { len }
    });
    Ok(share(doubled.sum(), 2 * (end - span.start)))
}

/// The part of the samples of the fragments that read as those of the reference.
fn fit_fragments(source: &PreadFile, layout: &Layout, reference: &Reference) -> Result<f64> {
    let own = salvage::own(source, layout, Some(&reference.profile.movie))?;
    let Some(own) = own else {
        return Ok(0.0);
    };
    let mut window = Window::new(source);
    let (mut right, mut tried) = (0, 0);
    for (track, of) in own.movie.tracks.iter().zip(&reference.profile.tracks) {
        let Some(recogniser) = of
            .recogniser
            .as_ref()
            .filter(|_| of.finding == Finding::Syntax)
        else {
            continue;
        };
        let inside = track.samples.iter().filter(|s| s.span.end <= source.len());
        for sample in inside.take(TRIED_SAMPLES) {
            let (at, end) = (sample.span.start, sample.span.end);
            let verdict = recogniser.probe(&mut window, at, end, Depth::Heads)?;
            tried += 1;
            right += u64::from(matches!(verdict, Verdict::Sample(_)));
        }
    }
    Ok(share(right, tried))
}

/// `part` of `whole`; nothing of nothing.
pub(crate) fn share(part: u64, whole: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a ratio")]
    let share = part as f64 / whole.max(1) as f64;
    share
}
