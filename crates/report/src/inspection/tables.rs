//! Findings about tables, clocks, seals and configurations, in words.

use crate::number;
use tapo_inspect::{Finding, Problem};

/// The sentence of a finding that says what contradicts what.
pub(super) fn more(finding: &Finding) -> String {
    let from = |samples: u32, first: u32| {
        format!(
            "{} (from number {} on)",
            number::count(u64::from(samples), "sample"),
            number::grouped(u64::from(first))
        )
    };
    let grouped = |n: u64| number::grouped(n);
    match &finding.problem {
        Problem::BoxMissing { kind, parent } => {
            format!("Box '{parent}' lacks the '{kind}' that it must hold.")
        }
        Problem::NoMovieHeader => {
            "The index ('moov') lacks its header ('mvhd'): players refuse it.".into()
        }
        Problem::TrackAstray => {
            "The index of a track ('trak') stands beside 'moov', where nothing looks for it.".into()
        }
        Problem::TrackRenamed { kind } => format!(
            "Box '{kind}' holds the index of a track, and is not named so ('trak'): players show \
             none of {}.",
            finding.time.map_or_else(
                || "it".into(),
                |t| number::spoken(t.end.saturating_sub(t.start), t.timescale)
            )
        ),
        Problem::FragmentMoved => {
            "A fragment says that its data is elsewhere than it is: players show none of it.".into()
        }
        Problem::TableLost => format!(
            "It lacks a table that says where its samples are, and how large: players show none \
             of {}.",
            finding.time.map_or_else(
                || "it".into(),
                |t| number::spoken(t.end.saturating_sub(t.start), t.timescale)
            )
        ),
        Problem::ListMiscounted {
            kind,
            counted,
            held,
        } => format!(
            "Table '{kind}' counts {counted} entries and holds {held}: players go by the count."
        ),
        Problem::ExtensionMissing => "The index does not say that it goes on in fragments \
            ('trex'): players look at none of them."
            .into(),
        Problem::HandlerDisagrees { handler, entry, .. } => format!(
            "It is declared as '{handler}' media and coded as '{entry}', which is another kind."
        ),
        Problem::ClockDisagrees { listed, wanted } => format!(
            "Its samples last {} by its clock ('mdhd', 'stts'), and {} by its coding or edit list: \
             it plays at a wrong speed.",
            number::spoken(*listed, 1_000_000),
            number::spoken(*wanted, 1_000_000)
        ),
        Problem::BoxTwice { kind } => {
            format!("A second '{kind}' stands where only one may: the first is used.")
        }
        Problem::BoxAstray { kind, parent } => format!(
            "A '{kind}' stands in '{parent}', where it does not belong: the size of a box in \
             front of it is wrong."
        ),
        Problem::VersionUnknown {
            kind,
            version,
            flags,
        } => format!(
            "Box '{kind}' has version {version} and flags {flags:#x}, which no standard defines."
        ),
        Problem::SizeWrong {
            kind,
            declared,
            next,
        } => format!(
            "The size of box '{kind}' ({}) leads astray: what should follow it, or what it \
             holds, ends or begins at byte {}.",
            number::bytes(*declared),
            grouped(*next)
        ),
        Problem::MediaCut { bytes } => format!(
            "{} are missing inside the media here: all behind them stands earlier than the index \
             says.",
            number::bytes(*bytes)
        ),
        Problem::TableRoom {
            kind,
            entries,
            spare,
        } => format!(
            "Table '{kind}' counts {} and leaves {} over: its count is wrong.",
            number::count(u64::from(*entries), "entry").replace("entrys", "entries"),
            number::bytes(*spare)
        ),
        Problem::TableShort {
            kind,
            entries,
            room,
        } => format!(
            "Table '{kind}' counts {} and has room for {}: many players refuse the file.",
            number::count(u64::from(*entries), "entry").replace("entrys", "entries"),
            grouped(u64::from(*room))
        ),
        Problem::TimesStill { samples, first } => format!(
            "{} (from number {} on) last no time at all by the table of times ('stts').",
            number::count(*samples, "sample"),
            grouped(*first)
        ),
        Problem::ChunkRuns { why } => {
            format!("The table that groups samples ('stsc') cannot be: {why}.")
        }
        Problem::ChunksDisagree { held, samples } => format!(
            "By its chunks there are {}, by their sizes {}.",
            number::count(*held, "sample"),
            number::count(*samples, "sample")
        ),
        Problem::ChunksUnordered { chunks } => format!(
            "{} in front of the one before in the file: playing has to jump back.",
            match chunks {
                1 => "One chunk stands".to_owned(),
                n => format!("{} chunks stand", grouped(*n)),
            }
        ),
        Problem::LayoutDisagrees {
            fragmented: true,
            broken,
        } => format!(
            "The table of a fragment ('trun') places some samples where other data is{}.",
            if *broken { ": an entry is wrong" } else { "" }
        ),
        Problem::LayoutDisagrees { broken: true, .. } => "The tables that say where samples stand \
            ('stsz', 'stsc', 'stco') place some of them where other data is: an entry is wrong."
            .into(),
        Problem::LayoutDisagrees { broken: false, .. } => "By its tables ('stsz', 'stsc', 'stco') \
            some samples share bytes with others."
            .into(),
        Problem::EditShort {
            shown,
            declared,
            timescale,
        } => format!(
            "Its edit list ('elst') shows no more than {} of {}: the rest is in the file, and \
             players leave it out.",
            number::spoken(*shown, *timescale),
            number::spoken(*declared, *timescale)
        ),
        Problem::CompositionFar { samples, first } => format!(
            "{} (from number {} on) are shown at times far beyond the end by 'ctts': players stop \
             or jump there.",
            number::count(u64::from(*samples), "sample"),
            grouped(u64::from(*first))
        ),
        Problem::SizesDisagree { first, .. } => format!(
            "From sample {} on the sizes in the table are wrong: by their own lengths the \
             samples are sound.",
            grouped(u64::from(*first))
        ),
        Problem::DurationsDisagree { sum, declared, .. } => format!(
            "The samples last {} ticks in all, and the track says {}.",
            grouped(*sum),
            grouped(*declared)
        ),
        Problem::DurationsOdd { samples, first } => {
            format!(
                "{} last longer or shorter than nearly all others.",
                from(*samples, *first)
            )
        }
        Problem::TrackDuration {
            declared, wanted, ..
        } => format!(
            "Its header says {} ticks, its edit list or media {}.",
            grouped(*declared),
            grouped(*wanted)
        ),
        Problem::MovieDuration {
            declared, longest, ..
        } => format!(
            "The movie says it lasts {} ticks, and its longest track {}.",
            grouped(*declared),
            grouped(*longest)
        ),
        Problem::EditBeyond { ticks, .. } => format!(
            "The edit list goes on for {} ticks behind the last sample.",
            grouped(ticks.unsigned_abs())
        ),
        Problem::EditEarly { ticks } => format!(
            "The edit list begins {} ticks before the first sample is shown.",
            grouped(ticks.unsigned_abs())
        ),
        Problem::EditHides { start, end } => format!(
            "The edit list leaves media out: {} ticks at the start, {} at the end. It was \
             trimmed; the rest is still in the file.",
            grouped(start.unsigned_abs()),
            grouped(end.unsigned_abs())
        ),
        Problem::EditShowsNothing => "Its edit list shows times at which there is no media: \
            players show nothing of it."
            .into(),
        Problem::EditRate { rate } => format!(
            "The edit list plays at {:.2} times the normal rate.",
            f64::from(rate.cast_signed()) / 65_536.0
        ),
        Problem::OffsetsMissing { offsets, samples } => format!(
            "There are composition offsets for {} of {}.",
            grouped(*offsets),
            number::count(*samples, "sample")
        ),
        Problem::CompositionUneven { samples, first } => format!(
            "{} are shown at times at which none should be, or where others are.",
            from(*samples, *first)
        ),
        Problem::CompositionOrder {
            lost: true,
            samples,
            first,
        } => format!(
            "{} should be shown in another order than they stand in, and the times that say so are \
             lost: pictures jump back and forth.",
            from(*samples, *first)
        ),
        Problem::CompositionOrder { samples, first, .. } => format!(
            "{} are shown in another order than the pictures themselves say.",
            from(*samples, *first)
        ),
        Problem::PicturesMisfit { first } => format!(
            "Sample {} does not follow from the picture in front of it by their own numbers: \
             pictures are missing there, or a header is damaged.",
            grouped(u64::from(*first))
        ),
        Problem::SyncNotKeyframe { samples, first } => format!(
            "{} are listed as keyframes, and need others to be decoded.",
            from(*samples, *first)
        ),
        Problem::KeyframeUnlisted { samples, first } => {
            format!(
                "{} are keyframes, and not listed as such.",
                from(*samples, *first)
            )
        }
        Problem::SamplesEmpty { samples, first } => {
            format!("{} have no byte.", from(*samples, *first))
        }
        Problem::SealBroken { fragment } => format!(
            "Fragment {fragment} is not what was recorded: its hash differs. It was damaged or \
             changed."
        ),
        Problem::ChainBroken { fragment } => format!(
            "Fragment {fragment} does not follow the one in front of it by their hashes: one was \
             taken out, put in or replaced."
        ),
        Problem::FragmentNumber { before, after } => format!(
            "Fragment number {after} follows number {before}; by their times nothing is missing."
        ),
        Problem::UnknownCodec { entry } => {
            format!("Coded as '{entry}', which tapo does not know.")
        }
        Problem::ParameterSetsMissing { entry } => format!(
            "The settings of its decoder ('{entry}') lack the parameter sets without which \
             nothing can be decoded, and the media has none either."
        ),
        Problem::ConfigurationContradicts { entry } => format!(
            "The settings of its decoder ('{entry}') name another profile than their own \
             parameter sets."
        ),
        Problem::SizeDisagrees {
            entry,
            coded,
            broken,
        } => format!(
            "Its pictures are said to be {}x{}, and coded as {}x{}{}.",
            entry.0,
            entry.1,
            coded.0,
            coded.1,
            if *broken {
                "; nor do they read by the settings that say so, which are damaged"
            } else {
                ""
            }
        ),
        Problem::FileTypeMissing => "It does not say which format it is ('ftyp'), as old \
            QuickTime files do not."
            .into(),
        Problem::SecondFileType => "A second 'ftyp' stands in it.".into(),
        Problem::DateUnset => "By its date it was made before 1970: the clock of the recorder was \
            not set."
            .into(),
        Problem::DateFuture => "By its date it was made or changed later than today: the clock of \
            the recorder, or of this machine, is wrong."
            .into(),
        Problem::DatesReversed => "By its own dates it was changed before it was made.".into(),
        _ => "Something is wrong with the boxes here.".into(),
    }
}
