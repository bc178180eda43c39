//! What a healthy recording teaches about a broken one of the same camera.

mod order;
mod reference;
mod track;

use crate::Result;
use crate::clock::Clock;
use crate::habits::Runs;
use crate::interleave::{Interleave, Write, lag, reach};
use order::{alignment, file_order};
use tapo_io::ByteSource;
use tapo_movie::{Movie, SampleTable, Track};

pub(crate) use reference::{HEARD, Reference, within};
pub(crate) use track::{Finding, TrackProfile, coding, entry, recogniser};

/// Everything learnt of a recording: its tracks without their samples, and how
/// its samples look and follow each other.
#[derive(Debug)]
pub(crate) struct Profile {
    /// The movie, samples left out.
    pub(crate) movie: Movie,
    pub(crate) tracks: Vec<TrackProfile>,
    pub(crate) clock: Clock,
    pub(crate) interleave: Interleave,
    /// How long behind the leading track's writes those of each track come, on
    /// average, common clock.
    pub(crate) lags: Vec<Option<f64>>,
    /// How far the leading track's writes lie outside of those of each track on
    /// either side of them, at most, common clock.
    pub(crate) reaches: Vec<Option<(i64, i64)>>,
    /// The track of constant-rate data, and how far ahead of it the leading track
    /// is at most when its next sample is written, common clock.
    pub(crate) behind: Option<(usize, i64)>,
    /// What zeros are put in front of chunks for: so many bytes of which the
    /// offset of each is a multiple. 0 if there are none.
    pub(crate) alignment: u64,
    /// How long the longest row of samples of each video track lasts in which no
    /// other video track has one, common clock.
    pub(crate) video_runs: Vec<i64>,
    /// How constant-rate data lies between the samples that can be recognised.
    pub(crate) runs: Runs,
}

impl Profile {
    /// Learns from a movie whose samples stand in `source`. A movie without
    /// samples teaches what its descriptions say.
    ///
    /// # Errors
    /// The source fails.
    pub(crate) fn learn(movie: &Movie, source: &dyn ByteSource) -> Result<Self> {
        let clock = Clock::of(movie);
        let mut tracks = Vec::with_capacity(movie.tracks.len());
        for track in &movie.tracks {
            tracks.push(TrackProfile::learn(track, movie, source)?);
        }
        for (i, track) in movie.tracks.iter().enumerate() {
            let same = |other: &&Track| coding(other) == coding(track);
            let group = movie.tracks.iter().take(i).position(|t| same(&t));
            if let Some(profile) = tracks.get_mut(i) {
                profile.group = group.unwrap_or(i);
            }
        }
        let order = file_order(movie, &tracks);
        let writes: Vec<Write> = order.iter().map(|s| s.write(&clock, &tracks)).collect();
        let runs = Runs::learn(order.iter().map(|s| (s.track, s.samples, s.bytes)), &tracks);
        let mut bare = movie.clone();
        for track in &mut bare.tracks {
            track.samples = SampleTable::default();
        }
        let mut profile = Self {
            movie: bare,
            tracks,
            clock,
            interleave: Interleave::learn(&writes),
            lags: Vec::new(),
            reaches: Vec::new(),
            behind: None,
            alignment: alignment(&order),
            video_runs: Vec::new(),
            runs,
        };
        let rule = profile.interleave.rule;
        let leader = u16::try_from(profile.leader()).unwrap_or(0);
        let all = 0..u16::try_from(profile.tracks.len()).unwrap_or(u16::MAX);
        profile.behind = profile.behind(&writes);
        profile.reaches = all
            .clone()
            .map(|t| reach(rule, &writes, leader, t))
            .collect();
        profile.video_runs = profile.video_runs(&writes);
        profile.lags = all.map(|t| lag(rule, &writes, leader, t)).collect();
        Ok(profile)
    }

    /// The track that carries the clock of the recording: the first video
    /// track, else the first that is found by its syntax, else the first.
    pub(crate) fn leader(&self) -> usize {
        let video = |t: &TrackProfile| t.is_video && t.finding == Finding::Syntax;
        let find = |f: &dyn Fn(&TrackProfile) -> bool| self.tracks.iter().position(f);
        let syntax = |t: &TrackProfile| t.finding == Finding::Syntax;
        find(&video).or_else(|| find(&syntax)).unwrap_or(0)
    }

    fn video_runs(&self, writes: &[Write]) -> Vec<i64> {
        let mut longest = vec![0; self.tracks.len()];
        let mut run: Option<(u16, i64)> = None;
        for write in writes {
            let track = usize::from(write.track);
            if !self.tracks.get(track).is_some_and(|t| t.is_video) {
                continue;
            }
            let start = match run {
                Some((track, start)) if track == write.track => start,
                _ => write.time,
            };
            run = Some((write.track, start));
            if let Some(longest) = longest.get_mut(track) {
                let end = write.time.saturating_add(write.duration);
                *longest = end.saturating_sub(start).max(*longest);
            }
        }
        longest
    }

    fn behind(&self, writes: &[Write]) -> Option<(usize, i64)> {
        let frames = |t: &TrackProfile| matches!(t.finding, Finding::Frames { .. });
        let row = self
            .tracks
            .iter()
            .position(|t| frames(t) && t.samples > 1)?;
        let leader = self.leader();
        let last = writes.iter().rposition(|w| usize::from(w.track) == row)?;
        let (mut most, mut written) = (i64::MIN, None);
        for write in writes.get(..last).unwrap_or_default() {
            let track = usize::from(write.track);
            if track == row {
                written = Some(write.time + write.duration);
            } else if let Some(written) = written.filter(|_| track == leader) {
                most = most.max(write.time - written);
            }
        }
        (most != i64::MIN).then_some((row, most))
    }

    /// Whether tracks exist that only the clock and the content tell apart.
    pub(crate) fn has_twins(&self) -> bool {
        let twin = |(i, t): (usize, &TrackProfile)| t.finding == Finding::Syntax && t.group != i;
        self.tracks.iter().enumerate().any(twin)
    }
}
