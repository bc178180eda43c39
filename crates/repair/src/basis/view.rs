//! The broken file, as it is looked at with one profile after the other.

use super::look::{self, Look, share};
use crate::layout::Layout;
use crate::profile::Profile;
use crate::verify::{Reading, Stands};
use crate::{Result, index};
use std::path::Path;
use tapo_io::{ByteSource, Span};
use tapo_movie::Movie;

/// Samples of each track of a fragmented file that a profile is tried on.
const SAMPLES: usize = 100;

/// Part of the samples of a track that reads as the profile says, if it is right.
const READABLE: f64 = 0.5;

/// A broken file and its structure.
#[derive(Copy, Clone)]
pub(crate) struct View<'a> {
    pub(crate) source: &'a dyn ByteSource,
    pub(crate) layout: &'a Layout,
    /// Whether nothing that stands beside the file is looked at.
    pub(crate) alone: bool,
}

/// The tracks that fragments name.
pub(crate) struct Named {
    /// Those that the profile does not have: track ids.
    pub(crate) unknown: Vec<u32>,
    /// Those whose samples are mostly not what the profile says: indices, and
    /// the part of them that is.
    pub(crate) unlike: Vec<(usize, f64)>,
    /// The samples that they speak of, by the tracks of the profile.
    pub(crate) movie: Movie,
}

impl View<'_> {
    pub(crate) fn path(&self) -> &Path {
        self.source.path()
    }

    /// Whether fragments say where samples are.
    pub(crate) fn is_fragmented(&self) -> bool {
        self.layout.is_fragmented()
    }

    /// Looks for pictures of `track`.
    ///
    /// # Errors
    /// The source fails.
    pub(crate) fn look(&self, profile: &Profile, track: usize) -> Result<Look> {
        match self.fragments(profile)? {
            Some(movie) => self.look_at(&movie, profile, track),
            None => Look::at(self.source, self.layout, profile, track),
        }
    }

    /// The same, in the first `reach` bytes of media data only.
    ///
    /// # Errors
    /// The source fails.
    pub(crate) fn glance(&self, profile: &Profile, track: usize, reach: u64) -> Result<Look> {
        match self.fragments(profile)? {
            Some(movie) => self.look_at(&movie, profile, track),
            None => Look::within(self.source, self.layout, profile, track, reach),
        }
    }

    /// The first `reach` bytes of the media data.
    ///
    /// # Errors
    /// The source fails.
    pub(crate) fn beginning(&self, reach: u64) -> Result<Option<Span>> {
        if self.is_fragmented() {
            return Ok(Some(Span::new(0, reach.min(self.source.len()))));
        }
        let found = look::beginning(self.source, self.layout, reach)?;
        Ok(found.map(|(span, ..)| span))
    }

    /// The samples of the fragments, if the file has any, by the tracks of a
    /// profile.
    fn fragments(&self, profile: &Profile) -> Result<Option<Movie>> {
        if !self.is_fragmented() {
            return Ok(None);
        }
        let own = index::own(self.source, self.layout, Some(&profile.movie))?;
        Ok(Some(own.map(|own| own.movie).unwrap_or_default()))
    }

    /// What the fragments say of tracks that does not go along with a profile.
    ///
    /// # Errors
    /// The source fails.
    pub(crate) fn tracks(&self, profile: &Profile) -> Result<Named> {
        let mut named = Named {
            unknown: Vec::new(),
            unlike: Vec::new(),
            movie: Movie::default(),
        };
        let Some(own) = index::own(self.source, self.layout, Some(&profile.movie))? else {
            return Ok(named);
        };
        named.unknown = own.named;
        named
            .unknown
            .retain(|id| profile.movie.track(*id).is_none());
        named.unlike = self.readable(&own.movie, profile)?;
        named.unlike.retain(|(_, share)| *share < READABLE);
        named.movie = own.movie;
        Ok(named)
    }

    fn look_at(&self, movie: &Movie, profile: &Profile, track: usize) -> Result<Look> {
        let mut look = Look::of_samples(self.source, movie, profile, track)?;
        let readable = self.readable(movie, profile)?;
        // Every track must fit.
        look.share = readable
            .into_iter()
            .fold(1.0, |least, (_, share)| share.min(least));
        Ok(look)
    }

    /// The part of the samples of the fragments that read as those of the
    /// profile, for each track that has some and whose samples have a syntax.
    fn readable(&self, movie: &Movie, profile: &Profile) -> Result<Vec<(usize, f64)>> {
        let mut shares = Vec::new();
        for (index, (track, of)) in movie.tracks.iter().zip(&profile.tracks).enumerate() {
            let Some(mut reading) = Reading::of(self.source, of) else {
                continue;
            };
            let (mut right, mut tried) = (0, 0);
            let whole = |s: &tapo_movie::Sample| s.span.end <= self.source.len();
            for sample in track.samples.iter().filter(whole).take(SAMPLES) {
                tried += 1;
                right += u64::from(reading.read(&sample)? == Stands::Whole);
            }
            if tried > 0 {
                shares.push((index, share(right, tried)));
            }
        }
        Ok(shares)
    }
}
