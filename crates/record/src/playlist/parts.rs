//! What a playlist names of a recording: runs of fragments, cut at keyframes.

use super::opened::Opened;
use std::path::Path;
use std::time::Duration;
use tapo_io::{ByteSource, Span};
use tapo_movie::{Fragment, Movie, Read, encode_init, rescale};

/// A part ends at the first keyframe behind this.
const LONG_ENOUGH: Duration = Duration::from_secs(4);
/// A part ends behind this, whatever comes.
const LONGEST: Duration = Duration::from_secs(12);

/// The parts of a recording, and what a player must know before them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Parts {
    /// `ftyp` and `moov`; the same for all recordings that are alike.
    pub(super) init: Vec<u8>,
    pub(super) parts: Vec<Part>,
}

/// A run of fragments.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(super) struct Part {
    /// Its bytes in the file.
    pub(super) span: Span,
    pub(super) duration: Duration,
}

impl Parts {
    /// Reads them; `None` if the file is none of ours, or has nothing to play.
    pub(super) fn read(path: &Path) -> Option<Self> {
        let opened = Opened::open(path)?;
        let read = tapo_movie::read(&opened).ok()?;
        let movie = read.movie.as_ref()?;
        let parts = grouped(&read, movie, &opened);
        let mut init = opened
            .read_span(Span::new(0, tapo_finalize::layout::FTYP_LEN))
            .ok()?;
        init.extend(encode_init(&plain(movie)));
        (!parts.is_empty()).then_some(Self { init, parts })
    }
}

/// The movie without what differs between recordings that are alike.
fn plain(movie: &Movie) -> Movie {
    let mut plain = movie.clone();
    plain.other.clear();
    plain.header.creation_time = 0;
    plain.header.modification_time = 0;
    for track in &mut plain.tracks {
        track.header.creation_time = 0;
        track.header.modification_time = 0;
        track.media_creation_time = 0;
        track.media_modification_time = 0;
        track.samples = tapo_movie::SampleTable::default();
    }
    plain
}

fn grouped(read: &Read, movie: &Movie, opened: &Opened) -> Vec<Part> {
    let lead = movie.tracks.iter().find(|t| t.is_video());
    let Some(lead) = lead.or(movie.tracks.first()) else {
        return Vec::new();
    };
    let sync: Vec<bool> = lead.samples.iter().map(|s| s.sync).collect();
    let begins = |fragment: &Fragment| {
        let of = fragment
            .tracks
            .iter()
            .find(|t| t.track_id == lead.header.id);
        let first = of
            .filter(|t| t.samples > 0)
            .map(|t| t.first_sample.saturating_sub(1));
        let first = first.and_then(|n| usize::try_from(n).ok());
        first.is_some_and(|n| sync.get(n) == Some(&true))
    };
    let duration = |fragment: &Fragment| {
        let of = fragment
            .tracks
            .iter()
            .filter(|t| t.track_id == lead.header.id);
        let ticks = of.map(|t| t.duration).sum();
        Duration::from_nanos(rescale(ticks, lead.timescale, 1_000_000_000))
    };
    let mut parts: Vec<Part> = Vec::new();
    for fragment in read.fragments.iter().filter(|f| f.whole) {
        // Its media stands right behind it.
        let media = read.top.iter().find(|b| b.span.start == fragment.moof.end);
        let Some(media) = media.filter(|b| b.kind == b"mdat" && b.whole) else {
            continue;
        };
        let (from, to) = (
            opened.in_file(fragment.moof.start),
            opened.in_file(media.span.end),
        );
        let lasts = duration(fragment);
        match parts.last_mut() {
            Some(last) if !ends(last, begins(fragment), lasts) => {
                last.span.end = to;
                last.duration += lasts;
            }
            _ => parts.push(Part {
                span: Span::new(from, to),
                duration: lasts,
            }),
        }
    }
    parts.retain(|part| !part.duration.is_zero());
    parts
}

fn ends(part: &Part, keyframe: bool, next: Duration) -> bool {
    keyframe && part.duration >= LONG_ENOUGH || part.duration + next > LONGEST
}
