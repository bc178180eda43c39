//! Whether the reference that was used is of the same camera and settings.

mod counts;
mod fragments;
mod layers;
mod rates;
mod waveforms;

pub(crate) use fragments::check as check_fragments;

use crate::basis::look::{share, votes};
use crate::item::Found;
use crate::layout::Layout;
use crate::profile::{Finding, Profile, Reference, TrackProfile};
use crate::scan::{ANCHOR_BITS, BEGINNINGS};
use crate::verify::lead_through;
use crate::{Error, Result};
use tapo_codec::{Depth, Verdict};
use tapo_io::{ByteSource, Span, Window};

/// A reference that fits explains at least this part of the media data ...
const EXPLAINS: f64 = 0.5;

/// ... or at least one row of this many items: what is left of a file that is
/// mostly lost still reads in order.
const ROW: usize = 48;

/// ... or, where pictures decode, one of this many: a single picture that is right
/// in a file of which all else cannot be read is no result.
const FEW: usize = 8;

/// Refuses a result that a wrong reference has made: bits and pieces that look
/// like samples by chance or by likeness, and most of the data unexplained.
///
/// # Errors
/// [`Error::ReferenceDiffers`].
pub(crate) fn check(
    source: &dyn ByteSource,
    found: &Found,
    layout: &Layout,
    reference: &Reference,
    data: u64,
) -> Result<()> {
    let used: u64 = found.items.iter().map(|i| i.span().len()).sum();
    let explained = share(used, data);
    let longest = found.rows().map(|(_, row)| row.len()).max().unwrap_or(0);
    let mut differences = Vec::new();
    let little = data >= SMALL && explained < EXPLAINS && longest < ROW;
    if little && !(longest >= FEW && decodes(source, found, &reference.profile)?) {
        differences.push(format!(
            "as {} it explains {:.0} % of the media data, and no more than {longest} samples in a row",
            described(&reference.profile),
            explained * 100.0,
        ));
    }
    if lacks_sync(found, &reference.profile) {
        differences.push(format!(
            "as {} the media data holds no picture that decoding can start at",
            described(&reference.profile),
        ));
    }
    let strange = contradictions(source, found, &reference.profile)?;
    if strange >= CONTRADICTIONS {
        differences.push(format!(
            "{strange} pictures are sound in themselves, but contradict the parameter sets of {}",
            described(&reference.profile),
        ));
    }
    if let Some((rate, of)) = rates::other_rate(found, &reference.profile) {
        differences.push(format!(
            "beside the pictures its sound runs at {rate} Hz, that of the reference at {of} Hz"
        ));
    }
    differences.extend(counts::differences(source, found, &reference.profile)?);
    differences.extend(waveforms::other_sound(source, found, reference)?);
    differences.extend(layers::differences(source, found, reference)?);
    if differences.is_empty() {
        return Ok(());
    }
    if layout.file_type().is_none() {
        differences
            .push("the beginning of the file is missing, so it cannot say itself".to_owned());
    }
    Err(Error::ReferenceDiffers {
        path: source.path().to_owned(),
        reference: reference.path.clone(),
        differences,
    })
}

/// Pictures that are decoded where little is explained, and the largest of them.
const PICTURES: usize = 3;
const PICTURE_BYTES: u64 = 8 << 20;

/// Whether pictures at the beginning of what was found decode with the parameter
/// sets of the reference: then it is right, however much stands behind them that
/// is something else.
fn decodes(source: &dyn ByteSource, found: &Found, profile: &Profile) -> Result<bool> {
    let leader = profile.leader();
    let recogniser = profile.tracks.get(leader);
    let Some(recogniser) = recogniser.and_then(|t| t.recogniser.as_ref()) else {
        return Ok(false);
    };
    let first = found.stretches.first().is_some_and(|s| s.from_start);
    let pictures = found.items.iter().filter(|i| {
        first && usize::from(i.track) == leader && i.sync && i.span().len() <= PICTURE_BYTES
    });
    let pictures = pictures.take(PICTURES).map(|i| source.read_span(i.span()));
    let pictures = pictures.collect::<tapo_io::Result<Vec<_>>>()?;
    let votes = votes(&**recogniser, pictures.iter().map(Vec::as_slice));
    Ok(votes.confirm())
}

/// Whether not one sync sample was found where the reference had several in as
/// many pictures: other parameter sets read the headers of the rest by chance.
fn lacks_sync(found: &Found, profile: &Profile) -> bool {
    let leader = profile.leader();
    let Some(of) = profile
        .tracks
        .get(leader)
        .filter(|t| t.is_video && t.syncs >= 2)
    else {
        return false;
    };
    let own = found
        .items
        .iter()
        .filter(|i| usize::from(i.track) == leader);
    let enough = 3 * (of.samples / of.syncs) as usize;
    own.clone().count() >= enough && !own.into_iter().any(|i| i.sync)
}

/// Places that show that it is not damage, but another encoder.
const CONTRADICTIONS: usize = 3;

/// Counts what could not be used although its own lengths lead exactly to the
/// next sample: damage does not do that.
fn contradictions(source: &dyn ByteSource, found: &Found, profile: &Profile) -> Result<usize> {
    let leader = profile.movie.tracks.get(profile.leader());
    let description = leader.and_then(|t| t.descriptions.first());
    let size = description.and_then(|d| {
        let boxes: Vec<_> = d.entry.children().map(|(k, b)| (k.0, b)).collect();
        tapo_codec::describe(d.kind().0, &boxes).nal_length_size
    });
    let Some(size) = size else {
        return Ok(0);
    };
    let mut window = Window::new(source);
    let mut count = 0;
    for lost in found
        .stretches
        .iter()
        .map(|s| s.lost)
        .filter(|l| !l.is_empty())
    {
        let strange =
            lead_through(&mut window, lost, size, 2)? && !begins_well(&mut window, lost, profile)?;
        count += usize::from(strange);
    }
    Ok(count)
}

/// Whether a picture begins with `span` that the parameter sets read: then damage
/// has hit it further on.
fn begins_well(window: &mut Window<'_>, span: Span, profile: &Profile) -> Result<bool> {
    let leader = profile.tracks.get(profile.leader());
    let Some(recogniser) = leader.and_then(|t| t.recogniser.as_ref()) else {
        return Ok(false);
    };
    for part in BEGINNINGS {
        let end = span.end.min(span.start.saturating_add(part));
        let verdict = recogniser.probe(window, span.start, end, Depth::Heads)?;
        if let Verdict::Sample(access) | Verdict::Cut(access) = verdict
            && access.bits >= ANCHOR_BITS
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Media data that is too little to judge by, bytes.
const SMALL: u64 = 32 << 10;

/// The tracks of the reference that are found by their syntax, or all, in words.
pub(crate) fn described(profile: &Profile) -> String {
    let tracks = profile.tracks.iter().enumerate();
    let found = |(_, of): &(usize, &TrackProfile)| of.finding == Finding::Syntax;
    // Where none is, what there is.
    let any = tracks.clone().any(|track| found(&track));
    let tracks = tracks.filter(|track| !any || found(track));
    let words = tracks.filter_map(|(index, _)| described_track(profile, index));
    words.collect::<Vec<_>>().join(" and ")
}

/// What a track holds, in words.
fn described_track(profile: &Profile, index: usize) -> Option<String> {
    let description = profile.movie.tracks.get(index)?.descriptions.first()?;
    let boxes: Vec<_> = description
        .entry
        .children()
        .map(|(k, b)| (k.0, b))
        .collect();
    let said = tapo_codec::describe(description.kind().0, &boxes);
    let size = said.size.map(|(w, h)| format!(" {w}x{h}"));
    let rate = said.sample_rate.map(|r| format!(" {r} Hz"));
    let channels = said.channels.map(|c| format!(" {c} channels"));
    let more = [size, rate, channels].into_iter().flatten();
    Some(said.name.clone() + &more.collect::<String>())
}
