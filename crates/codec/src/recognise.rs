//! Recognising samples in bare bytes: is this one, how long is it, which order.
//!
//! A file whose index is lost is a row of samples without a table. A [`Recogniser`] knows the syntax of one track's coding and judges a
//! place: [`Verdict`]. It chooses nothing: which of several tracks a place belongs to, and what to do about damage, is for the caller to
//! weigh, with the evidence in [`Access`]. [`recogniser`] makes one from a sample entry.

use crate::aac::FrameShape;
use crate::describe::ConfigBoxes;
use crate::error::{CodecError, Result};
use crate::nal::NalLengthSize;
use crate::presentation::Order;
use crate::registry;
use std::fmt;
use tapo_io::{Span, Window};

/// How many bytes [`Recogniser::could_start`] looks at, at most.
pub const HEAD: usize = 16;

/// How closely a place is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Depth {
    /// Heads only, hopping from unit to unit: what a sound stretch needs. Codecs without lengths in their syntax (AAC, MPEG-4 Visual)
    /// read all bytes even so.
    Heads,
    /// Every byte, as far as the syntax says anything about it: emulation prevention, trailing bits, the markers of a JPEG scan. What
    /// a place behind damage needs, and the last check before a sample counts as undamaged.
    Thorough,
}

/// What a place is.
#[derive(Debug, Clone)]
pub enum Verdict {
    /// A whole sample.
    Sample(Access),
    /// A sample that goes on beyond `end`: its syntax holds up to there. [`Access::len`] is what there is of it.
    Cut(Access),
    /// A sample may well start here, but the coding does not say where it ends (Opus, ALAC). [`Access::len`] is the least it takes.
    Start(Access),
    /// No sample starts here, and why. [`CodecError::MissingParameterSet`] is worth counting: all else may have been right.
    Not(CodecError),
}

impl Verdict {
    /// The sample, where it is whole.
    #[must_use]
    pub fn sample(self) -> Option<Access> {
        match self {
            Self::Sample(access) => Some(access),
            _ => None,
        }
    }
}

/// What was seen of a sample.
#[derive(Debug, Clone, PartialEq)]
pub struct Access {
    /// Its bytes.
    pub len: u64,
    /// Its bytes at most, where its end is not in its syntax, but the beginning of the next sample of the same coding was found: with
    /// [`Verdict::Start`] only. The two lie next to each other, or other data lies between them.
    pub most: Option<u64>,
    /// Decoding can begin here: IDR (H.264), IRAP (H.265), I picture, any frame of sound.
    pub sync: bool,
    /// `recovery_frame_cnt` of an H.264 recovery point SEI message, `recovery_poc_cnt` (if not negative) of an H.265 one. Some writers
    /// mark such samples as sync samples too.
    pub recovery_point: Option<u32>,
    /// Its duration in ticks of the codec's own clock, where the syntax says it: sound samples at the core sampling rate (1024 of
    /// AAC also under SBR, 48 kHz for Opus).
    pub duration: Option<u32>,
    /// Its place in presentation order, with the header fields that tell whether it may follow the sample before.
    pub order: Order,
    /// What tells one AAC track from another.
    pub shape: Option<FrameShape>,
    /// Evidence against noise: -log2 of the chance that random bytes pass the checks made.
    pub bits: f32,
    /// Parameter sets in it that the recogniser does not hold yet, NAL header included, length field not; absolute. The sample itself
    /// was judged by them. Give them to [`Recogniser::adopt`] before going on.
    pub parameter_sets: Vec<Span>,
    /// The first place that its syntax forbids, absolute: the sample is delimited, but damaged. Looked for at [`Depth::Thorough`] only.
    pub flaw: Option<u64>,
    /// The sample entry of the track that it was read by, from 0 on: other than 0 only where there are [`several`](crate::several).
    pub entry: u16,
}

impl Access {
    /// A sample of this many bytes, with this evidence, of which nothing else is known.
    #[must_use]
    pub(crate) const fn new(len: u64, bits: f32) -> Self {
        Self {
            len,
            most: None,
            sync: true,
            recovery_point: None,
            duration: None,
            order: Order::None,
            shape: None,
            bits,
            parameter_sets: Vec::new(),
            flaw: None,
            entry: 0,
        }
    }
}

/// What decoding the entropy-coded data of a sample says of the parameter sets it was read with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Decodes {
    /// It ends where its data ends: no other parameter sets would do that but by chance.
    Yes,
    /// The data contradicts the parameter sets, or is damaged. The number of coding blocks (macroblocks, coding tree units) read
    /// until then.
    No(u32),
    /// It cannot be told: not a picture without prediction from others, or a tool of the codec that is not read.
    Unknown,
}

/// What a codec's syntax can say at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Delimiting {
    /// Where a sample starts and where it ends.
    Exact,
    /// Where a sample may start: [`Verdict::Start`].
    Start,
    /// Where a sample ends that lies between others, with too little evidence to look for it anywhere.
    Between,
    /// Nothing: any bytes are good, a whole number of frames of this many bytes each (PCM; G.711; a time code).
    Constant {
        /// Bytes of one frame: one sound sample of every channel.
        frame_bytes: u32,
    },
}

/// An entropy-coded symbol of a sample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Symbol {
    /// What it means: symbols of the same slot can be compared.
    pub slot: u16,
    /// Its value.
    pub value: i16,
    /// Binary logarithm of the chance of this value in random bytes.
    pub chance: f32,
    /// Whether its values are numbers, so that close ones are alike.
    pub is_level: bool,
    /// The number of an earlier symbol of this sample that it goes along with: the same of another channel.
    pub along: Option<usize>,
}

impl Symbol {
    /// One of several values.
    pub(crate) const fn choice(slot: u16, value: i16, chance: f32) -> Self {
        Self {
            slot,
            value,
            chance,
            is_level: false,
            along: None,
        }
    }

    /// A number.
    pub(crate) const fn level(slot: u16, value: i16, chance: f32, along: Option<usize>) -> Self {
        Self {
            slot,
            value,
            chance,
            is_level: true,
            along,
        }
    }
}

/// Judges places in bare bytes for one track.
///
/// Judging changes nothing, so that several threads may use one recogniser and get what one thread gets. What is learnt ([`learn`],
/// [`adopt`]) is told it explicitly; [`fork`] gives a copy that learns on its own.
///
/// [`learn`]: Self::learn
/// [`adopt`]: Self::adopt
/// [`fork`]: Self::fork
pub trait Recogniser: Send + Sync + fmt::Debug {
    /// What this codec's syntax can say.
    fn delimiting(&self) -> Delimiting {
        Delimiting::Exact
    }

    /// A cheap test on the first bytes of a place, up to [`HEAD`] of them: `false` means that certainly no sample starts here. Where
    /// there are too few bytes to tell, `true`.
    fn could_start(&self, head: &[u8]) -> bool;

    /// An offset in `bytes` at which [`could_start`](Self::could_start) holds, and in front of which no sample starts, found faster where
    /// the codec allows.
    fn next_candidate(&self, bytes: &[u8]) -> Option<usize> {
        (0..bytes.len()).find(|&at| {
            let head = bytes.get(at..).unwrap_or_default();
            self.could_start(head.get(..HEAD).unwrap_or(head))
        })
    }

    /// Judges the place `at`. Data ends at `end`; both are absolute. Reads through `window` what the judgement needs, and no more.
    ///
    /// # Errors
    /// As [`tapo_io::ByteSource::read_at`]. What the bytes are is never an error.
    fn probe(
        &self,
        window: &mut Window<'_>,
        at: u64,
        end: u64,
        depth: Depth,
    ) -> tapo_io::Result<Verdict>;

    /// Whether these bytes can be one whole sample, for codecs that say [`Delimiting::Start`]: what a header says of lengths.
    fn could_be(&self, sample: &[u8]) -> bool {
        let _ = sample;
        true
    }

    /// The first symbols of a sample that begins so, for codecs that say [`Delimiting::Start`]: any bytes decode to some, but those of
    /// real samples are alike.
    fn symbols(&self, sample: &[u8], into: &mut Vec<Symbol>) {
        let _ = (sample, into);
    }

    /// For codecs that say [`Delimiting::Constant`]: of each whole frame of `data`, in the order of reading, the binary logarithm of the
    /// odds that it goes on from those before as sound does, against random bytes. `backwards` reads from the last frame to the first.
    /// Empty where the data is not sound.
    fn likeness(&self, data: &[u8], backwards: bool) -> Vec<f32> {
        let _ = (data, backwards);
        Vec::new()
    }

    /// For codecs that say [`Delimiting::Constant`]: other codings of sound that may stand where this one does, with their names. Which
    /// it is shows in the [`likeness`](Self::likeness) of the data alone.
    fn rivals(&self) -> Vec<(&'static str, Box<dyn Recogniser>)> {
        Vec::new()
    }

    /// Shows it a whole sample of the track from a sound file. It takes parameter sets and the habits of the encoder, which later
    /// judgements are held to: NAL unit types, the order of AAC elements. A few dozen samples from the track's first on do; the
    /// first must be among them, since encoders put into it what they never write again.
    fn learn(&mut self, sample: &[u8]) {
        let _ = sample;
    }

    /// Takes a parameter set that was found in a sample, NAL header included: what stands behind it is judged by it.
    ///
    /// # Errors
    /// It is unreadable. What was there before stays in force.
    fn adopt(&mut self, parameter_set: &[u8]) -> Result<()> {
        let _ = parameter_set;
        Ok(())
    }

    /// Whether this parameter set, NAL header included, is in force.
    fn holds(&self, parameter_set: &[u8]) -> bool {
        let _ = parameter_set;
        false
    }

    /// What stands behind is of this sample entry, from 0 on, where there are [`several`](crate::several).
    fn turn(&mut self, entry: u16) {
        let _ = entry;
    }

    /// Decodes the entropy-coded data of a whole sample, without making a picture of it: headers alone look right under many
    /// parameter sets that nothing can be decoded with. Only intra pictures (IDR, IRAP) are tried.
    fn decodes(&self, sample: &[u8]) -> Decodes {
        let _ = sample;
        Decodes::Unknown
    }

    /// What the header of a predicted picture says that encoders keep the same from picture to picture, as a number. With wrong
    /// parameter sets it is anything. The first kilobyte of the sample is enough. `None` where it cannot be told.
    fn habit(&self, sample: &[u8]) -> Option<u32> {
        let _ = sample;
        None
    }

    /// A copy with what it has learnt so far.
    fn fork(&self) -> Box<dyn Recogniser>;
}

/// What a recogniser is told beside the sample entry's child boxes. All of it may be missing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Hints {
    /// The handler type of the track, `vide` or `soun`: `raw ` is both.
    pub handler: Option<[u8; 4]>,
    /// Size of the lengths in front of NAL units, where it is known better than by the configuration.
    pub nal_length_size: Option<NalLengthSize>,
    /// Channels of the sound sample entry.
    pub channels: Option<u32>,
    /// `samplesize` of the sound sample entry, bits.
    pub sample_bits: Option<u32>,
    /// Sampling rate of the sound sample entry, hertz.
    pub sample_rate: Option<u32>,
    /// The constant size of all samples, bytes, where the reference has one.
    pub sample_size: Option<u32>,
}

/// The recogniser for a track by its sample entry type and the child boxes of its sample entry; `None` where the registry has none, or
/// where the configuration does not say what it needs.
#[must_use]
pub fn recogniser(
    entry_type: [u8; 4],
    boxes: &ConfigBoxes<'_>,
    hints: &Hints,
) -> Option<Box<dyn Recogniser>> {
    let codec = registry::find(entry_type)?;
    (codec.recognise?)(entry_type, boxes, hints)
}
