//! Codes and severities of findings. docs/findings.md explains each.

use crate::{Harm, Problem, Severity};
use tapo_bmff::FourCc;

/// Bytes behind the last box that are no sloppy trailer of a writer any more.
const TRAILER: u64 = 16;

impl Problem {
    /// Its stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Truncated { .. } => "truncated",
            Self::MoovMissing => "moov-missing",
            Self::MoovAstray => "moov-astray",
            Self::MdatMissing => "mdat-missing",
            Self::NoTracks => "no-tracks",
            Self::NoSamples => "no-samples",
            Self::NothingRecorded => "nothing-recorded",
            Self::SecondMoov { .. } => "second-moov",
            Self::CopiedAsText { .. } => "copied-as-text",
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
            Self::SamplesEmpty { .. } => "samples-empty",
            Self::MediaElsewhere => "media-elsewhere",
            Self::SamplesHarmed { harm, .. } => match harm {
                Harm::Zeroed => "samples-zeroed",
                Harm::Erased => "samples-erased",
                Harm::Text => "samples-text",
                Harm::Repeated => "samples-repeated",
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
            Self::FragmentsCutOut { .. } => "fragments-cut-out",
            Self::FragmentsEndEarly { .. } => "fragments-end-early",
            Self::FragmentsBefore { .. } => "fragments-before",
            Self::FragmentsHidden { .. } => "fragments-hidden",
            Self::FragmentsUnordered { .. } => "fragments-unordered",
            Self::FragmentRepeated { .. } => "fragment-repeated",
            Self::FragmentTimeWrong { .. } => "fragment-time-wrong",
            Self::FragmentTimeBack { .. } => "fragment-time-back",
            Self::FragmentTimeJump { .. } => "fragment-time-jump",
            Self::MoovBehindMdat => "moov-behind-mdat",
            Self::Hev1 => "hev1",
            Self::G711 => "g711",
            Self::InitElsewhere => "init-elsewhere",
            Self::OpenSegment => "open-segment",
            Self::InUse { .. } => "in-use",
            Self::Changed => "changed",
            Self::BoxMissing { .. } => "box-missing",
            Self::NoMovieHeader => "no-movie-header",
            Self::TrackAstray => "track-astray",
            Self::TrackRenamed { .. } => "track-renamed",
            Self::TrackIdZero => "track-id-zero",
            Self::FragmentMoved => "fragment-moved",
            Self::TableLost => "table-lost",
            Self::ListMiscounted { .. } => "list-miscounted",
            Self::ExtensionMissing => "extension-missing",
            Self::HandlerDisagrees { .. } => "handler-disagrees",
            Self::ClockDisagrees { .. } => "clock-disagrees",
            Self::BoxTwice { .. } => "box-twice",
            Self::BoxAstray { .. } => "box-astray",
            Self::VersionUnknown { .. } => "version-unknown",
            Self::SizeWrong { .. } => "size-wrong",
            Self::MediaCut { .. } => "media-cut",
            Self::TableRoom { .. } => "table-room",
            Self::TableShort { .. } => "table-short",
            Self::TimesStill { .. } => "times-still",
            Self::ChunkRuns { .. } => "chunk-runs",
            Self::ChunksDisagree { .. } => "chunks-disagree",
            Self::ChunksUnordered { .. } => "chunks-unordered",
            Self::LayoutDisagrees { .. } => "layout-disagrees",
            Self::SizesDisagree { .. } => "sizes-disagree",
            Self::DurationsDisagree { .. } => "durations-disagree",
            Self::DurationsOdd { .. } => "durations-odd",
            Self::TrackDuration { .. } => "track-duration",
            Self::MovieDuration { .. } => "movie-duration",
            Self::EditBeyond { .. } => "edit-beyond-media",
            Self::EditEarly { .. } => "edit-early",
            Self::EditHides { .. } => "edit-hides-media",
            Self::EditShowsNothing => "edit-shows-nothing",
            Self::EditRate { .. } => "edit-rate",
            Self::EditShort { .. } => "edit-short",
            Self::OffsetsMissing { .. } => "offsets-missing",
            Self::CompositionFar { .. } => "composition-far",
            Self::CompositionUneven { .. } => "composition-uneven",
            Self::CompositionOrder { .. } => "composition-order",
            Self::PicturesMisfit { .. } => "pictures-misfit",
            Self::SyncNotKeyframe { .. } => "sync-not-keyframe",
            Self::KeyframeUnlisted { .. } => "keyframe-unlisted",
            Self::SealBroken { .. } => "seal-broken",
            Self::ChainBroken { .. } => "chain-broken",
            Self::FragmentNumber { .. } => "fragment-number",
            Self::UnknownCodec { .. } => "unknown-codec",
            Self::ParameterSetsMissing { .. } => "parameter-sets-missing",
            Self::ConfigurationContradicts { .. } => "configuration-contradicts",
            Self::SizeDisagrees { .. } => "size-disagrees",
            Self::FileTypeMissing => "ftyp-missing",
            Self::SecondFileType => "second-ftyp",
            Self::DateUnset => "date-unset",
            Self::DateFuture => "date-future",
            Self::DatesReversed => "dates-reversed",
        }
    }

    /// How much it matters.
    #[must_use]
    pub const fn severity(&self) -> Severity {
        match self {
            // Of a track without its header nobody knows the id.
            Self::BoxMissing {
                kind: FourCc([b't', b'k', b'h', b'd']),
                ..
            } => Severity::Damage,
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
            | Self::InUse { .. }
            | Self::ChunksUnordered { .. }
            | Self::DurationsDisagree { large: false, .. }
            | Self::TrackDuration { large: false, .. }
            | Self::MovieDuration { large: false, .. }
            | Self::EditBeyond { large: false, .. }
            | Self::EditEarly { .. }
            | Self::EditHides { .. }
            | Self::EditRate { .. }
            | Self::DurationsOdd { .. }
            | Self::SamplesEmpty { .. }
            | Self::FragmentTimeJump { large: false, .. }
            | Self::FragmentNumber { .. }
            | Self::FragmentsBefore { .. }
            | Self::UnknownCodec { .. }
            | Self::FileTypeMissing
            | Self::SecondFileType
            | Self::DateUnset
            | Self::DateFuture
            | Self::DatesReversed => Severity::Notice,
            Self::OpenInside { listed: false, .. }
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
            | Self::FragmentsEndEarly { .. }
            | Self::OtherFlaw
            | Self::TrackIdTwice
            | Self::BadConfiguration { .. }
            | Self::CompressedMoov
            | Self::OffsetsBeyondSamples { amid: false, .. }
            | Self::SyncBeyondSamples { .. }
            | Self::SamplesOutsideMdat { .. }
            | Self::MediaElsewhere
            | Self::FragmentTimeJump { .. }
            | Self::Changed
            | Self::BoxMissing { .. }
            | Self::BoxTwice { .. }
            | Self::BoxAstray { .. }
            | Self::VersionUnknown { .. }
            | Self::TableRoom { .. }
            | Self::ChunkRuns { .. }
            | Self::ChunksDisagree { .. }
            | Self::LayoutDisagrees { broken: false, .. }
            | Self::DurationsDisagree { .. }
            | Self::TrackDuration { .. }
            | Self::MovieDuration { .. }
            | Self::EditBeyond { .. }
            | Self::CompositionUneven { .. }
            | Self::CompositionOrder { lost: false, .. }
            | Self::PicturesMisfit { .. }
            | Self::SyncNotKeyframe { .. }
            | Self::KeyframeUnlisted { .. }
            | Self::ConfigurationContradicts { .. }
            | Self::SizeDisagrees { broken: false, .. } => Severity::Warning,
            Self::Truncated { .. }
            | Self::MoovMissing
            | Self::MoovAstray
            | Self::EditShowsNothing
            | Self::EditShort { .. }
            | Self::OffsetsBeyondSamples { amid: true, .. }
            | Self::OffsetsMissing { .. }
            | Self::CompositionFar { .. }
            | Self::CompositionOrder { .. }
            | Self::ClockDisagrees { .. }
            | Self::FragmentTrackUnknown
            | Self::NoMovieHeader
            | Self::OpenInside { .. }
            | Self::TrackIdZero
            | Self::FragmentMoved
            | Self::TrackRenamed { .. }
            | Self::TrackAstray
            | Self::TableLost
            | Self::ListMiscounted { .. }
            | Self::ExtensionMissing
            | Self::HandlerDisagrees { .. }
            | Self::SizeDisagrees { .. }
            | Self::MdatMissing
            | Self::NoTracks
            | Self::NoSamples
            | Self::NothingRecorded
            | Self::SecondMoov { .. }
            | Self::CopiedAsText { .. }
            | Self::TimesDisagree { .. }
            | Self::TableShort { .. }
            | Self::TimesStill { .. }
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
            | Self::FragmentsMissing { .. }
            | Self::FragmentsCutOut { .. }
            | Self::FragmentsHidden { .. }
            | Self::FragmentsUnordered { .. }
            | Self::FragmentRepeated { .. }
            | Self::FragmentTimeWrong { .. }
            | Self::FragmentTimeBack { .. }
            | Self::SizeWrong { .. }
            | Self::MediaCut { .. }
            | Self::LayoutDisagrees { .. }
            | Self::SizesDisagree { .. }
            | Self::SealBroken { .. }
            | Self::ChainBroken { .. }
            | Self::ParameterSetsMissing { .. } => Severity::Damage,
        }
    }
}
