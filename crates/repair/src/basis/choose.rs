//! Which healthy recording serves as the reference.

use super::camera;
use super::look::{Votes, share};
use super::sets;
use super::view::View;
use crate::profile::Reference;
use crate::verify::{Reading, Stands};
use crate::{Basis, Error, Result};
use std::path::{Path, PathBuf};
use tapo_io::PreadFile;

/// Candidates of a folder that are tried.
const CANDIDATES: usize = 64;

/// Part of the media data that a file nobody named must explain.
const SIBLING_FIT: f64 = 0.8;

/// A reference, and how it was come by.
pub(crate) struct Chosen {
    pub(crate) reference: Reference,
    pub(crate) basis: Basis,
}

/// How well a reference fits: whether pictures decode with it, and the part of
/// the beginning of the media data that it explains.
#[derive(Copy, Clone, Debug, PartialEq, PartialOrd)]
struct Fit {
    decodes: i8,
    share: f64,
}

impl Fit {
    fn percent(self) -> f64 {
        self.share * 100.0
    }
}

/// Chooses among the references that were named, files or folders; without any,
/// the profile that the recorder left of the camera, or the best of the files
/// beside the broken one.
///
/// # Errors
/// [`Error::BadReference`] if a file was named that cannot serve,
/// [`Error::NoReference`] if nothing fits; the source fails.
pub(crate) fn choose(view: View<'_>, named: &[PathBuf]) -> Result<Chosen> {
    let broken = view.path();
    for path in named {
        if same_file(path, broken) {
            return Err(Error::BadReference {
                path: path.clone(),
                why: "it is the broken file itself".to_owned(),
            });
        }
    }
    if let [path] = named
        && !path.is_dir()
    {
        return Ok(Chosen {
            reference: Reference::open(path)?,
            basis: Basis::Reference {
                path: path.clone(),
                why: "it was named".to_owned(),
            },
        });
    }
    if !named.is_empty() {
        return among_named(view, named);
    }
    if view.alone {
        return Err(Error::NoReference {
            path: broken.to_owned(),
        });
    }
    let folder = broken.parent().filter(|p| !p.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    if let Some(chosen) = camera(view, folder)? {
        return Ok(chosen);
    }
    if let Some(chosen) = sibling(view, folder)? {
        return Ok(chosen);
    }
    Err(Error::NoReference {
        path: broken.to_owned(),
    })
}

fn among_named(view: View<'_>, named: &[PathBuf]) -> Result<Chosen> {
    let mut best: Option<(Fit, Reference)> = None;
    let mut tried = 0_u32;
    for path in candidates(named, view.path()) {
        let reference = match Reference::open(&path) {
            Ok(reference) => reference,
            // One that was named must serve, one that was found need not.
            Err(e) if named.contains(&path) => return Err(e),
            Err(_) => continue,
        };
        tried += 1;
        let fit = fit(view, &reference)?;
        if best.as_ref().is_none_or(|(most, _)| fit > *most) {
            best = Some((fit, reference));
        }
    }
    let Some((fit, reference)) = best else {
        let path = named.first().cloned().unwrap_or_default();
        return Err(Error::BadReference {
            path,
            why: "it holds no healthy recording".to_owned(),
        });
    };
    let why = match tried {
        1 => "it is the only healthy one of those named".to_owned(),
        _ => format!(
            "of {tried} that were tried it explains most: {:.0} % of the beginning",
            fit.percent()
        ),
    };
    let path = reference.path.clone();
    let basis = Basis::Reference { path, why };
    Ok(Chosen { reference, basis })
}

/// The profile of a camera in the folder or the one above it.
fn camera(view: View<'_>, folder: &Path) -> Result<Option<Chosen>> {
    let mut best: Option<(Fit, Reference)> = None;
    for path in camera::profiles(folder) {
        // One that cannot be read is none.
        let Ok(reference) = camera::open(&path) else {
            continue;
        };
        let fit = fit(view, &reference)?;
        if fits(fit) && best.as_ref().is_none_or(|(most, _)| fit > *most) {
            best = Some((fit, reference));
        }
    }
    Ok(best.map(|(fit, reference)| {
        let path = reference.path.clone();
        let why = format!("it explains {:.0} % of the beginning", fit.percent());
        let basis = Basis::CameraProfile { path, why };
        Chosen { reference, basis }
    }))
}

fn sibling(view: View<'_>, folder: &Path) -> Result<Option<Chosen>> {
    let mut best: Option<(Fit, Reference)> = None;
    for path in candidates(&[folder.to_owned()], view.path()) {
        let Ok(reference) = Reference::open(&path) else {
            continue;
        };
        let fit = fit(view, &reference)?;
        let better = fits(fit) && best.as_ref().is_none_or(|(most, _)| fit > *most);
        // One that cannot be read is none.
        if better && is_healthy(&reference).unwrap_or(false) {
            best = Some((fit, reference));
        }
    }
    Ok(best.map(|(fit, reference)| {
        let path = reference.path.clone();
        let why = format!(
            "it stands beside the file and explains {:.0} % of its beginning",
            fit.percent()
        );
        let basis = Basis::Sibling { path, why };
        Chosen { reference, basis }
    }))
}

/// Samples of each track that are looked at to tell whether a file is healthy, and the part of
/// them that must be what its index says.
const LOOKED_AT: usize = 200;
const HEALTHY: f64 = 0.95;

/// Whether the samples of a reference are where its index says, in all its tracks.
fn is_healthy(reference: &Reference) -> Result<bool> {
    let source = PreadFile::open(&reference.path)?;
    let Some(movie) = crate::unfit::read(&source)?.movie else {
        return Ok(false);
    };
    let known = reference.profile.movie.tracks.iter();
    for (track, of) in known.zip(&reference.profile.tracks) {
        let (Some(track), Some(mut reading)) =
            (movie.track(track.header.id), Reading::of(&source, of))
        else {
            continue;
        };
        let (mut right, mut all) = (0, 0);
        for sample in track.samples.iter().take(LOOKED_AT) {
            right += u64::from(reading.read(&sample)? != Stands::Other);
            all += 1;
        }
        if share(right, all.max(1)) < HEALTHY {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether a file that nobody named may serve.
fn fits(fit: Fit) -> bool {
    fit.share >= SIBLING_FIT && fit.decodes >= 0
}

/// The files to try, folders spread out, in a stable order, none twice.
fn candidates(places: &[PathBuf], broken: &Path) -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> = Vec::new();
    for place in places {
        if !place.is_dir() {
            all.push(place.clone());
            continue;
        }
        let entries = std::fs::read_dir(place).into_iter().flatten().flatten();
        let mut inside: Vec<PathBuf> = entries.map(|e| e.path()).filter(|p| is_video(p)).collect();
        inside.sort();
        all.extend(nearest(inside, broken));
    }
    let mut known = Vec::new();
    all.retain(|path| {
        let real = path.canonicalize().unwrap_or_else(|_| path.clone());
        let new = !same_file(path, broken) && !known.contains(&real);
        known.push(real);
        new
    });
    all
}

/// Those whose names stand next to that of the broken file: recorders name by
/// time, and settings change with it.
fn nearest(mut sorted: Vec<PathBuf>, broken: &Path) -> Vec<PathBuf> {
    let name = broken.file_name();
    let at = sorted.partition_point(|p| p.file_name() < name);
    let start = at
        .saturating_sub(CANDIDATES / 2)
        .min(sorted.len().saturating_sub(CANDIDATES));
    sorted.drain(..start);
    sorted.truncate(CANDIDATES);
    sorted
}

fn same_file(a: &Path, b: &Path) -> bool {
    match (a.canonicalize(), b.canonicalize()) {
        (Ok(a), Ok(b)) => a == b,
        _ => a == b,
    }
}

fn is_video(path: &Path) -> bool {
    const EXTENSIONS: [&str; 7] = ["mp4", "mov", "m4v", "m4a", "3gp", "3g2", "qt"];
    let extension = path.extension().and_then(|e| e.to_str());
    extension.is_some_and(|e| EXTENSIONS.iter().any(|known| e.eq_ignore_ascii_case(known)))
        && path.is_file()
}

/// How well a reference fits the beginning of the media data.
fn fit(view: View<'_>, reference: &Reference) -> Result<Fit> {
    let profile = &reference.profile;
    let track = sets::tracks(profile).first().copied();
    let track = track.unwrap_or_else(|| profile.leader());
    let look = view.look(profile, track)?;
    // Sets that stand in front of pictures are those they are decoded with.
    let own = look.pictures.iter().all(|p| p.sets.is_empty());
    let votes = match profile
        .tracks
        .get(track)
        .and_then(|t| t.recogniser.as_ref())
    {
        Some(recogniser) if own => look.votes(&**recogniser),
        _ => Votes::default(),
    };
    let decodes = match votes {
        votes if votes.confirm() => 1,
        votes if votes.contradict() => -1,
        _ => 0,
    };
    Ok(Fit {
        decodes,
        share: look.share,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fit_that_decodes_is_better_than_one_that_explains_more() {
        let fit = |decodes, share| Fit { decodes, share };
        assert!(fit(1, 0.7) > fit(0, 0.9));
        assert!(fit(0, 0.9) > fit(0, 0.8));
        assert!(fits(fit(0, 0.9)) && !fits(fit(-1, 1.0)) && !fits(fit(1, 0.7)));
    }

    #[test]
    fn of_many_files_the_neighbours_are_tried() {
        let names = (0..200).map(|n| PathBuf::from(format!("/r/{n:03}.mp4")));
        let names: Vec<_> = names.collect();
        let tried = |broken: &str| nearest(names.clone(), Path::new(broken));
        let middle = tried("/r/100b.mp4");
        assert_eq!(middle.len(), CANDIDATES);
        assert_eq!(middle.first(), names.get(69));
        assert_eq!(tried("/r/zzz.mp4").last(), names.last());
        assert_eq!(tried("/r/000.mp4").first(), names.first());
        assert_eq!(nearest(names[..3].to_vec(), Path::new("/r/1")).len(), 3);
    }
}
