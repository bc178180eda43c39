//! Findings and verdicts in words a home user understands.

use super::fragment::fragment;
use super::tables::more;
use crate::{escape, number};
use tapo_inspect::{
    Family, Finding, Foreign, Form, Harm, Inspection, Problem, Second, Severity, TimeRange, Verdict,
};

/// What a file is: `MP4, fragmented`, `a JPEG picture`.
#[must_use]
pub fn form(inspection: &Inspection) -> String {
    let family = match inspection.family {
        Family::Mp4 => "MP4",
        Family::M4a => "M4A",
        Family::M4v => "M4V",
        Family::QuickTime => "QuickTime",
        Family::ThreeGp => "3GP",
    };
    let ours = if inspection.own.is_some() {
        ", recorded by tapo"
    } else {
        ""
    };
    let layout = match inspection.form {
        Form::Progressive { moov_first: true } => "index first".to_owned(),
        Form::Progressive { moov_first: false } => "index last".to_owned(),
        Form::Fragmented => {
            let all = inspection.read.fragments.len() as u64;
            number::count(all, "fragment")
        }
        Form::Hybrid => "finalized, its fragments kept inside".to_owned(),
        Form::Init => "start of a fragmented movie, without media".to_owned(),
        Form::Media => "fragments without the start they need".to_owned(),
        Form::NoIndex if inspection.astray.is_some() => "index out of reach".to_owned(),
        Form::NoIndex => "without its index".to_owned(),
        Form::Foreign(what) => return foreign(what),
        _ => "of an unknown layout".to_owned(),
    };
    format!("{family}, {layout}{ours}")
}

/// The verdict as a sentence, without its full stop.
#[must_use]
pub fn verdict(inspection: &Inspection) -> &'static str {
    let odd = |f: &Finding| f.severity() > Severity::Notice;
    match inspection.verdict {
        Verdict::Sound if inspection.findings.iter().any(odd) => "odd, but nothing is lost",
        Verdict::Sound => "nothing is wrong with it",
        Verdict::Damaged => "damaged, but it plays",
        Verdict::Repairable => "does not play; the media in it can be saved",
        Verdict::Beyond => "does not play, and there is nothing in it to save",
        Verdict::NotMp4 => "not an MP4",
    }
}

fn foreign(what: Foreign) -> String {
    let text = match what {
        Foreign::Empty => "an empty file",
        Foreign::Zeros => "nothing but zero bytes",
        Foreign::Ones => "nothing but 0xFF bytes, like erased flash memory",
        Foreign::Text => "plain text",
        Foreign::Html => "a web page",
        Foreign::Jpeg => "a JPEG picture",
        Foreign::Png => "a PNG picture",
        Foreign::Gif => "a GIF picture",
        Foreign::WebP => "a WebP picture",
        Foreign::Heif => "a HEIF or AVIF picture",
        Foreign::Jpeg2000 => "a JPEG 2000 picture",
        Foreign::Matroska => "a Matroska video (MKV)",
        Foreign::WebM => "a WebM video",
        Foreign::Avi => "an AVI video",
        Foreign::Wav => "WAV sound",
        Foreign::TransportStream { packet } => {
            return format!("an MPEG transport stream (TS, packets of {packet} bytes)");
        }
        Foreign::ProgramStream => "an MPEG program stream (PS)",
        Foreign::HikvisionCard => "a Hikvision or EZVIZ card file (an MPEG program stream)",
        Foreign::HikvisionExport => "a Hikvision export (IMKH)",
        Foreign::Dahua => "a Dahua recording (DAV)",
        Foreign::Asf => "a Windows Media file (ASF)",
        Foreign::Flv => "a Flash video (FLV)",
        Foreign::Ogg => "an Ogg file",
        Foreign::Flac => "FLAC sound",
        Foreign::Mp3 => "MP3 sound",
        Foreign::Adts => "AAC sound without a container (ADTS)",
        Foreign::H264 => "a bare H.264 stream",
        Foreign::H265 => "a bare H.265 stream",
        Foreign::Mxf => "an MXF video",
        Foreign::Pdf => "a PDF document",
        Foreign::Zip => "a ZIP archive",
        Foreign::Rar => "a RAR archive",
        Foreign::SevenZip => "a 7z archive",
        Foreign::Gzip => "gzip-compressed data",
        Foreign::Elf => "a Linux program",
        Foreign::Exe => "a Windows program",
        Foreign::Sqlite => "an SQLite database",
        _ => "of no kind that tapo knows",
    };
    text.to_owned()
}

/// A finding as a sentence or two.
#[must_use]
pub fn finding(finding: &Finding) -> String {
    let track = finding
        .track
        .map_or_else(String::new, |t| format!("Track {t}: "));
    format!("{track}{}", sentence(finding))
}

fn sentence(finding: &Finding) -> String {
    let span_len = finding.span.map_or(0, tapo_io::Span::len);
    match &finding.problem {
        Problem::Truncated { kind, missing } => format!(
            "The file is cut off: its last box, '{kind}', should go on for another {}.",
            number::bytes(*missing)
        ),
        Problem::MoovMissing => "The index ('moov') is missing. Without it no player knows where \
            a picture starts; this happens when a recording is not closed."
            .into(),
        Problem::MoovAstray => format!(
            "The index ('moov') is there, at byte {}, and players do not find it: the size of a \
             box in front of it is wrong.",
            number::grouped(finding.span.map_or(0, |s| s.start))
        ),
        Problem::MdatMissing => {
            "There is an index, and no media ('mdat') that it points to.".into()
        }
        Problem::NoTracks => "The index ('moov') lists no track.".into(),
        Problem::NoSamples => "The tracks hold no picture and no sound.".into(),
        Problem::NothingRecorded => {
            "The recording ended before its first second was written.".into()
        }
        Problem::SecondMoov { of } => second(*of, finding.time),
        Problem::CopiedAsText { lines } => copied_as_text(*lines).into(),
        Problem::MdatSizeMissing => "The recorder never wrote how long the media is ('mdat'): \
            it was interrupted."
            .into(),
        Problem::MdatOpen => "The media ('mdat') runs to the end of the file without a size. \
            That is allowed."
            .into(),
        Problem::BoxTooSmall { kind } => {
            format!("A box '{kind}' claims to be smaller than its own header.")
        }
        Problem::BoxOverrun { kind, declared_end } => format!(
            "A box '{kind}' reaches behind the box it stands in (to byte {}).",
            number::grouped(*declared_end)
        ),
        Problem::OpenInside {
            kind,
            listed: false,
        } => {
            format!("A box '{kind}' inside another has no size.")
        }
        Problem::OpenInside { kind, listed: true } => {
            format!("Entry '{kind}' of a list has no size: players refuse the file.")
        }
        Problem::NotABox {
            parent: Some(parent),
        } => format!("{} inside '{parent}' are no box.", number::bytes(span_len)),
        Problem::NotABox { parent: None } => {
            format!("{} between boxes are no box.", number::bytes(span_len))
        }
        Problem::TrailingBytes { zeros: true, .. } => format!(
            "{} of zeros follow the last box, as in a file that was laid out before it was \
             written.",
            number::bytes(span_len)
        ),
        Problem::TrailingBytes { zeros: false, .. } => format!(
            "{} follow the last box that are no box.",
            number::bytes(span_len)
        ),
        Problem::OutOfReach { kind, at } => format!(
            "{} follow the last box that are no box; behind them, at byte {}, a '{kind}' begins \
             that players do not find.",
            number::bytes(at - finding.span.map_or(*at, |s| s.start)),
            number::grouped(*at),
        ),
        Problem::TooDeep => "Boxes are nested deeper than any sound file has them; tapo stopped \
            there."
            .into(),
        Problem::TooManyBoxes => {
            "There are more boxes than tapo keeps; the rest was left out.".into()
        }
        Problem::BadFields { kind, why } => format!("Box '{kind}': {why}."),
        Problem::TrackIdZero => "Its id is 0, which no track may have.".into(),
        Problem::TrackIdTwice => "Several tracks have this id.".into(),
        Problem::NoTimescale => "It has no clock (a timescale of 0).".into(),
        Problem::NoDescription => "Nothing says how it is coded.".into(),
        Problem::BadConfiguration { entry, why } => {
            format!(
                "The settings of its decoder ('{entry}') cannot be read: {}.",
                escape::text(why)
            )
        }
        Problem::CompressedMoov => {
            "The index is compressed (old QuickTime), which tapo does not read.".into()
        }
        Problem::DescriptionMissing { number } => {
            format!("Samples name description number {number}, which is not there.")
        }
        Problem::OffsetsBeyondSamples {
            offsets, samples, ..
        } => format!(
            "There are composition offsets for {} but {}.",
            number::count(*offsets, "sample"),
            number::count(*samples, "sample")
        ),
        Problem::TimesDisagree { times, samples } => format!(
            "There are times for {} but {}.",
            number::count(*times, "sample"),
            number::count(*samples, "sample")
        ),
        Problem::SyncBeyondSamples { number } => format!(
            "A keyframe is listed as number {}, behind the last sample.",
            number::grouped(u64::from(*number))
        ),
        Problem::SamplesOutsideFile { samples, first } => format!(
            "{} (from number {} on) should stand behind the end of the file: {} missing.",
            number::count(*samples, "sample"),
            number::grouped(u64::from(*first)),
            finding.time.map_or_else(|| "they are".into(), missing_time),
        ),
        Problem::SamplesOutsideMdat { samples, first } => format!(
            "{} (from number {} on) stand outside the media boxes ('mdat').",
            number::count(*samples, "sample"),
            number::grouped(u64::from(*first))
        ),
        Problem::SamplesInIndex { samples, first } => format!(
            "{} (from number {} on) stand outside the media, some of them where the index is.",
            number::count(*samples, "sample"),
            number::grouped(u64::from(*first))
        ),
        Problem::MediaElsewhere => "Its media is in another file, which tapo does not open.".into(),
        Problem::SamplesHarmed {
            samples,
            first,
            harm,
        } => format!(
            "{} (from number {} on): {}; {}.",
            number::count(u64::from(*samples), "sample"),
            number::grouped(u64::from(*first)),
            match harm {
                Harm::Zeroed => "the bytes are nothing but zeros",
                Harm::Text => "there is text in them where coded data should be",
                Harm::Erased => "sectors of it are nothing but 0xFF, as erased memory",
                Harm::Repeated =>
                    "sectors of it are the same as others in the file: in one of the two places something else stood",
                Harm::Lengths => "the lengths inside do not add up",
                Harm::Syntax => "the bytes are not what the codec allows",
            },
            finding.time.map_or_else(|| "damaged".into(), gap),
        ),
        Problem::SamplesOverlap { bytes } => format!(
            "Samples lie on the same bytes as others ({} in all).",
            number::bytes(*bytes)
        ),
        Problem::UnusedMedia { bytes, amid: true } => format!(
            "{} between the samples belong to none: lost media, or something hidden there.",
            number::bytes(*bytes)
        ),
        Problem::UnusedMedia { bytes, amid: false } => format!(
            "{} of the media ('mdat') belong to no sample.",
            number::bytes(*bytes)
        ),
        Problem::FreeInUse { bytes } => format!(
            "Space that is declared free holds {} of data.",
            number::bytes(*bytes)
        ),
        Problem::StaleIndex { kind } => {
            format!("An older index ('{kind}') is left over, which nothing leads to any more.")
        }
        Problem::UnknownBox { kind, .. } => format!("A box '{kind}' that tapo does not know."),
        Problem::MoovBehindMdat => "The index stands behind the media: a web page must load the \
            whole file before it plays."
            .into(),
        Problem::Hev1 => "Coded as 'hev1', which Apple's players refuse; they want 'hvc1'.".into(),
        Problem::G711 => "G.711 sound: browsers and Apple's players stay silent.".into(),
        Problem::InitElsewhere => "A piece of a stream: it plays behind the start (init segment) \
            that it was made with."
            .into(),
        Problem::OpenSegment => "The recording was not finished. It plays, but seeking is slow \
            and editors may refuse it."
            .into(),
        Problem::InUse { holder: Some(pid) } => {
            format!("It is being recorded right now, by process {pid}.")
        }
        Problem::InUse { holder: None } => "It is being recorded right now.".into(),
        Problem::Changed => "The file changed while it was read; what is said here may be out of \
            date."
            .into(),
        _ => fragment(finding).unwrap_or_else(|| more(finding)),
    }
}

fn missing_time(time: TimeRange) -> String {
    let length = number::spoken(time.end.saturating_sub(time.start), time.timescale);
    let from = number::clock(time.start, time.timescale);
    format!("{length} from {from} on are")
}

pub(super) fn gap(time: TimeRange) -> String {
    let length = number::spoken(time.end.saturating_sub(time.start), time.timescale);
    format!("{length} at {}", number::clock(time.start, time.timescale))
}

/// How much of each track can be saved, if something is lost.
#[must_use]
pub fn saved(inspection: &Inspection) -> Option<String> {
    if !matches!(inspection.verdict, Verdict::Damaged | Verdict::Repairable) {
        return None;
    }
    let all = inspection.saved();
    let parts: Vec<_> = all
        .iter()
        .map(|s| {
            let time = |ticks| number::spoken(ticks, s.timescale);
            format!("{} of {} of track {}", time(s.sound), time(s.all), s.track)
        })
        .collect();
    if parts.is_empty() {
        let media = inspection.media_bytes();
        return (media > 0).then(|| format!("{} of media are there.", number::bytes(media)));
    }
    Some(format!("{} can be saved.", parts.join(", ")))
}

/// What a second index belongs to.
fn second(of: Second, time: Option<TimeRange>) -> String {
    match of {
        Second::Unknown => "There is a second index ('moov'). Players use the first; another \
            movie may have been appended."
            .into(),
        Second::Movie { at } => {
            let lasts = time.map_or_else(String::new, |t| {
                format!(" of {}", number::spoken(t.end - t.start, t.timescale))
            });
            format!(
                "Another whole movie{lasts} is appended at byte {}: players show the first alone.",
                number::grouped(at)
            )
        }
        Second::Fragments { at } => format!(
            "Another movie, of fragments, begins at byte {}: players show them as if they were of the \
             first, wrongly or not at all.",
            number::grouped(at)
        ),
        Second::Copy { at } => format!(
            "From byte {} on the file holds once more what it holds in front of that.",
            number::grouped(at)
        ),
    }
}

const fn copied_as_text(lines: bool) -> &'static str {
    if lines {
        "It was sent or saved as text: the ends of its 'lines' were changed, and all behind each \
         is displaced."
    } else {
        "It was sent or saved as text (UTF-8): nearly all of its bytes were changed."
    }
}
