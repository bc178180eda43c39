//! Samples of an index that are not what it says.

use super::sectors::{lead_through, units};
use crate::Result;
use crate::profile::{Finding, Profile, TrackProfile, entry};
use tapo_codec::nal::NalLengthSize;
use tapo_codec::{Depth, Order, Recogniser, Verdict};
use tapo_io::{ByteSource, Span, Window};
use tapo_movie::{Sample, SampleTable};

/// Samples of a track that are not what its other samples are.
#[derive(Default)]
pub(crate) struct Doubtful {
    /// Overwritten with zeros, or with what is no such sample: numbers.
    pub(crate) wrong: Vec<u32>,
    /// As the latter, where many are so that the syntax may be what is not known.
    pub(crate) suspect: Vec<u32>,
}

/// Of so many samples one that is no such sample is damaged. Where more are, all
/// of them are only suspected; and none where more than half are.
const FEW: u64 = 10;

/// Looks at all samples of a track, by its index in the profile.
///
/// # Errors
/// The source fails.
pub(crate) fn doubtful(
    table: &SampleTable,
    track: usize,
    profile: &Profile,
    source: &dyn ByteSource,
) -> Result<Doubtful> {
    let mut doubtful = Doubtful::default();
    let of = profile.tracks.get(track);
    let Some(mut reading) = of.and_then(|of| Reading::of(source, of)) else {
        return Ok(doubtful);
    };
    let units = profile.movie.tracks.get(track).and_then(units);
    let (mut read, mut zeros) = (0_u64, Vec::new());
    let whole = |s: &Sample| !s.span.is_empty() && s.span.end <= source.len();
    for sample in table.iter().filter(whole) {
        read += 1;
        if reading.is_right(&sample, units)? {
            continue;
        }
        match zeroed(source, sample.span)? {
            true => zeros.push(sample.number),
            false => doubtful.wrong.push(sample.number),
        }
    }
    let count = doubtful.wrong.len() as u64;
    if count * FEW > read {
        let suspect = std::mem::take(&mut doubtful.wrong);
        if count * 2 <= read {
            doubtful.suspect = suspect;
        }
    }
    doubtful.wrong.extend(zeros);
    doubtful.wrong.sort_unstable();
    Ok(doubtful)
}

/// What stands where an index names a sample.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(crate) enum Stands {
    /// One of just that size.
    Whole,
    /// The beginning of one; only where the next begins says how long it is.
    Begun,
    /// Something else.
    Other,
}

/// Reads samples that an index names, in its order, as their codec does.
pub(crate) struct Reading<'a> {
    source: &'a dyn ByteSource,
    window: Window<'a>,
    recogniser: Box<dyn Recogniser>,
    /// Of the sample that was read last.
    order: Option<Order>,
}

impl<'a> Reading<'a> {
    /// `None` where the track's samples have no syntax that is known.
    pub(crate) fn of(source: &'a dyn ByteSource, track: &TrackProfile) -> Option<Self> {
        let recogniser = track.recogniser.as_ref()?;
        (track.finding == Finding::Syntax).then(|| Self {
            source,
            window: Window::new(source),
            recogniser: recogniser.fork(),
            order: None,
        })
    }

    /// # Errors
    /// The source fails.
    pub(crate) fn read(&mut self, sample: &Sample) -> Result<Stands> {
        let span = sample.span;
        self.recogniser.turn(entry(sample.description));
        let verdict =
            self.recogniser
                .probe(&mut self.window, span.start, span.end, Depth::Heads)?;
        self.order = None;
        Ok(match verdict {
            Verdict::Sample(access) if access.len == span.len() => {
                self.order = Some(access.order);
                for set in access.parameter_sets {
                    // What cannot be read leaves the others in force.
                    let _ = self.recogniser.adopt(&self.source.read_span(set)?);
                }
                Stands::Whole
            }
            Verdict::Start(_) => Stands::Begun,
            Verdict::Sample(_) | Verdict::Cut(_) | Verdict::Not(_) => Stands::Other,
        })
    }

    /// What the sample that was read last says of its place in presentation order; `None` if it was none.
    pub(crate) const fn order(&self) -> Option<&Order> {
        self.order.as_ref()
    }

    /// Whether a sample may be what its index says; `units` are the lengths of its NAL units, if
    /// it has any.
    ///
    /// # Errors
    /// The source fails.
    pub(crate) fn is_right(
        &mut self,
        sample: &Sample,
        units: Option<NalLengthSize>,
    ) -> Result<bool> {
        if self.read(sample)? != Stands::Other {
            return Ok(true);
        }
        // Messages alone, or two pictures in one: the index may say so.
        match units {
            Some(size) => lead_through(&mut self.window, sample.span, size, 1),
            None => Ok(false),
        }
    }

    /// Whether the first bytes of a sample may be such.
    ///
    /// # Errors
    /// The source fails.
    pub(crate) fn could_start(&mut self, sample: &Sample) -> Result<bool> {
        let head = self.window.bytes(sample.span.start, tapo_codec::HEAD)?;
        Ok(self.recogniser.could_start(head))
    }
}

/// Whether a long row of zeros stands in a range.
pub(crate) fn zeroed(source: &dyn ByteSource, span: Span) -> Result<bool> {
    const LOOKED_AT: u64 = 1 << 20;
    const ROW: usize = 64;
    let span = Span::at(span.start, span.len().min(LOOKED_AT));
    let bytes = source.read_span(span)?;
    let row = ROW.min(bytes.len()).max(1);
    Ok(bytes
        .chunk_by(|a, b| *a == 0 && *b == 0)
        .any(|c| c.len() >= row && c.first() == Some(&0)))
}
