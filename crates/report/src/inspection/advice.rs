//! What to do about a file, in words, and the command to type.

use crate::escape;
use std::path::Path;
use tapo_inspect::{Foreign, Form, Inspection, Problem, Remedy, Second, Verdict};

/// What to do about a file, if anything: a sentence, and the command to type.
#[must_use]
pub fn advice(inspection: &Inspection, path: &Path) -> Option<(String, Option<String>)> {
    let file = escape::shell(path);
    if let Form::Foreign(what) = inspection.form {
        return foreign_advice(what, &file);
    }
    let (text, command) = match inspection.remedy() {
        Remedy::Nothing => return without_command(inspection).map(|text| (text.to_owned(), None)),
        Remedy::Finalize if inspection.verdict == Verdict::Sound => (
            "Make it a plain MP4 that every program opens; nothing is recoded:",
            "tapo finalize",
        ),
        Remedy::Finalize => ("Keep all that is whole as a plain MP4:", "tapo finalize"),
        Remedy::Undo => (
            "Its index was made before the fragments in it were found. Give back what it was, \
             then let tapo repair find them:",
            "tapo finalize --undo",
        ),
        Remedy::Map => (
            "What is damaged in the media cannot be brought back; the rest plays. See where in \
             time it is:",
            "tapo inspect --map",
        ),
        Remedy::Ledger => (
            "What its tracks list is sound. What else is in it may be a track that was lost, or \
             something hidden. See what it is, and where:",
            "tapo inspect --ledger",
        ),
        Remedy::Split { at } => {
            let new = escape::shell(&path.with_extension("second.mp4"));
            return Some((
                "The first movie is sound. Copy the second one, as it is, into a file of its own:"
                    .to_owned(),
                Some(format!("tapo inspect --extract {at} -o {new} {file}")),
            ));
        }
        Remedy::Repair => (repair(inspection), "tapo repair"),
        Remedy::RepairByReference => (by_reference(inspection), "tapo repair --reference GOOD.mp4"),
    };
    Some((text.to_owned(), Some(format!("{command} {file}"))))
}

fn without_command(inspection: &Inspection) -> Option<&'static str> {
    let has = |f: fn(&Problem) -> bool| inspection.findings.iter().any(|x| f(&x.problem));
    let damaged = inspection.verdict == Verdict::Damaged;
    if inspection.is_copied_as_text() {
        return Some(
            "Fetch it again from where it came, in binary mode or in an archive: what was changed \
             cannot be told from what was not.",
        );
    }
    if matches!(inspection.only_second(), Some(Second::Copy { .. })) {
        return Some("Nothing is lost, and nothing need be done.");
    }
    if damaged && has(|p| matches!(p, Problem::OutOfReach { .. })) {
        return Some(
            "Keep the file as it is, and do not record on its card: what stands behind the damage \
             can still be saved.",
        );
    }
    let saved = inspection.saved();
    let all_there = !saved.is_empty() && saved.iter().all(|s| s.sound == s.all);
    if inspection.is_kept_by_repair() || damaged && all_there {
        return Some(
            "All of its media is there. What is wrong is told above, and tapo does not rewrite it; \
             a player that goes by the coding alone may show it rightly.",
        );
    }
    let no_sample = inspection.tracks.iter().all(|t| t.samples == 0);
    if damaged && inspection.form == Form::Fragmented && no_sample {
        return Some(
            "Only the start of its one fragment is there: what plays of it is all there is.",
        );
    }
    None
}

/// Why a repair by what the file itself holds.
fn repair(inspection: &Inspection) -> &'static str {
    let has = |f: fn(&Problem) -> bool| inspection.findings.iter().any(|x| f(&x.problem));
    let unplayable = inspection.verdict != Verdict::Damaged;
    if inspection.astray.is_some() {
        "Nothing leads to its index. Keep the file as it is; what belongs together goes into a new \
         file:"
    } else if inspection.form == Form::Fragmented {
        "All of it that is there can go into a new file, in order, nothing recoded:"
    } else if unplayable || has(Problem::is_of_tables) {
        "Its tables are wrong, not its media. Keep the file as it is; a new index goes into a new \
         file:"
    } else if has(|p| matches!(p, Problem::SamplesOutsideFile { .. })) {
        "What is missing is not in this file. If it was copied or downloaded, fetch it again. What \
         is there goes into a new file with:"
    } else if has(|p| matches!(p, Problem::Truncated { .. })) {
        "All pictures and all sound are there. If a player refuses the file, make a whole one of \
         it:"
    } else if has(|p| matches!(p, Problem::UnusedMedia { .. })) {
        "More is in it than its tracks list. Keep the file as it is; all that is found goes into a \
         new file:"
    } else {
        "Nothing of its media is lost, and where it plays nothing need be done. If a player \
         refuses it, make a new file of it:"
    }
}

/// Why a repair after another recording.
fn by_reference(inspection: &Inspection) -> &'static str {
    let unset = |p: &Problem| matches!(p, Problem::ParameterSetsMissing { .. });
    if inspection.findings.iter().any(|f| unset(&f.problem)) {
        "Keep the file as it is. The settings of its decoder can be taken from a good recording by \
         the same device with the same settings:"
    } else if inspection.verdict == Verdict::Damaged {
        "Keep the file as it is. What its index does not tell of all tracks can be taken from a \
         good recording by the same device with the same settings:"
    } else {
        "Keep the file as it is, and do not record on its card. Its index can be rebuilt into a \
         new file, after the model of a good recording by the same device with the same settings:"
    }
}

fn foreign_advice(what: Foreign, file: &str) -> Option<(String, Option<String>)> {
    let convert = |text: &str| {
        Some((
            text.to_owned(),
            Some(format!("ffmpeg -i {file} -c copy out.mp4")),
        ))
    };
    let plain = |text: &str| Some((text.to_owned(), None));
    match what {
        Foreign::Empty => plain("Nothing was ever written into it, or the copy failed."),
        Foreign::Zeros | Foreign::Ones => plain(
            "The recording was never written here, or it was erased. Look on the card for other \
             files of that time.",
        ),
        Foreign::HikvisionCard => plain(
            "Such card files hold several recordings one behind the other, newest not always \
             last. VLC plays them; the recorder's own export gives single videos.",
        ),
        Foreign::HikvisionExport | Foreign::Dahua => {
            convert("VLC plays it, and FFmpeg can make an MP4 of it:")
        }
        Foreign::ProgramStream
        | Foreign::TransportStream { .. }
        | Foreign::Matroska
        | Foreign::Avi
        | Foreign::Flv => convert("FFmpeg can make an MP4 of it without recoding:"),
        Foreign::H264 | Foreign::H265 => {
            convert("It has pictures but no times. FFmpeg can make an MP4 of it, at 25 a second:")
        }
        _ => None,
    }
}
