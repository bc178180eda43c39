//! Would a recording do as the reference for the repair of another.
//!
//! What the broken file still says of itself is compared with the reference; of
//! media that no index leads to, the first stretch is read by the reference's
//! own recognisers. The judgement of repair goes further, since it has to read
//! all of the media for it, and a verb does not know another: this one is quick.

use crate::{Inspection, Result, media};
use tapo_codec::{Decodes, Depth, Recogniser, Verdict, h264, h265};
use tapo_io::{ByteSource, Span, Window};
use tapo_movie::{SampleDescription, TopBox, Track};

/// How well a reference fits.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Ord, PartialOrd)]
pub enum Fit {
    /// It reads the media, or agrees with all that the index says.
    Good,
    /// Nothing contradicts it, and little could be compared.
    Likely,
    /// It contradicts what the broken file is.
    Bad,
}

/// What is compared.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub enum Aspect {
    /// The sample entry: which coding.
    Codec,
    /// The decoder configuration: parameter sets, audio configuration.
    Configuration,
    /// Bytes of the lengths in front of NAL units.
    NalLengths,
    /// Size of the picture, or rate and channels of the sound.
    Format,
    /// Ticks a second.
    Timescale,
    /// Samples of a chunk, most often.
    Interleaving,
}

/// One comparison: values as they stand in the files.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Compared {
    /// What was compared.
    pub aspect: Aspect,
    /// What the reference has.
    pub reference: String,
    /// What the broken file has; `None` where it does not say.
    pub broken: Option<String>,
}

impl Compared {
    /// Whether the two agree; `None` where the broken file does not say.
    #[must_use]
    pub fn agrees(&self) -> Option<bool> {
        self.broken.as_ref().map(|b| *b == self.reference)
    }

    /// Whether a difference in it makes the reference useless.
    const fn matters(&self) -> bool {
        matches!(
            self.aspect,
            Aspect::Codec | Aspect::Configuration | Aspect::NalLengths | Aspect::Format
        )
    }
}

/// A track of the reference against one of the broken file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TrackMatch {
    /// The reference's track, by its id.
    pub reference: u32,
    /// The broken file's, if its index lists one of that kind.
    pub broken: Option<u32>,
    /// Whether it is made of pictures.
    pub pictures: bool,
    /// What was compared.
    pub compared: Vec<Compared>,
    /// Samples of it that were recognised in the media.
    pub recognised: u64,
    /// Whether its first keyframe decodes with the reference's parameter sets.
    pub decodes: Option<bool>,
}

impl TrackMatch {
    /// Takes a parameter set that the media has, and the reference has not: the size of its pictures, if that is
    /// another.
    fn in_stream(&mut self, set: &[u8]) {
        let Some(format) = self
            .compared
            .iter_mut()
            .find(|c| c.aspect == Aspect::Format)
        else {
            return;
        };
        if format.broken.is_some() || !self.pictures {
            return;
        }
        let size = h264::Sps::parse(set).map(|s| (s.width, s.height));
        let size = size.or_else(|_| h265::Sps::parse(set).map(|s| (s.width, s.height)));
        let size = size.ok().map(|(w, h)| format!("{w}x{h}"));
        format.broken = size.filter(|size| *size != format.reference);
    }

    /// Whether keyframes of its coding can be decoded, to see if the parameter sets fit.
    fn can_decode(&self) -> bool {
        self.pictures && self.compared.iter().any(|c| c.aspect == Aspect::NalLengths)
    }
}

/// How a reference fits, and why.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ReferenceMatch {
    /// In one word.
    pub fit: Fit,
    /// Whether the reference itself is sound.
    pub sound: bool,
    /// By the reference's tracks.
    pub tracks: Vec<TrackMatch>,
    /// Bytes of media that were read.
    pub read: u64,
    /// Of these, bytes of recognised samples.
    pub recognised: u64,
}

/// Bytes of media that are read.
const READ: u64 = 8 << 20;

/// Samples that are recognised at most.
const SAMPLES: u64 = 400;

/// Samples of the reference that its recognisers are shown.
const SHOWN: usize = 48;

/// Compares a broken file with a reference for its repair.
///
/// # Errors
/// A source fails.
pub fn reference_match(
    broken: (&dyn ByteSource, &Inspection),
    reference: (&dyn ByteSource, &Inspection),
) -> Result<ReferenceMatch> {
    let (source, inspection) = broken;
    let movie = inspection.read.movie.as_ref();
    let listed = movie.map_or(&[][..], |m| m.tracks.as_slice());
    let own = reference.1.read.movie.as_ref();
    let own = own.map_or(&[][..], |m| m.tracks.as_slice());
    let mut tracks = Vec::new();
    let mut seekers = Vec::new();
    for track in own.iter().filter(|t| !t.samples.is_empty()) {
        let nth = own.iter().filter(|t| t.handler == track.handler);
        let nth = nth.take_while(|t| t.header.id != track.header.id).count();
        let theirs = listed
            .iter()
            .filter(|t| t.handler == track.handler)
            .nth(nth);
        tracks.push(TrackMatch {
            reference: track.header.id,
            broken: theirs.map(|t| t.header.id),
            pictures: track.is_video(),
            compared: compare(track, theirs),
            recognised: 0,
            decodes: None,
        });
        seekers.push(seeker(reference.0, track)?);
    }
    let mut matched = ReferenceMatch {
        fit: Fit::Likely,
        sound: reference.1.verdict == crate::Verdict::Sound && !tracks.is_empty(),
        tracks,
        read: 0,
        recognised: 0,
    };
    if let Some(span) = stretch(inspection) {
        recognise(source, span, &mut seekers, &mut matched)?;
    }
    beside(own, &seekers, &mut matched);
    matched.fit = judge(&matched, inspection);
    Ok(matched)
}

/// Seconds of pictures from which on it is known how much sound there should be.
const SECONDS: f64 = 1.0;

/// Sound without syntax (PCM, G.711) cannot be recognised, and fills so many bytes a second: what was not recognised
/// must hold a third of that at least.
#[expect(clippy::cast_precision_loss, reason = "an estimate")]
fn beside(own: &[Track], seekers: &[Option<Box<dyn Recogniser>>], matched: &mut ReferenceMatch) {
    let seconds = |track: &Track, samples: u64| {
        let each = track.samples.duration() as f64 / f64::from(track.samples.len().max(1));
        each * samples as f64 / f64::from(track.timescale.max(1))
    };
    let listed = || own.iter().filter(|t| !t.samples.is_empty());
    let shown = listed().zip(&matched.tracks).filter(|(_, m)| m.pictures);
    let shown = shown
        .map(|(t, m)| seconds(t, m.recognised))
        .fold(0.0, f64::max);
    let rest = matched.read.saturating_sub(matched.recognised);
    let tracks = listed().zip(seekers).zip(&mut matched.tracks);
    for ((track, _), matched) in tracks.filter(|((t, s), _)| s.is_none() && t.is_audio()) {
        let lasts = seconds(track, u64::from(track.samples.len()));
        let wanted = track.samples.sizes.total() as f64 / lasts.max(0.001) * shown;
        let codec = matched
            .compared
            .iter_mut()
            .find(|c| c.aspect == Aspect::Codec);
        if let Some(codec) = codec.filter(|c| c.broken.is_none())
            && shown >= SECONDS
            && rest as f64 * 3.0 < wanted
        {
            codec.broken = Some(format!("{rest} bytes beside {shown:.1} s of pictures"));
        }
    }
}

/// A recogniser that has seen the habits of the reference.
fn seeker(source: &dyn ByteSource, track: &Track) -> Result<Option<Box<dyn Recogniser>>> {
    let Some(mut recogniser) = media::delimiter(track) else {
        return Ok(None);
    };
    for sample in track.samples.iter().take(SHOWN) {
        if sample.span.end <= source.len() && sample.span.len() <= READ {
            recogniser.learn(&source.read_span(sample.span)?);
        }
    }
    Ok(Some(recogniser))
}

/// The media that is read: what no index leads to, else the first `mdat`.
fn stretch(inspection: &Inspection) -> Option<Span> {
    let lost = inspection.media().first().copied();
    let mut mdats = inspection.read.top.iter().filter(|b| b.kind == b"mdat");
    let first = || mdats.find(|b| !b.payload().is_empty()).map(TopBox::payload);
    let media = lost.or_else(first)?;
    Some(Span::new(
        media.start,
        media.end.min(media.start.saturating_add(READ)),
    ))
}

/// Walks through media with the recognisers of all tracks.
fn recognise(
    source: &dyn ByteSource,
    span: Span,
    seekers: &mut [Option<Box<dyn Recogniser>>],
    matched: &mut ReferenceMatch,
) -> Result<()> {
    let mut window = Window::new(source);
    let (mut at, mut found) = (span.start, 0);
    while at < span.end && found < SAMPLES {
        let mut step = None;
        for (seeker, track) in seekers.iter_mut().zip(&mut matched.tracks) {
            let Some(recogniser) = seeker else { continue };
            let verdict = recogniser.probe(&mut window, at, source.len(), Depth::Thorough)?;
            let Verdict::Sample(access) = verdict else {
                continue;
            };
            // By chance one byte in some looks like sound.
            if access.len == 0 || access.flaw.is_some() || access.bits < EVIDENCE {
                continue;
            }
            if access.sync && track.decodes.is_none() {
                let sample = source.read_span(Span::at(at, access.len))?;
                track.decodes = match recogniser.decodes(&sample) {
                    Decodes::Yes => Some(true),
                    Decodes::No(_) => Some(false),
                    Decodes::Unknown => None,
                };
            }
            for set in &access.parameter_sets {
                track.in_stream(&source.read_span(*set)?);
            }
            track.recognised += 1;
            step = Some(access.len);
            break;
        }
        if let Some(len) = step {
            matched.recognised += len;
            found += 1;
        }
        at += step.unwrap_or(1);
        matched.read = at.min(span.end) - span.start;
    }
    Ok(())
}

/// Evidence that a sample is one, bits.
const EVIDENCE: f32 = 16.0;

/// Part of the media, in tenths, that recognised samples fill if they are right.
const TENTHS: u64 = 5;

fn judge(matched: &ReferenceMatch, inspection: &Inspection) -> Fit {
    let compared = || matched.tracks.iter().flat_map(|t| &t.compared);
    let contradicts = compared().any(|c| c.matters() && c.agrees() == Some(false));
    let undecodable = matched.tracks.iter().any(|t| t.decodes == Some(false));
    let recognised = matched.tracks.iter().any(|t| t.recognised >= 3);
    let filled = matched.recognised * 10 >= matched.read * TENTHS;
    let lost = inspection.has_media() && inspection.tracks.is_empty();
    // Pictures that are not there are not this camera's; sound may be alike.
    let seekers = matched.tracks.iter().filter(|t| t.pictures);
    let blind = lost && seekers.clone().count() > 0 && seekers.clone().all(|t| t.recognised == 0);
    // Of another size by the same encoder, the heads of some pictures look right, and no keyframe decodes.
    let strange = lost
        && !filled
        && matched.tracks.iter().any(TrackMatch::can_decode)
        && !matched.tracks.iter().any(|t| t.decodes == Some(true));
    if blind
        || strange
        || matched.tracks.is_empty()
        || contradicts
        || undecodable
        || (lost && !recognised)
    {
        return Fit::Bad;
    }
    let listed = matched.tracks.iter().all(|t| t.broken.is_some());
    if (recognised && filled) || (listed && !lost) {
        Fit::Good
    } else {
        Fit::Likely
    }
}

fn compare(reference: &Track, broken: Option<&Track>) -> Vec<Compared> {
    let mut all = Vec::new();
    let mut add = |aspect, value: &dyn Fn(&Track) -> Option<String>| {
        if let Some(own) = value(reference) {
            all.push(Compared {
                aspect,
                reference: own,
                // Settings that cannot be read say nothing.
                broken: broken
                    .filter(|t| aspect != Aspect::Configuration || is_readable(t))
                    .and_then(value),
            });
        }
    };
    let entry = |t: &Track| t.descriptions.first().cloned();
    add(Aspect::Codec, &|t| entry(t).map(|d| described(&d)));
    add(Aspect::Configuration, &|t| {
        let sets = entry(t).map(|d| configuration(&d))?;
        (!sets.is_empty()).then(|| hex(&sets))
    });
    add(Aspect::NalLengths, &|t| {
        let format = crate::NalFormat::of(&entry(t)?)?;
        Some(format.lengths.bytes().to_string())
    });
    add(Aspect::Format, &|t| {
        let d = entry(t)?;
        let size = d.size().filter(|_| t.is_video());
        let sound = heard(&d).filter(|_| t.is_audio());
        size.map(|(w, h)| format!("{w}x{h}"))
            .or_else(|| sound.map(|(rate, channels)| format!("{rate} Hz, {channels}")))
    });
    add(Aspect::Timescale, &|t| Some(t.timescale.to_string()));
    add(Aspect::Interleaving, &|t| usual(t).map(|n| n.to_string()));
    all
}

/// Rate and channels of sound: by its decoder's settings, since the fields of a sample entry are often made up
/// (QuickTime counts one channel where an MP4 counts two, of the same AAC).
fn heard(description: &SampleDescription) -> Option<(u32, u32)> {
    let boxes: Vec<_> = description
        .entry
        .children()
        .map(|(k, b)| (k.0, b))
        .collect();
    let said = tapo_codec::describe(description.kind().0, &boxes);
    let rate = said.sample_rate.or(description.sample_rate())?;
    let channels = said.channels.map(u32::from).or(description.channels())?;
    Some((rate, channels))
}

fn described(description: &SampleDescription) -> String {
    let boxes: Vec<_> = description
        .entry
        .children()
        .map(|(k, b)| (k.0, b))
        .collect();
    tapo_codec::describe(description.kind().0, &boxes).codec_string
}

/// Whether the settings of a track's decoder can be read.
fn is_readable(track: &Track) -> bool {
    track.descriptions.first().is_some_and(|d| {
        let boxes: Vec<_> = d.entry.children().map(|(k, b)| (k.0, b)).collect();
        tapo_codec::describe(d.kind().0, &boxes).defect.is_none()
    })
}

/// What a decoder is set up with: parameter sets, or the box that says it.
fn configuration(description: &SampleDescription) -> Vec<u8> {
    let boxes: Vec<_> = description
        .entry
        .children()
        .map(|(k, b)| (k.0, b))
        .collect();
    let said = tapo_codec::describe(description.kind().0, &boxes);
    if !said.parameter_sets.is_empty() {
        return said.parameter_sets.concat();
    }
    let esds = description.entry.child(b"esds");
    let config = esds.and_then(|e| tapo_codec::esds::EsDescriptor::parse(e).ok());
    config
        .and_then(|c| c.specific_info)
        .unwrap_or_default()
        .to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// The most frequent number of samples of a chunk.
fn usual(track: &Track) -> Option<u32> {
    let mut counts: Vec<u32> = track.samples.chunks.iter().map(|c| c.samples).collect();
    counts.sort_unstable();
    let longest = counts.chunk_by(|a, b| a == b).max_by_key(|c| c.len())?;
    longest.first().copied()
}
