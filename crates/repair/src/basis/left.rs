//! What is left of a file's own index: all of it, or descriptions of tracks.

use super::look::{Look, share};
use super::sets;
use super::view::View;
use super::{described, mend, names, timing, unset};
use crate::index::{self, Own};
use crate::overlay::Overlay;
use crate::profile::{Profile, Reference, within};
use crate::verify::{self, Reading, Stands};
use crate::{Basis, Note, Result, unfit};
use tapo_io::{ByteSource, Span};
use tapo_movie::{Movie, Read, SampleDescription, SampleTable, Track};

/// What is left.
pub(crate) enum Left {
    /// An index that says where samples are.
    Index(Box<Own>),
    /// One that does not say how all of its tracks are decoded.
    Unset(Box<Own>),
    /// Descriptions of tracks, each with the part of its tables that is whole.
    Descriptions(Box<Movie>),
    /// Nothing of use.
    Nothing,
}

/// Reads what is left of the index.
///
/// # Errors
/// The source fails.
pub(crate) fn read(view: View<'_>) -> Result<Left> {
    let source = view.source;
    let named = names::put_right(source)?;
    let plain = unfit::read(named.as_ref().map_or(source, |n| n as &dyn ByteSource))?;
    let open = |m: &Movie| m.tracks.iter().any(|t| t.defaults.is_some());
    if view.is_fragmented() || plain.movie.as_ref().is_some_and(open) {
        let with_names = named.as_ref().map_or(source, |n| n as &dyn ByteSource);
        let Some(mut own) = index::own(with_names, view.layout, None)? else {
            return Ok(Left::Nothing);
        };
        own.changed |= named.is_some();
        own.changed |= described::put_right(source, &mut own.movie)?;
        described::doubt_others(source, &mut own)?;
        return fragments(source, own);
    }
    let mut plain = match plain.movie {
        Some(_) => plain,
        None => behind_wrong_size(source)?,
    };
    let Some(mut movie) = plain.movie.take() else {
        return Ok(Left::Nothing);
    };
    let mut changed = named.is_some();
    changed |= described::put_right(source, &mut movie)?;
    let media: Vec<Span> = view.layout.media().map(|(span, ..)| span).collect();
    let mended = mend::mended(source, &media, &movie)?;
    changed |= mended.movie.is_some();
    let mut movie = mended.movie.unwrap_or(movie);
    let mut doubted = mended.doubted;
    doubted.sort_unstable();
    let mut notes = Vec::new();
    changed |= timing::put_right(source, &mut movie, &mended.inverted, &mut notes)?;
    mend::shown(&mut movie);
    let sane = |t: &Track| unfit::impossible(t).is_none() && !unfit::is_timeless(t);
    let trusted = is_of_this_file(view, &movie)?;
    if is_whole(&plain, &movie) && movie.tracks.iter().all(sane) && trusted {
        let unset = unset::is_unset(source, &movie)?;
        let index = plain.top.iter().filter(|b| b.kind == b"moov");
        let own = Own {
            movie,
            fragmented: false,
            // Where sizes are wrong, it may stand in what looks like media data.
            boxes: index.map(|b| b.span).collect(),
            named: Vec::new(),
            doubted,
            changed,
            notes,
            restarts: Vec::new(),
            holes: Vec::new(),
            missing_in_front: 0,
        };
        return Ok(match unset {
            true => Left::Unset(Box::new(own)),
            false => Left::Index(Box::new(own)),
        });
    }
    let mut rest = movie;
    rest.tracks
        .retain(|t| is_described(t) && !unfit::lacks_sets(t));
    for track in &mut rest.tracks {
        let impossible = unfit::impossible(track).is_some() || unfit::is_timeless(track);
        if !trusted || !is_tabled(track) || impossible {
            // How long samples last is known even where they are not.
            let old = std::mem::take(&mut track.samples);
            if impossible {
                continue;
            }
            track.samples.durations = old.durations;
            track.samples.composition_offsets = old.composition_offsets;
        }
    }
    Ok(match rest.tracks.is_empty() {
        true => Left::Nothing,
        false => Left::Descriptions(Box::new(rest)),
    })
}

/// What is left of an index that fragments belong to: all of it, if it describes
/// the tracks that they name.
fn fragments(source: &dyn ByteSource, own: Own) -> Result<Left> {
    let is_there = |id: &u32| {
        let track = own.movie.track(*id);
        track.is_some_and(|t| t.timescale > 0 && t.descriptions.first().is_some_and(is_whole_entry))
    };
    if own.named.iter().all(is_there) {
        return Ok(match unset::is_unset(source, &own.movie)? {
            true => Left::Unset(Box::new(own)),
            false => Left::Index(Box::new(own)),
        });
    }
    let mut rest = bare(&own.movie);
    rest.tracks
        .retain(|t| is_described(t) && !unfit::lacks_sets(t));
    Ok(match rest.tracks.is_empty() {
        true => Left::Nothing,
        false => Left::Descriptions(Box::new(rest)),
    })
}

/// Whether a sample entry is there to its end: the index may end within it.
fn is_whole_entry(description: &SampleDescription) -> bool {
    let raw = description.entry.raw();
    tapo_bmff::be_u32(raw, 0).is_some_and(|size| size as usize == raw.len())
}

fn is_described(track: &Track) -> bool {
    let whole = |d: &SampleDescription| {
        let boxes: Vec<_> = d.entry.children().map(|(k, b)| (k.0, b)).collect();
        let said = tapo_codec::describe(d.kind().0, &boxes);
        is_whole_entry(d) && said.defect.is_none()
    };
    let first = track.descriptions.first();
    first.is_some_and(whole) && track.timescale > 0
}

/// Whether all tables of a track are there and speak of the same samples.
fn is_tabled(track: &Track) -> bool {
    let table = &track.samples;
    let samples = u64::from(table.len());
    let placed: u64 = table.chunks.iter().map(|c| u64::from(c.samples)).sum();
    let described = !track.descriptions.is_empty() && track.timescale > 0;
    // What lasts has samples.
    let lasts = table.durations.runs().iter().any(|(n, _)| *n > 0);
    described && placed == samples && (samples > 0) == lasts
}

/// Whether a track is there in name only: it says how long it lasts, and has no samples, or nothing in it can be read.
fn is_hollow(track: &Track) -> bool {
    let lasts = track.declared_media_duration > 0 || !track.samples.durations.is_empty();
    track.timescale == 0 || track.samples.is_empty() && lasts
}

/// Whether an index that is all there names tracks and not their samples.
///
/// # Errors
/// The source fails.
pub(super) fn lacks_samples(view: View<'_>) -> Result<bool> {
    let plain = unfit::read(view.source)?;
    let open = |m: &Movie| m.tracks.iter().any(|t| t.defaults.is_some());
    let plain = plain.movie.filter(|m| !open(m) && !view.is_fragmented());
    Ok(plain.is_some_and(|m| m.tracks.iter().any(is_hollow)))
}

/// Whether an index is there from its first byte to its last.
fn is_whole(read: &Read, movie: &Movie) -> bool {
    let whole = read.top.iter().any(|b| b.kind == b"moov") && !read.is_index_torn();
    let expected = movie.header.next_track_id.saturating_sub(1) as usize;
    // Numbers of tracks may be left out on purpose, but not in a damaged index.
    let damaged = read.defects.iter().any(|d| d.parent.is_some());
    let complete = movie.tracks.iter().all(|t| is_tabled(t) && !is_hollow(t));
    let all = movie.tracks.len() >= expected || !damaged;
    whole && movie.sample_count() > 0 && complete && all
}

/// Samples of each track that are looked at.
const SAMPLES: usize = 60;

/// Whether the samples of an index are where it says: not if bytes are missing
/// in front of them, or if it is another file's.
fn is_of_this_file(view: View<'_>, movie: &Movie) -> Result<bool> {
    let source = view.source;
    let profile = Profile::learn(&bare(movie), source)?;
    let (mut right, mut heads, mut tried) = (0, 0, 0);
    for (track, of) in movie.tracks.iter().zip(&profile.tracks) {
        let Some(mut reading) = Reading::of(source, of) else {
            continue;
        };
        let step = (track.samples.len() as usize / SAMPLES).max(1);
        let inside = track.samples.iter().step_by(step);
        for sample in inside.filter(|s| s.span.end <= source.len()).take(SAMPLES) {
            let head = Span::at(sample.span.start, sample.span.len().min(64));
            if verify::zeroed(source, head)? {
                continue;
            }
            tried += 1;
            right += u64::from(reading.read(&sample)? != Stands::Other);
            heads += u64::from(reading.could_start(&sample)?);
        }
    }
    // Where nothing can be told, the index is believed.
    if tried < 8 || share(right, tried) >= 0.1 {
        return Ok(true);
    }
    // Not even the beginnings are right: that is no coding of which too little is known.
    if share(heads, tried) < 0.5 {
        return Ok(false);
    }
    let track = profile.leader();
    let look = Look::at(source, view.layout, &profile, track)?;
    Ok(look.share < 0.5)
}

/// A movie without its samples.
pub(super) fn bare(movie: &Movie) -> Movie {
    let mut bare = movie.clone();
    for track in &mut bare.tracks {
        track.samples = SampleTable::default();
    }
    bare
}

/// Bytes at the end of a file in which an index is looked for.
const TAIL: u64 = 64 << 20;

/// An index that stands where boxes do not lead to, because the size of the
/// media data in front of it is wrong.
fn behind_wrong_size(source: &dyn ByteSource) -> Result<Read> {
    let mut from = source.len().saturating_sub(TAIL);
    while let Some((kind, at)) = tapo_movie::next_root(source, Span::new(from, source.len()))? {
        if kind == b"moov" {
            let mut overlay = Overlay::new(source, Vec::new());
            if at >= 16 {
                overlay.cover(Span::new(0, at));
            }
            return Ok(unfit::read(&overlay)?);
        }
        from = at + 1;
    }
    Ok(Read::default())
}

/// A basis made of what is left of the index and, as far as it goes along with
/// it, of a reference.
pub(crate) struct Joined {
    pub(crate) reference: Reference,
    pub(crate) basis: Basis,
    pub(crate) notes: Vec<Note>,
}

/// Puts the descriptions that are left in front of those of a reference.
///
/// # Errors
/// The source fails.
pub(crate) fn join(view: View<'_>, left: &Movie, outside: Option<Reference>) -> Result<Joined> {
    let path = view.path().to_owned();
    let mut notes = Vec::new();
    if let Some(mut reference) = outside
        && let Some(pairs) = pairs(left, &reference.profile)
    {
        let completed = Some(reference.path.clone());
        for (own, other) in pairs {
            take(&mut reference.profile, other, own);
        }
        reference.profile.movie.header = left.header.clone();
        return Ok(Joined {
            reference,
            basis: Basis::OwnDescriptions { completed },
            notes,
        });
    }
    let expected = left.header.next_track_id.saturating_sub(1) as usize;
    if expected > left.tracks.len() && expected < 64 {
        notes.push(Note::TracksUnknown {
            tracks: expected - left.tracks.len(),
        });
    }
    let movie = within(left, view.source.len());
    let profile = Profile::learn(&movie, view.source)?;
    Ok(Joined {
        reference: Reference::new(path, profile),
        basis: Basis::OwnDescriptions { completed: None },
        notes,
    })
}

/// Whether two tracks are of the same coding by their sample entries.
pub(super) fn is_like(track: &Track, other: &Track) -> bool {
    let kind = |t: &Track| t.descriptions.first().map(SampleDescription::kind);
    other.handler == track.handler && kind(other) == kind(track)
}

/// For each track that is left the track of the reference that is like it;
/// `None` if there is one that is like none.
fn pairs<'a>(left: &'a Movie, profile: &Profile) -> Option<Vec<(&'a Track, usize)>> {
    let mut pairs: Vec<(&Track, usize)> = Vec::new();
    for track in &left.tracks {
        let others = profile.movie.tracks.iter().enumerate();
        let like = others.filter(|(i, other)| {
            is_like(track, other)
                && other.timescale == track.timescale
                && !pairs.iter().any(|(_, taken)| taken == i)
        });
        let id = track.header.id;
        let like = like.min_by_key(|(_, other)| other.header.id != id);
        pairs.push((track, like?.0));
    }
    Some(pairs)
}

/// Takes the description of a track into the profile.
fn take(profile: &mut Profile, index: usize, own: &Track) {
    let sets = own.descriptions.first().map(sets::of).unwrap_or_default();
    if !sets.is_empty() {
        sets::put(profile, index, &sets);
    }
    let Some(track) = profile.movie.tracks.get_mut(index) else {
        return;
    };
    let same = crate::profile::coding(track) == crate::profile::coding(own);
    track.header = own.header.clone();
    track.handler_box.clone_from(&own.handler_box);
    track.descriptions.clone_from(&own.descriptions);
    track.language = own.language;
    track.edits.clone_from(&own.edits);
    if let Some(of) = profile.tracks.get_mut(index)
        && sets.is_empty()
        && !same
    {
        of.recogniser = crate::profile::recogniser(own, of.unit_bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_that_do_not_agree_are_no_index() {
        let mut track = Track {
            timescale: 8000,
            descriptions: vec![SampleDescription::g711(b"alaw").unwrap()],
            ..Track::default()
        };
        assert!(is_tabled(&track), "a track may be empty");
        track.samples.start_chunk(100, 1);
        track.samples.push(5, 5, 0, true).unwrap();
        assert!(is_tabled(&track));
        track.samples.sizes = tapo_movie::Sizes::Each(vec![5, 5]);
        assert!(!is_tabled(&track));
    }

    #[test]
    fn an_index_is_found_behind_anything() {
        let mut movie = Movie::default();
        movie.header.next_track_id = 7;
        let mut file = vec![9; 3 << 20];
        file.extend(tapo_movie::encode_moov(&movie));
        let read = behind_wrong_size(&file).unwrap();
        assert_eq!(read.movie.map(|m| m.header.next_track_id), Some(7));
        assert!(behind_wrong_size(&vec![0; 99]).unwrap().movie.is_none());
    }
}
