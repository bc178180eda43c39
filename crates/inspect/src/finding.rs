//! What was found, as data: codes, severities, places.

use crate::Harm;
use tapo_bmff::FourCc;
use tapo_io::Span;

/// How much a finding matters.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum Severity {
    /// True of sound files too: good to know, nothing to do.
    Notice,
    /// Odd; nothing is known to be lost.
    Warning,
    /// Something is lost, or cannot be reached.
    Damage,
}

impl Severity {
    /// Its stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Notice => "notice",
            Self::Warning => "warning",
            Self::Damage => "damage",
        }
    }
}

/// A stretch of a track's media time, ticks of its timescale.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub struct TimeRange {
    /// First tick.
    pub start: u64,
    /// One past the last tick.
    pub end: u64,
    /// Ticks a second.
    pub timescale: u32,
}

/// Bytes behind the last box that are no sloppy trailer of a writer any more.
const TRAILER: u64 = 16;

/// One thing worth saying about a file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Finding {
    /// What it is.
    pub problem: Problem,
    /// The bytes concerned, where there are some.
    pub span: Option<Span>,
    /// The id of the track concerned, where it is one.
    pub track: Option<u32>,
    /// The time concerned, where it is known.
    pub time: Option<TimeRange>,
}

/// What can be found. Codes are stable: scripts may rely on them.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Problem {
    /// The last box of the file reaches behind its end.
    Truncated {
        /// The box.
        kind: FourCc,
        /// Bytes that are not there.
        missing: u64,
    },
    /// There is media, and no `moov` that says where what stands.
    MoovMissing,
    /// There is an index, and no media that it could point to.
    MdatMissing,
    /// `moov` is there and holds no track.
    NoTracks,
    /// The tracks hold no sample.
    NoSamples,
    /// A recording of tapo that ended before its first fragment.
    NothingRecorded,
    /// More than one `moov` at the top level: players take one, tools another.
    SecondMoov,
    /// The size of `mdat` was never filled in: the recording was interrupted.
    MdatSizeMissing,
    /// `mdat` runs to the end of the file by its own word.
    MdatOpen,
    /// A box whose size is smaller than its header.
    BoxTooSmall {
        /// The box.
        kind: FourCc,
    },
    /// A box that reaches behind the one it stands in.
    BoxOverrun {
        /// The box.
        kind: FourCc,
        /// Where it would end.
        declared_end: u64,
    },
    /// A size that says "to the end of the file" inside another box.
    OpenInside {
        /// The box.
        kind: FourCc,
    },
    /// Bytes between or inside boxes that are no box.
    NotABox {
        /// The box they stand in; `None` at the top level.
        parent: Option<FourCc>,
    },
    /// Bytes behind the last box.
    TrailingBytes {
        /// Whether all of them are zero.
        zeros: bool,
        /// How many.
        bytes: u64,
    },
    /// Bytes that are no box, with boxes of a movie behind them that nothing
    /// leads to any more.
    OutOfReach {
        /// The first of them.
        kind: FourCc,
        /// Where it starts.
        at: u64,
    },
    /// Boxes nested deeper than tapo follows.
    TooDeep,
    /// More boxes than tapo keeps.
    TooManyBoxes,
    /// A box whose fields do not fit into it, or contradict themselves.
    BadFields {
        /// The box.
        kind: FourCc,
        /// What is wrong with them.
        why: &'static str,
    },
    /// Something is wrong with boxes that has no words of its own yet.
    OtherFlaw,
    /// Two tracks have the same id.
    TrackIdTwice,
    /// A timescale of 0: the track has no clock.
    NoTimescale,
    /// A track without a sample description: nobody can decode it.
    NoDescription,
    /// The decoder configuration cannot be read.
    BadConfiguration {
        /// The sample entry it stands in.
        entry: FourCc,
        /// Why, in the codec's words.
        why: String,
    },
    /// The index is compressed (`cmov` of QuickTime), which tapo does not read.
    CompressedMoov,
    /// Samples name a sample description that is not there.
    DescriptionMissing {
        /// The number they name.
        number: u32,
    },
    /// Composition offsets (`ctts`) for more samples than there are.
    OffsetsBeyondSamples {
        /// Samples by `ctts`.
        offsets: u64,
        /// Samples by `stsz`.
        samples: u64,
    },
    /// The times of samples (`stts`) are fewer or more than the samples.
    TimesDisagree {
        /// Samples by `stts`.
        times: u64,
        /// Samples by `stsz`.
        samples: u64,
    },
    /// A sync sample (`stss`) is numbered beyond the samples.
    SyncBeyondSamples {
        /// Its number.
        number: u32,
    },
    /// Samples that stand, wholly or in part, behind the end of the file.
    SamplesOutsideFile {
        /// How many.
        samples: u64,
        /// The number of the first.
        first: u32,
    },
    /// Samples that stand in no `mdat` box.
    SamplesOutsideMdat {
        /// How many.
        samples: u64,
        /// The number of the first.
        first: u32,
    },
    /// Samples that should stand where an index does (`moov`, `ftyp`).
    SamplesInIndex {
        /// How many.
        samples: u64,
        /// The number of the first.
        first: u32,
    },
    /// The media of a track stands in another file.
    MediaElsewhere,
    /// Samples whose bytes are damaged.
    SamplesHarmed {
        /// How many, one behind the other.
        samples: u32,
        /// The number of the first.
        first: u32,
        /// What was seen.
        harm: Harm,
    },
    /// Samples of two chunks lie on the same bytes.
    SamplesOverlap {
        /// Bytes that are claimed again.
        bytes: u64,
    },
    /// Bytes in `mdat` that no sample uses, and that are not zero.
    UnusedMedia {
        /// How many.
        bytes: u64,
        /// Whether samples stand on both sides of the largest range.
        amid: bool,
    },
    /// Bytes in a `free` box that are neither zero nor known filler.
    FreeInUse {
        /// How many.
        bytes: u64,
    },
    /// An index that nothing leads to any more, in a `free` box or in `mdat`.
    StaleIndex {
        /// The box.
        kind: FourCc,
    },
    /// A box of a type that tapo does not know.
    UnknownBox {
        /// The box.
        kind: FourCc,
        /// The extended type of a `uuid` box.
        user_type: Option<[u8; 16]>,
    },
    /// A fragment whose data is not all there, or that cannot be read.
    FragmentTorn {
        /// Its place among the fragments, from 1 on.
        number: u64,
    },
    /// A fragment names a track that `moov` does not know.
    FragmentTrackUnknown,
    /// Fragments are missing: both the sequence number and the time jump.
    FragmentsMissing {
        /// The sequence number before the gap.
        before: u32,
        /// And behind it.
        after: u32,
    },
    /// The time of a fragment does not go on where the one before ended.
    FragmentTimeJump {
        /// Ticks, of the track's timescale; negative where it goes back.
        ticks: i64,
    },
    /// The index stands behind the media: a web player must fetch all first.
    MoovBehindMdat,
    /// HEVC as `hev1`: Apple's players want `hvc1`.
    Hev1,
    /// G.711 sound, which browsers and Apple's players leave silent.
    G711,
    /// Fragments that need the start they were made with to play.
    InitElsewhere,
    /// A recording of tapo that was not finished.
    OpenSegment,
    /// Another program holds the file: it is being written.
    InUse {
        /// The process, where the system tells.
        holder: Option<u32>,
    },
    /// The file changed while it was read.
    Changed,
}

impl Problem {
    /// Its stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Truncated { .. } => "truncated",
            Self::MoovMissing => "moov-missing",
            Self::MdatMissing => "mdat-missing",
            Self::NoTracks => "no-tracks",
            Self::NoSamples => "no-samples",
            Self::NothingRecorded => "nothing-recorded",
            Self::SecondMoov => "second-moov",
            Self::MdatSizeMissing => "mdat-size-missing",
            Self::MdatOpen => "mdat-open",
            Self::BoxTooSmall { .. } => "box-too-small",
            Self::BoxOverrun { .. } => "box-overrun",
            Self::OpenInside { .. } => "box-open-inside",
            Self::NotABox { .. } => "not-a-box",
            Self::TrailingBytes { .. } => "trailing-bytes",
            Self::OutOfReach { .. } => "boxes-out-of-reach",
            Self::TooDeep => "boxes-too-deep",
            Self::TooManyBoxes => "too-many-boxes",
            Self::BadFields { .. } => "bad-fields",
            Self::OtherFlaw => "flaw",
            Self::TrackIdTwice => "track-id-twice",
            Self::NoTimescale => "no-timescale",
            Self::NoDescription => "no-description",
            Self::BadConfiguration { .. } => "bad-configuration",
            Self::CompressedMoov => "compressed-moov",
            Self::DescriptionMissing { .. } => "description-missing",
            Self::OffsetsBeyondSamples { .. } => "offsets-beyond-samples",
            Self::TimesDisagree { .. } => "times-disagree",
            Self::SyncBeyondSamples { .. } => "sync-beyond-samples",
            Self::SamplesOutsideFile { .. } => "samples-outside-file",
            Self::SamplesOutsideMdat { .. } => "samples-outside-mdat",
            Self::SamplesInIndex { .. } => "samples-in-index",
            Self::MediaElsewhere => "media-elsewhere",
            Self::SamplesHarmed { harm, .. } => match harm {
                Harm::Zeroed => "samples-zeroed",
                Harm::Lengths => "samples-lengths",
                Harm::Syntax => "samples-broken",
            },
            Self::SamplesOverlap { .. } => "samples-overlap",
            Self::UnusedMedia { .. } => "unused-media",
            Self::FreeInUse { .. } => "free-in-use",
            Self::StaleIndex { .. } => "stale-index",
            Self::UnknownBox { .. } => "unknown-box",
            Self::FragmentTorn { .. } => "fragment-torn",
            Self::FragmentTrackUnknown => "fragment-track-unknown",
            Self::FragmentsMissing { .. } => "fragments-missing",
            Self::FragmentTimeJump { .. } => "fragment-time-jump",
            Self::MoovBehindMdat => "moov-behind-mdat",
            Self::Hev1 => "hev1",
            Self::G711 => "g711",
            Self::InitElsewhere => "init-elsewhere",
            Self::OpenSegment => "open-segment",
            Self::InUse { .. } => "in-use",
            Self::Changed => "changed",
        }
    }

    /// How much it matters.
    #[must_use]
    pub const fn severity(&self) -> Severity {
        match self {
            Self::MdatOpen
            | Self::FreeInUse { .. }
            | Self::StaleIndex { .. }
            | Self::UnknownBox { .. }
            | Self::TrailingBytes { zeros: true, .. }
            | Self::MoovBehindMdat
            | Self::Hev1
            | Self::G711
            | Self::InitElsewhere
            | Self::OpenSegment
            | Self::InUse { .. } => Severity::Notice,
            Self::OpenInside { .. }
            | Self::NotABox { parent: Some(_) }
            | Self::SamplesOverlap { .. }
            | Self::UnusedMedia { amid: false, .. }
            | Self::TrailingBytes {
                zeros: false,
                bytes: ..TRAILER,
            }
            | Self::TooDeep
            | Self::TooManyBoxes
            | Self::BadFields { .. }
            | Self::OtherFlaw
            | Self::TrackIdTwice
            | Self::BadConfiguration { .. }
            | Self::CompressedMoov
            | Self::OffsetsBeyondSamples { .. }
            | Self::FragmentTrackUnknown
            | Self::SyncBeyondSamples { .. }
            | Self::SamplesOutsideMdat { .. }
            | Self::MediaElsewhere
            | Self::FragmentTimeJump { .. }
            | Self::Changed => Severity::Warning,
            Self::Truncated { .. }
            | Self::MoovMissing
            | Self::MdatMissing
            | Self::NoTracks
            | Self::NoSamples
            | Self::NothingRecorded
            | Self::SecondMoov
            | Self::TimesDisagree { .. }
            | Self::TrailingBytes { .. }
            | Self::SamplesHarmed { .. }
            | Self::UnusedMedia { amid: true, .. }
            | Self::MdatSizeMissing
            | Self::BoxTooSmall { .. }
            | Self::BoxOverrun { .. }
            | Self::NotABox { parent: None }
            | Self::OutOfReach { .. }
            | Self::NoTimescale
            | Self::NoDescription
            | Self::DescriptionMissing { .. }
            | Self::SamplesOutsideFile { .. }
            | Self::SamplesInIndex { .. }
            | Self::FragmentTorn { .. }
            | Self::FragmentsMissing { .. } => Severity::Damage,
        }
    }
}

impl Finding {
    /// A finding about the file as a whole.
    #[must_use]
    pub const fn new(problem: Problem) -> Self {
        Self {
            problem,
            span: None,
            track: None,
            time: None,
        }
    }

    /// The same, about these bytes.
    #[must_use]
    pub const fn at(mut self, span: Span) -> Self {
        self.span = Some(span);
        self
    }

    /// The same, about this track.
    #[must_use]
    pub const fn on(mut self, track: u32) -> Self {
        self.track = Some(track);
        self
    }

    /// The same, about this time.
    #[must_use]
    pub const fn during(mut self, time: TimeRange) -> Self {
        self.time = Some(time);
        self
    }

    /// How much it matters.
    #[must_use]
    pub const fn severity(&self) -> Severity {
        self.problem.severity()
    }
}
