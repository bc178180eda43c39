//! Which track of a recording goes on with which track of the whole.

use super::parts::Part;
use crate::prepare::LARGEST_TIMESCALE;
use crate::{Error, Result};
use std::path::Path;
use tapo_movie::{Track, common_timescale};

/// How the tracks of all parts make up the tracks of the whole.
#[derive(Debug, Default)]
pub(super) struct Fit {
    /// By part and by its track: the track of the whole.
    pub(super) to: Vec<Vec<usize>>,
    /// The tracks of the whole.
    pub(super) tracks: Vec<Whole>,
}

/// A track of the whole.
#[derive(Debug)]
pub(super) struct Whole {
    /// The part and its track that it begins with.
    pub(super) like: (usize, usize),
    /// Ticks a second in which all its parts are exact.
    pub(super) timescale: u32,
}

impl Fit {
    /// The first track of pictures of a part goes on with the first one of the
    /// whole, the second with the second, and so for each kind of media. A track
    /// that the parts before did not have begins late.
    pub(super) fn of(parts: &[Part]) -> Result<Self> {
        let mut fit = Self::default();
        for (index, part) in parts.iter().enumerate() {
            let mut to = Vec::with_capacity(part.movie.tracks.len());
            for (number, track) in part.movie.tracks.iter().enumerate() {
                to.push(fit.place(parts, &to, track, (index, number))?);
            }
            fit.to.push(to);
        }
        Ok(fit)
    }

    fn place(
        &mut self,
        parts: &[Part],
        taken: &[usize],
        track: &Track,
        own: (usize, usize),
    ) -> Result<usize> {
        let find = |(part, track): (usize, usize)| {
            let part = parts.get(part)?;
            Some((part.path(), part.movie.tracks.get(track)?))
        };
        let free = self.tracks.iter().enumerate().find_map(|(at, whole)| {
            let (path, like) = find(whole.like)?;
            let fits = like.handler == track.handler && !taken.contains(&at);
            fits.then_some((at, path, like))
        });
        let Some((at, path, like)) = free else {
            self.tracks.push(Whole {
                like: own,
                timescale: track.timescale.max(1),
            });
            return Ok(self.tracks.len() - 1);
        };
        let does_not_fit = |why| {
            let path = find(own).map_or(Path::new(""), |(path, _)| path);
            let path = path.to_owned();
            Err(Error::DoesNotFit { path, why })
        };
        if let Some(why) = contradiction(like, track, path) {
            return does_not_fit(why);
        }
        if let Some(whole) = self.tracks.get_mut(at) {
            let scales = [whole.timescale, track.timescale.max(1)];
            let common = common_timescale(scales, LARGEST_TIMESCALE);
            if scales.iter().any(|scale| !common.is_multiple_of(*scale)) {
                let [a, b] = scales;
                return does_not_fit(format!(
                    "counts {b} ticks a second where {} counts {a}, and no clock is exact for both",
                    path.display()
                ));
            }
            whole.timescale = common;
        }
        Ok(at)
    }
}

/// Why a track cannot go on with `track`, if so.
fn contradiction(like: &Track, track: &Track, path: &Path) -> Option<String> {
    let (a, b) = (like.descriptions.first()?, track.descriptions.first()?);
    if a.kind() != b.kind() {
        let (a, b) = (a.kind(), b.kind());
        return Some(format!("holds {b} where {} holds {a}", path.display()));
    }
    match (a.sample_rate(), b.sample_rate()) {
        (Some(x), Some(y)) if x != y => Some(format!(
            "has sound of {y} Hz where that of {} has {x} Hz",
            path.display()
        )),
        _ => None,
    }
}
