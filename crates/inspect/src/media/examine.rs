//! One track's samples against its codec.

use super::against::{Against, Group};
use super::{Depth, Harm, erased};
use crate::Result;
use std::path::Path;
use tapo_codec::nal::NalLengthSize;
use tapo_codec::{Access, CodecError, Delimiting, Depth as Look, Hints, Recogniser, Verdict};
use tapo_io::{ByteSource, Span, Window};
use tapo_movie::{Sample, SampleDescription, Track};

/// Samples that are larger are looked at by their heads only, bytes.
const LARGEST: u64 = 64 << 20;

/// What it takes to judge the samples of a track. Recognisers are shown nothing:
/// the habits of an encoder's first samples are no law.
#[derive(Debug)]
pub(super) struct Examiner {
    /// By sample description.
    codecs: Vec<Codec>,
    depth: Depth,
}

#[derive(Debug, Default)]
struct Codec {
    lengths: Option<NalLengthSize>,
    /// Of NAL units: those of H.265; otherwise of H.264.
    h265: bool,
    recogniser: Option<Box<dyn Recogniser>>,
}

/// What was seen of a block.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Samples that were judged.
    pub(super) seen: usize,
    /// Those that are damaged.
    pub(super) harmed: Vec<(Sample, Harm)>,
    /// Where tables and coded media contradict each other.
    pub(super) against: Against,
}

impl Examiner {
    /// `None` where nothing can be said of the track's samples: constant-rate
    /// sound, unknown codecs, media in another file.
    pub(super) fn of(track: &Track, depth: Depth) -> Option<Self> {
        let mut codecs: Vec<_> = track
            .descriptions
            .iter()
            .map(|d| Codec::of(track, d))
            .collect();
        if depth != Depth::All {
            // Without lengths there is nothing to hop over.
            codecs.iter_mut().for_each(|c| c.recogniser = None);
        }
        if codecs.iter().all(Codec::is_silent) {
            return None;
        }
        Some(Self { codecs, depth })
    }

    /// What tells where samples of the first description end.
    pub(super) fn delimiter(&self) -> Option<Box<dyn Recogniser>> {
        let first = self.codecs.first()?;
        first.recogniser.as_ref().map(|r| r.fork())
    }

    /// Judges samples that follow each other.
    pub(super) fn block(
        &self,
        source: &dyn ByteSource,
        samples: impl Iterator<Item = Sample>,
    ) -> Result<Seen> {
        let mut seen = Seen::default();
        let mut window = Window::new(source);
        let mut bytes = Vec::new();
        let mut forks: Vec<Option<Box<dyn Recogniser>>> = self
            .codecs
            .iter()
            .map(|c| c.recogniser.as_ref().map(|r| r.fork()))
            .collect();
        let mut group = Group::default();
        for sample in samples {
            let at = place(&sample);
            let Some(codec) = self.codecs.get(at).filter(|c| !c.is_silent()) else {
                continue;
            };
            if sample.span.is_empty() || sample.span.end > source.len() {
                continue;
            }
            seen.seen += 1;
            let mut access = None;
            let harm = if self.depth == Depth::All && sample.span.len() <= LARGEST {
                bytes.resize(usize::try_from(sample.span.len()).unwrap_or(0), 0);
                let got = source.read_at(sample.span.start, &mut bytes)?;
                bytes.truncate(got);
                let fork = forks.get_mut(at).and_then(Option::as_deref_mut);
                let (harm, read) = codec.judge(&bytes, sample.span, fork)?;
                access = read;
                harm
            } else if let Some(size) = codec.lengths {
                (!adds_up(&mut window, sample.span, size)?).then_some(Harm::Lengths)
            } else {
                None
            };
            if let Some(harm) = harm {
                seen.harmed.push((sample, harm));
            }
            group.take(&sample, access.as_ref(), &mut seen.against);
        }
        group.end(&mut seen.against);
        Ok(seen)
    }
}

impl Codec {
    fn of(track: &Track, description: &SampleDescription) -> Self {
        let entry = &description.entry;
        let boxes: Vec<_> = entry.children().map(|(kind, b)| (kind.0, b)).collect();
        let said = tapo_codec::describe(description.kind().0, &boxes);
        let hints = Hints {
            handler: Some(track.handler.0),
            channels: description.channels(),
            sample_rate: description.sample_rate(),
            ..Hints::default()
        };
        let recogniser = tapo_codec::recogniser(description.kind().0, &boxes, &hints);
        Self {
            lengths: said.nal_length_size,
            h265: entry.child(b"hvcC").is_some(),
            recogniser: recogniser.filter(|r| r.delimiting() == Delimiting::Exact),
        }
    }

    const fn is_silent(&self) -> bool {
        self.lengths.is_none() && self.recogniser.is_none()
    }

    /// Whether all units of a sample without a picture may stand alone: messages,
    /// delimiters, ends. A picture's header that is damaged may look like a
    /// parameter set.
    fn holds_no_picture(&self, bytes: &[u8]) -> bool {
        let Some(lengths) = self.lengths else {
            return true;
        };
        let mut rest = bytes;
        while let Some((length, unit)) = rest.split_at_checked(lengths.bytes()) {
            let len = length.iter().fold(0, |n, b| n << 8 | usize::from(*b));
            let Some((unit, behind)) = unit.split_at_checked(len) else {
                return false;
            };
            let silent = match (self.h265, unit.first()) {
                (_, None) => false,
                // H.265 table 7-1: AUD, EOS, EOB, FD, SEI.
                (true, Some(first)) => (35..=40).contains(&(first >> 1 & 0x3f)),
                // H.264 table 7-1: SEI, AUD, end of sequence and of stream, filler.
                (false, Some(first)) => matches!(first & 0x1f, 6 | 9..=12),
            };
            if !silent {
                return false;
            }
            rest = behind;
        }
        true
    }

    /// Judges a whole sample, which stands at `span`.
    fn judge(
        &self,
        bytes: &[u8],
        span: Span,
        recogniser: Option<&mut (dyn Recogniser + 'static)>,
    ) -> Result<(Option<Harm>, Option<Access>)> {
        if bytes.iter().all(|b| *b == 0) {
            return Ok((Some(Harm::Zeroed), None));
        }
        let held = Held {
            base: span.start,
            bytes,
        };
        let mut window = Window::new(&held);
        if let Some(size) = self.lengths
            && !adds_up(&mut window, span, size)?
        {
            return Ok((Some(Harm::Lengths), None));
        }
        if let Some(size) = self.lengths
            && erased::in_slices(bytes, span.start, size, self.h265)
        {
            return Ok((Some(Harm::Erased), None));
        }
        if let Some(size) = self.lengths
            && erased::text_in_slices(bytes, size, self.h265)
        {
            return Ok((Some(Harm::Text), None));
        }
        let Some(recogniser) = recogniser else {
            return Ok((None, None));
        };
        let verdict = recogniser.probe(&mut window, span.start, span.end, Look::Thorough)?;
        let mut read = None;
        let sound = match verdict {
            Verdict::Sample(access) => {
                for set in &access.parameter_sets {
                    // One that cannot be read leaves those before it in force.
                    let _ = held.read_span(*set).map(|set| recogniser.adopt(&set));
                }
                // More than one picture in a sample is odd, but no damage.
                let sound =
                    access.flaw.is_none() && (access.len == span.len() || self.lengths.is_some());
                read = sound.then_some(access);
                sound
            }
            Verdict::Start(_) => true,
            // Units that belong to a picture, and no picture: legal, at an end. It
            // was the next unit that was looked for.
            Verdict::Not(CodecError::Truncated { structure, .. }) => {
                structure == "NAL unit" && self.holds_no_picture(bytes)
            }
            Verdict::Cut(_) | Verdict::Not(_) => false,
        };
        Ok(((!sound).then_some(Harm::Syntax), read))
    }
}

/// The place of a sample's description among the track's.
fn place(sample: &Sample) -> usize {
    sample.description.saturating_sub(1) as usize
}

/// Whether the lengths of NAL units lead exactly to the end of a sample, and
/// each unit is one: it has a header, whose first bit is 0.
fn adds_up(window: &mut Window<'_>, span: Span, size: NalLengthSize) -> Result<bool> {
    let mut at = span.start;
    while at < span.end {
        let want = size.bytes() + 1;
        let head = window.bytes(at, want)?;
        let (Some(field), Some(first)) = (head.get(..size.bytes()), head.get(size.bytes())) else {
            return Ok(false);
        };
        let len = field.iter().fold(0_u64, |n, b| n << 8 | u64::from(*b));
        at += size.bytes() as u64 + len;
        if len == 0 || first & 0x80 != 0 || at > span.end {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Bytes that were read, at their place in the file.
struct Held<'a> {
    base: u64,
    bytes: &'a [u8],
}

impl ByteSource for Held<'_> {
    fn len(&self) -> u64 {
        self.base + self.bytes.len() as u64
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> tapo_io::Result<usize> {
        let here = self
            .slice(Span::new(offset, self.len()))
            .unwrap_or_default();
        let len = here.len().min(buf.len());
        if let (Some(to), Some(from)) = (buf.get_mut(..len), here.get(..len)) {
            to.copy_from_slice(from);
        }
        Ok(len)
    }

    fn slice(&self, span: Span) -> Option<&[u8]> {
        let start = usize::try_from(span.start.checked_sub(self.base)?).ok()?;
        let end = usize::try_from(span.end.checked_sub(self.base)?).ok()?;
        self.bytes.get(start..end)
    }

    fn path(&self) -> &Path {
        Path::new("(sample)")
    }
}
