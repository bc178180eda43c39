//! What can be wrong with a file, or worth knowing of it.

use crate::{Harm, MediaKind};
use tapo_bmff::FourCc;

/// What a second index belongs to.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub enum Second {
    /// Nobody knows.
    Unknown,
    /// A whole movie of its own, which begins at this byte.
    Movie {
        /// Offset.
        at: u64,
    },
    /// A whole movie of its own that consists of fragments, which players take for fragments of the first.
    Fragments {
        /// Offset.
        at: u64,
    },
    /// The file repeats itself from this byte on.
    Copy {
        /// Offset.
        at: u64,
    },
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
    /// The `moov` is there, and no box leads to it.
    MoovAstray,
    /// There is an index, and no media that it could point to.
    MdatMissing,
    /// `moov` is there and holds no track.
    NoTracks,
    /// The tracks hold no sample.
    NoSamples,
    /// A recording of tapo that ended before its first fragment.
    NothingRecorded,
    /// More than one `moov` at the top level: players take one, tools another.
    SecondMoov {
        /// What it belongs to.
        of: Second,
    },
    /// Its bytes were changed as those of a text are when it is sent or saved.
    CopiedAsText {
        /// Its lines end in two bytes now; otherwise all of it was coded as text.
        lines: bool,
    },
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
        /// It is an entry of a counted list (`stsd`, `dref`): players refuse such a list, and the file with it.
        listed: bool,
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
    /// A track whose id is 0, which none may have (§8.3.2.3).
    TrackIdZero,
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
        /// Whether further entries stand behind the one that goes on behind the last sample: they were for others.
        amid: bool,
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
    /// Samples of sound or pictures without a byte, among others that have some.
    SamplesEmpty {
        /// How many.
        samples: u32,
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
    /// Fragments are missing: the sequence number jumps, and so does the time if
    /// they have one.
    FragmentsMissing {
        /// The sequence number before the gap.
        before: u32,
        /// And behind it.
        after: u32,
    },
    /// A list of fragments (`mfra`, `sidx`) names more than there are.
    FragmentsCutOut {
        /// How many more.
        fragments: u32,
    },
    /// The headers say that the movie goes on behind the last fragment.
    FragmentsEndEarly {
        /// Whether the one for fragments (`mehd`) does, not that of the movie alone.
        extends: bool,
    },
    /// The first fragment is not the first of its recording, by number and time.
    FragmentsBefore {
        /// Its number.
        number: u32,
    },
    /// Whole fragments that players do not find: in the media of another one, or
    /// behind bytes that are no box.
    FragmentsHidden {
        /// How many.
        fragments: u32,
    },
    /// Whole fragments that stand in another order than that of their times.
    FragmentsUnordered {
        /// How many are not where they should be.
        fragments: u32,
    },
    /// A fragment that says again what one in front of it says.
    FragmentRepeated {
        /// Its place among the fragments, from 1 on.
        number: u64,
        /// That of the other.
        of: u64,
    },
    /// The time of a fragment, and that alone: those on both sides follow each
    /// other if it lasts as long as it says.
    FragmentTimeWrong {
        /// Ticks, of the track's timescale; negative where it is too early.
        ticks: i64,
    },
    /// The time of a fragment goes back behind the last sample of the one before.
    FragmentTimeBack {
        /// By how many ticks of the track's timescale.
        ticks: u64,
    },
    /// The time of a fragment does not go on where the one before ended.
    FragmentTimeJump {
        /// Ticks, of the track's timescale; negative where it goes back.
        ticks: i64,
        /// Whether it is more than a millisecond.
        large: bool,
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
    /// A box that must be there is not.
    BoxMissing {
        /// The box.
        kind: FourCc,
        /// The box it belongs into.
        parent: FourCc,
    },
    /// An index without a movie header (`mvhd`): players refuse it.
    NoMovieHeader,
    /// The index of a track stands beside `moov`, where nothing looks for it.
    TrackAstray,
    /// A box of an unknown type in `moov` that holds the index of a track.
    TrackRenamed {
        /// Its type.
        kind: FourCc,
    },
    /// A fragment that gives another place for its data than where they are.
    FragmentMoved,
    /// A track that lasts and has no sample: a table that says which is missing.
    TableLost,
    /// A list of boxes (`stsd`, `dref`) that counts fewer than it holds: players go by the count.
    ListMiscounted {
        /// The box.
        kind: FourCc,
        /// How many it counts.
        counted: u32,
        /// How many stand in it.
        held: u32,
    },
    /// A track of which there are fragments, and that `mvex` does not announce: players look at none of them.
    ExtensionMissing,
    /// The handler of a track says another kind of media than its sample entry.
    HandlerDisagrees {
        /// What `hdlr` says.
        handler: FourCc,
        /// The sample entry.
        entry: FourCc,
        /// What that is.
        kind: MediaKind,
    },
    /// How long the samples last by their clock contradicts their coding or the edit list.
    ClockDisagrees {
        /// Microseconds that most of them last by `mdhd` and `stts`.
        listed: u64,
        /// Microseconds that they last at most by what contradicts it.
        wanted: u64,
    },
    /// A box stands twice where only one may.
    BoxTwice {
        /// The box.
        kind: FourCc,
    },
    /// A box that does not belong into the box that it stands in.
    BoxAstray {
        /// The box.
        kind: FourCc,
        /// The box it stands in.
        parent: FourCc,
    },
    /// A version of a box, or flags, that its standard does not have.
    VersionUnknown {
        /// The box.
        kind: FourCc,
        /// Its version.
        version: u8,
        /// Its flags.
        flags: u32,
    },
    /// A box whose size leads to no other box, while there is one elsewhere.
    SizeWrong {
        /// The box.
        kind: FourCc,
        /// Its size by its own word, bytes.
        declared: u64,
        /// Where an index was found, or its samples end.
        next: u64,
    },
    /// Bytes are missing inside the media: all behind stands earlier than the
    /// index says.
    MediaCut {
        /// How many bytes.
        bytes: u64,
    },
    /// A table whose count leaves bytes of its box over.
    TableRoom {
        /// The table.
        kind: FourCc,
        /// Entries by its count.
        entries: u32,
        /// Bytes behind them.
        spare: u64,
    },
    /// A table that counts more entries than its box has room for.
    TableShort {
        /// The table.
        kind: FourCc,
        /// Entries by its count.
        entries: u32,
        /// Entries that are there.
        room: u32,
    },
    /// Samples that last no time at all: all of a track, or many of them.
    TimesStill {
        /// How many.
        samples: u64,
        /// The number of the first.
        first: u64,
    },
    /// Runs of chunks (`stsc`) that cannot be.
    ChunkRuns {
        /// What is wrong with them.
        why: &'static str,
    },
    /// The chunks (`stsc`, `stco`) hold fewer or more samples than have sizes.
    ChunksDisagree {
        /// Samples by the chunks.
        held: u64,
        /// Samples by `stsz`.
        samples: u64,
    },
    /// Chunks that do not follow each other in the file.
    ChunksUnordered {
        /// How many stand before the one in front of them.
        chunks: u64,
    },
    /// The tables place samples on others, or where no media is.
    LayoutDisagrees {
        /// Whether these are tables of fragments.
        fragmented: bool,
        /// Whether samples read wrongly for it, or media belongs to none.
        broken: bool,
    },
    /// Samples are damaged by the sizes in the table (`stsz`), and sound by the
    /// lengths of their own units.
    SizesDisagree {
        /// Whether it is a table of a fragment.
        fragmented: bool,
        /// The number of the first.
        first: u32,
    },
    /// The durations of the samples are not what the track states (`mdhd`).
    DurationsDisagree {
        /// Sum of the samples' durations, ticks of the track.
        sum: u64,
        /// Duration by `mdhd`, ticks of the track.
        declared: u64,
        /// Whether it is more than rounding, and a sample that was left out.
        large: bool,
    },
    /// Samples of a fragmented track that last longer or shorter than nearly all.
    DurationsOdd {
        /// How many.
        samples: u32,
        /// The number of the first.
        first: u32,
    },
    /// The duration of a track (`tkhd`) is not that of its edit list or media.
    TrackDuration {
        /// Duration by `tkhd`, ticks of the movie.
        declared: u64,
        /// What it should be, ticks of the movie.
        wanted: u64,
        /// Whether it is more than half a second off.
        large: bool,
    },
    /// The duration of the movie (`mvhd`) is not that of its longest track.
    MovieDuration {
        /// Duration by `mvhd`, ticks.
        declared: u64,
        /// Of the longest track, ticks.
        longest: u64,
        /// Whether it is more than half a second off.
        large: bool,
    },
    /// The edit list shows media behind the last sample.
    EditBeyond {
        /// By how much, ticks of the track.
        ticks: i64,
        /// Whether it is more than a sample.
        large: bool,
    },
    /// The edit list begins before the first picture is shown.
    EditEarly {
        /// By how much, ticks of the track.
        ticks: i64,
    },
    /// The edit list leaves media out.
    EditHides {
        /// At the start, ticks of the track.
        start: i64,
        /// At the end, ticks of the track.
        end: i64,
    },
    /// The edit list shows nothing of the media.
    EditShowsNothing,
    /// The edit list shows less than half of what the track says it shows, which is all of its media.
    EditShort {
        /// What it shows, ticks of the movie.
        shown: u64,
        /// What the track says, ticks of the movie.
        declared: u64,
        /// Ticks of the movie a second.
        timescale: u32,
    },
    /// Samples that are shown further from where they are decoded than the whole track lasts.
    CompositionFar {
        /// How many.
        samples: u32,
        /// The number of the first.
        first: u32,
    },
    /// The edit list plays faster or slower than normal.
    EditRate {
        /// The rate, 16.16.
        rate: u32,
    },
    /// Composition offsets (`ctts`) for fewer samples than there are.
    OffsetsMissing {
        /// Samples by `ctts`.
        offsets: u64,
        /// Samples by `stsz`.
        samples: u64,
    },
    /// Samples are shown between the places where all others are, or at the same
    /// time as others.
    CompositionUneven {
        /// How many.
        samples: u32,
        /// The number of the first.
        first: u32,
    },
    /// Pictures are shown in another order than their headers say.
    CompositionOrder {
        /// None is shown at another time than it is decoded at: the table of that is lost.
        lost: bool,
        /// How many.
        samples: u32,
        /// The number of the first.
        first: u32,
    },
    /// Pictures that do not follow from those in front of them by their own
    /// headers: some are missing, or a header is damaged.
    PicturesMisfit {
        /// The number of the first that does not.
        first: u32,
    },
    /// Samples that are listed as sync samples and depend on others.
    SyncNotKeyframe {
        /// How many.
        samples: u32,
        /// The number of the first.
        first: u32,
    },
    /// Keyframes that are not listed as sync samples.
    KeyframeUnlisted {
        /// How many.
        samples: u32,
        /// The number of the first.
        first: u32,
    },
    /// A fragment of our recording is not what was recorded: its hash differs.
    SealBroken {
        /// Its number in the segment.
        fragment: u32,
    },
    /// A fragment of our recording does not follow the one in front of it.
    ChainBroken {
        /// Its number in the segment.
        fragment: u32,
    },
    /// The numbers of fragments do not ascend one by one, and no time is missing.
    FragmentNumber {
        /// The number before.
        before: u32,
        /// The number behind it.
        after: u32,
    },
    /// A coding that tapo does not know.
    UnknownCodec {
        /// The sample entry.
        entry: FourCc,
    },
    /// Neither the decoder configuration nor the stream has the parameter sets
    /// that decoding needs.
    ParameterSetsMissing {
        /// The sample entry.
        entry: FourCc,
    },
    /// The decoder configuration contradicts its own parameter sets.
    ConfigurationContradicts {
        /// The sample entry.
        entry: FourCc,
    },
    /// The picture size in the sample entry is not that of the coded pictures.
    SizeDisagrees {
        /// By the sample entry.
        entry: (u32, u32),
        /// By the parameter sets.
        coded: (u32, u32),
        /// Nor do the pictures read by the settings that say so.
        broken: bool,
    },
    /// The file does not say which format it is (`ftyp`).
    FileTypeMissing,
    /// More than one `ftyp`.
    SecondFileType,
    /// By its date it was made before 1970: the recorder's clock was not set.
    DateUnset,
    /// By its date it was made or changed later than today.
    DateFuture,
    /// It was changed before it was made, by its own dates.
    DatesReversed,
}
