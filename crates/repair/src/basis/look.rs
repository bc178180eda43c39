//! A look at what a profile makes of the media data, before all of it is searched.

use super::sets;
use crate::Result;
use crate::layout::{Layout, trim_zeros};
use crate::profile::{Finding, Profile};
use crate::scan::Scanner;
use tapo_codec::{Decodes, Depth, Recogniser, Verdict};
use tapo_io::{ByteSource, Span, Window};
use tapo_movie::Movie;

/// What is seen of the media data by a profile.
#[derive(Debug)]
pub(crate) struct Look {
    /// The part of the data that it explains. Data without syntax counts half.
    pub(crate) share: f64,
    /// Undamaged pictures of the track looked at that decoding can start at.
    pub(crate) pictures: Vec<Picture>,
    /// The part of the other pictures whose headers say what most say; 1 where
    /// that cannot be told.
    pub(crate) steady: f64,
}

/// A picture, with the parameter sets in front of it.
#[derive(Debug)]
pub(crate) struct Picture {
    pub(crate) bytes: Vec<u8>,
    /// Those in it that the profile does not have.
    pub(crate) sets: Vec<Vec<u8>>,
}

/// What pictures say of parameter sets.
#[derive(Copy, Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Votes {
    pub(crate) yes: u32,
    pub(crate) no: u32,
    /// Coding blocks that were read.
    pub(crate) blocks: u64,
}

impl Votes {
    /// The pictures decode, but for damaged ones.
    pub(crate) const fn confirm(self) -> bool {
        self.yes > self.no
    }

    /// Both together.
    const fn and(self, other: Self) -> Self {
        Self {
            yes: self.yes + other.yes,
            no: self.no + other.no,
            blocks: self.blocks + other.blocks,
        }
    }

    /// They do not.
    pub(crate) const fn contradict(self) -> bool {
        self.no > self.yes
    }
}

/// Pictures that are decoded.
const PICTURES: usize = 8;

/// Largest picture that is, bytes.
const PICTURE_BYTES: u64 = 8 << 20;

/// Media data that is looked at, bytes ...
const LOOKED_AT: u64 = 4 << 20;

/// ... and at most, where little of it is pictures that can be decoded.
const LOOKED_AT_MOST: u64 = 64 << 20;

/// Pictures that are enough to go no further.
const ENOUGH: usize = 3;

impl Default for Look {
    fn default() -> Self {
        Self {
            share: 0.0,
            pictures: Vec::new(),
            steady: 1.0,
        }
    }
}

impl Look {
    /// Looks at the beginning of the media data for pictures of `track`.
    ///
    /// # Errors
    /// The source fails.
    pub(crate) fn at(
        source: &dyn ByteSource,
        layout: &Layout,
        profile: &Profile,
        track: usize,
    ) -> Result<Self> {
        let mut reach = LOOKED_AT;
        loop {
            let look = Self::within(source, layout, profile, track, reach)?;
            let enough = look.pictures.len() >= ENOUGH || look.share < 0.5;
            if enough || reach >= LOOKED_AT_MOST.min(source.len()) {
                return Ok(look);
            }
            reach = reach.saturating_mul(4);
        }
    }

    /// The same, no more than `reach` bytes of it.
    ///
    /// # Errors
    /// The source fails.
    pub(crate) fn within(
        source: &dyn ByteSource,
        layout: &Layout,
        profile: &Profile,
        track: usize,
        reach: u64,
    ) -> Result<Self> {
        let Some((span, begins, _)) = beginning(source, layout, reach)? else {
            return Ok(Self::default());
        };
        let mut scanner = Scanner::new(profile, source);
        scanner.scan(span, begins, false)?;
        let found = scanner.finish();
        let syntax = |track: u16| {
            let of = profile.tracks.get(usize::from(track));
            of.is_some_and(|t| t.finding == Finding::Syntax)
        };
        let doubled = found.items.iter().map(|i| {
            let len = i.span().len();
            if syntax(i.track) { 2 * len } else { len }
        });
        let of_track = found.items.iter().filter(|i| usize::from(i.track) == track);
        let spans = of_track.map(|i| i.span());
        Ok(Self {
            share: share(doubled.sum(), 2 * span.len()),
            steady: steady(source, profile, track, spans.clone())?,
            pictures: pictures(source, profile, track, spans)?,
        })
    }

    /// Looks at the samples of an index.
    ///
    /// # Errors
    /// The source fails.
    pub(crate) fn of_samples(
        source: &dyn ByteSource,
        movie: &Movie,
        profile: &Profile,
        track: usize,
    ) -> Result<Self> {
        let table = movie.tracks.get(track).map(|t| &t.samples);
        let samples = table.into_iter().flat_map(|t| t.iter());
        let inside = samples.filter(|s| s.span.end <= source.len());
        let spans = inside.clone().map(|s| s.span);
        let sync = inside.filter(|s| s.sync).map(|s| s.span);
        Ok(Self {
            share: 1.0,
            steady: steady(source, profile, track, spans)?,
            pictures: pictures(source, profile, track, sync)?,
        })
    }

    /// The same, no further than to a first picture that decodes: no other
    /// parameter sets would do that but by chance, and large pictures take time.
    pub(crate) fn first_votes(&self, recogniser: &dyn Recogniser) -> Votes {
        let pictures = self.pictures.iter().map(|p| p.bytes.as_slice());
        let mut sum = Votes::default();
        for picture in pictures {
            sum = sum.and(votes(recogniser, std::iter::once(picture)));
            if sum.confirm() {
                break;
            }
        }
        sum
    }

    /// What the pictures say of the parameter sets of a recogniser.
    pub(crate) fn votes(&self, recogniser: &dyn Recogniser) -> Votes {
        votes(recogniser, self.pictures.iter().map(|p| p.bytes.as_slice()))
    }
}

/// What pictures say of the parameter sets of a recogniser.
pub(crate) fn votes<'a>(
    recogniser: &dyn Recogniser,
    pictures: impl Iterator<Item = &'a [u8]>,
) -> Votes {
    let mut votes = Votes::default();
    for picture in pictures {
        match recogniser.decodes(picture) {
            Decodes::Yes => votes.yes += 1,
            Decodes::No(blocks) => {
                votes.no += 1;
                votes.blocks += u64::from(blocks);
            }
            Decodes::Unknown => {}
        }
    }
    votes
}

/// Where media data begins: the first piece of it that is not all zeros, its
/// span cut to `reach` bytes.
///
/// # Errors
/// The source fails.
pub(crate) fn beginning(
    source: &dyn ByteSource,
    layout: &Layout,
    reach: u64,
) -> Result<Option<(Span, bool, bool)>> {
    for (span, begins, ends) in layout.media() {
        let end = trim_zeros(source, span)?.min(span.start.saturating_add(reach));
        if end > span.start {
            return Ok(Some((Span::new(span.start, end), begins, ends)));
        }
    }
    Ok(None)
}

/// The first pictures among samples that decoding can start at, undamaged as far
/// as their syntax shows.
fn pictures(
    source: &dyn ByteSource,
    profile: &Profile,
    track: usize,
    spans: impl Iterator<Item = Span>,
) -> Result<Vec<Picture>> {
    let of = profile.tracks.get(track);
    let Some(recogniser) = of.and_then(|t| t.recogniser.as_ref()) else {
        return Ok(Vec::new());
    };
    let mut recogniser = recogniser.fork();
    let mut window = Window::new(source);
    let mut pictures = Vec::new();
    for span in spans.filter(|s| s.len() <= PICTURE_BYTES) {
        if pictures.len() >= PICTURES {
            break;
        }
        // Most are no such pictures: their heads say so.
        let heads = recogniser.probe(&mut window, span.start, span.end, Depth::Heads)?;
        // One with fewer slices than those of the reference seems cut off.
        if !matches!(heads, Verdict::Sample(access) | Verdict::Cut(access) if access.sync) {
            continue;
        }
        let verdict = recogniser.probe(&mut window, span.start, span.end, Depth::Thorough)?;
        let (Verdict::Sample(access) | Verdict::Cut(access)) = verdict else {
            continue;
        };
        if access.flaw.is_some() || access.len != span.len() {
            continue;
        }
        let own = access.parameter_sets.iter();
        let own = own.map(|s| source.read_span(*s));
        let own = own.collect::<tapo_io::Result<Vec<_>>>()?;
        for set in &own {
            // It was read once.
            let _ = recogniser.adopt(set);
        }
        pictures.push(Picture {
            bytes: source.read_span(span)?,
            sets: own,
        });
    }
    Ok(pictures)
}

/// Pictures whose headers are compared.
const COMPARED: usize = 200;

/// Bytes of a picture that its header lies within.
const HEADER: u64 = 1 << 10;

/// The part of the predicted pictures whose headers say what most of them say.
fn steady(
    source: &dyn ByteSource,
    profile: &Profile,
    track: usize,
    spans: impl Iterator<Item = Span>,
) -> Result<f64> {
    let of = profile.tracks.get(track);
    let Some(recogniser) = of.and_then(|t| t.recogniser.as_ref()) else {
        return Ok(1.0);
    };
    let heads = spans
        .take(COMPARED)
        .map(|span| source.read_span(Span::at(span.start, span.len().min(HEADER))));
    let heads = heads.collect::<tapo_io::Result<Vec<_>>>()?;
    Ok(steadiness(&**recogniser, heads.iter().map(Vec::as_slice)))
}

/// The part of the pictures that begin so whose headers say what most of them say; 1 where none says anything.
pub(crate) fn steadiness<'a>(
    recogniser: &dyn Recogniser,
    heads: impl Iterator<Item = &'a [u8]>,
) -> f64 {
    let mut counts: Vec<(u32, u64)> = Vec::new();
    for habit in heads.filter_map(|head| recogniser.habit(head)) {
        match counts.iter_mut().find(|(known, _)| *known == habit) {
            Some((_, count)) => *count += 1,
            None => counts.push((habit, 1)),
        }
    }
    let all: u64 = counts.iter().map(|(_, n)| n).sum();
    let most = counts.iter().map(|(_, n)| *n).max();
    most.map_or(1.0, |most| share(most, all))
}

/// `part` of `whole`; nothing of nothing.
pub(crate) fn share(part: u64, whole: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a ratio")]
    let share = part as f64 / whole.max(1) as f64;
    share
}

/// The recogniser of a track with other parameter sets.
pub(crate) fn with(
    profile: &Profile,
    track: usize,
    sets: &[Vec<u8>],
) -> Option<Box<dyn Recogniser>> {
    let description = profile.movie.tracks.get(track)?.descriptions.first()?;
    let recogniser = profile.tracks.get(track)?.recogniser.as_ref()?;
    sets::adopted(&**recogniser, description.kind().0, sets)
}
