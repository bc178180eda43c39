//! Parameter sets found by trial: variants of the reference's, tried on pictures.

use super::look::{self, Look};
use super::sets;
use super::view::View;
use crate::Result;
use crate::profile::Reference;
use tapo_codec::{Changes, Decodes, ParameterSetKind, Variant, variants};

/// A picture parameter set that pictures confirm.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) nal: Vec<u8>,
    /// What differs from that of the reference.
    pub(crate) differs: String,
    /// How many pictures decode with it.
    pub(crate) pictures: u32,
}

/// Media data that a variant of what headers are read by is tried on, bytes.
const GLANCE: u64 = 2 << 20;

/// Part of it that such a variant must explain.
const EXPLAINS: f64 = 0.5;

/// Part of the predicted pictures whose headers must say the same.
const STEADY: f64 = 0.9;

/// Such variants of which variants of the slice data are tried.
const CARRIED: usize = 8;

/// Pictures that must decode, if there are so many.
const CONFIRMED: u32 = 3;

/// Coding blocks that are read in all. It bounds the time, and says the same on
/// every machine.
const BLOCKS: u64 = 1 << 24;

/// What a trial costs beside the blocks read, in blocks.
const TRIAL: u64 = 64;

/// What picture parameter sets are varied within.
struct Coding {
    entry_type: [u8; 4],
    /// The sequence parameter set.
    sps: Vec<u8>,
}

impl Coding {
    fn variants(&self, pps: &[u8], changes: Changes) -> Vec<Variant> {
        variants(self.entry_type, &self.sps, pps, changes)
    }
}

/// Looks at the media data as if these parameter sets were the reference's.
///
/// # Errors
/// The source fails.
pub(crate) fn look_with(
    view: View<'_>,
    reference: &mut Reference,
    track: usize,
    sets: &[Vec<u8>],
) -> Result<Look> {
    as_if(reference, track, sets, |reference| {
        view.look(&reference.profile, track)
    })
}

/// Does something with other parameter sets in the recogniser of a track.
fn as_if(
    reference: &mut Reference,
    track: usize,
    sets: &[Vec<u8>],
    look: impl FnOnce(&Reference) -> Result<Look>,
) -> Result<Look> {
    let Some(other) = look::with(&reference.profile, track, sets) else {
        return Ok(Look::default());
    };
    let swap = |reference: &mut Reference, with| {
        let of = reference.profile.tracks.get_mut(track);
        of.and_then(|t| std::mem::replace(&mut t.recogniser, with))
    };
    let own = swap(reference, Some(other));
    let result = look(reference);
    swap(reference, own);
    result
}

/// A variant of one of the reference's picture parameter sets that the pictures
/// of the broken file decode with.
///
/// # Errors
/// The source fails.
pub(crate) fn variant(
    view: View<'_>,
    reference: &mut Reference,
    track: usize,
) -> Result<Option<Found>> {
    let Some(description) = reference
        .profile
        .movie
        .tracks
        .get(track)
        .and_then(|t| t.descriptions.first())
    else {
        return Ok(None);
    };
    let entry_type = description.kind().0;
    let all = sets::of(description);
    let of = |kind| {
        let those = all
            .iter()
            .filter(move |set| ParameterSetKind::of(entry_type, set) == Some(kind));
        those.cloned().collect::<Vec<_>>()
    };
    let sps = of(ParameterSetKind::Sequence);
    let sps = sps.into_iter().next().unwrap_or_default();
    let pps = of(ParameterSetKind::Picture);
    let coding = Coding { entry_type, sps };
    let mut blocks = BLOCKS;
    for given in pps {
        for (header, look) in headers(view, reference, track, &coding, &given)? {
            let found = data(reference, track, &coding, &header, &look, &mut blocks);
            let Some(found) = found else {
                continue;
            };
            // All that is looked at, not only the first pictures.
            let all = look_with(view, reference, track, std::slice::from_ref(&found.nal))?;
            let Some(recogniser) =
                look::with(&reference.profile, track, std::slice::from_ref(&found.nal))
            else {
                continue;
            };
            let votes = all.votes(&*recogniser);
            if all.steady < STEADY || found.nal == given {
                continue;
            }
            let there = u32::try_from(all.pictures.len()).unwrap_or(u32::MAX);
            if votes.yes >= CONFIRMED.min(there).max(1) && votes.yes > 3 * votes.no {
                let differs = [header.differs, found.differs];
                let differs: Vec<_> = differs.into_iter().filter(|d| !d.is_empty()).collect();
                return Ok(Some(Found {
                    nal: found.nal,
                    differs: differs.join(", "),
                    pictures: votes.yes,
                }));
            }
        }
    }
    Ok(None)
}

/// The variants of what headers are read by with which most of the data is
/// found, the set itself among them.
fn headers(
    view: View<'_>,
    reference: &mut Reference,
    track: usize,
    coding: &Coding,
    given: &[u8],
) -> Result<Vec<(Variant, Look)>> {
    let mut all = vec![Variant {
        nal: given.to_vec(),
        differs: String::new(),
    }];
    all.extend(coding.variants(given, Changes::Headers));
    let mut seen = Vec::new();
    for variant in all {
        let set = std::slice::from_ref(&variant.nal);
        let look = as_if(reference, track, set, |reference| {
            view.glance(&reference.profile, track, GLANCE)
        })?;
        if look.share >= EXPLAINS && !look.pictures.is_empty() {
            seen.push((variant, look));
        }
    }
    // What explains as much with fewer changes comes first: the sort is stable.
    seen.sort_by_key(|(_, look)| std::cmp::Reverse(steps(look.share * look.steady)));
    seen.truncate(CARRIED);
    Ok(seen)
}

/// Shares that differ by less than one in twenty are alike.
fn steps(share: f64) -> u32 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "from 0 to 20"
    )]
    let steps = (share * 20.0).round() as u32;
    steps
}

/// The variant of what slice data is read by with which the pictures of a look
/// decode. Where they do with several, predicted pictures may still tell them
/// apart, which are not decoded: then none is right enough.
fn data(
    reference: &Reference,
    track: usize,
    coding: &Coding,
    header: &Variant,
    look: &Look,
    blocks: &mut u64,
) -> Option<Variant> {
    let itself = Variant {
        nal: header.nal.clone(),
        differs: String::new(),
    };
    let mut found = None;
    let all = std::iter::once(itself).chain(coding.variants(&header.nal, Changes::Data));
    for variant in all {
        let recogniser = look::with(
            &reference.profile,
            track,
            std::slice::from_ref(&variant.nal),
        )?;
        // A damaged picture must not hide the right set: two are tried.
        let first = look.pictures.iter().take(2);
        let mut decodes = false;
        for picture in first {
            *blocks = blocks.checked_sub(TRIAL)?;
            match recogniser.decodes(&picture.bytes) {
                Decodes::Yes => {
                    decodes = true;
                    break;
                }
                Decodes::No(read) => *blocks = blocks.checked_sub(u64::from(read))?,
                Decodes::Unknown => {}
            }
        }
        let votes = if decodes {
            look.votes(&*recogniser)
        } else {
            continue;
        };
        *blocks = blocks.saturating_sub(votes.blocks);
        if votes.confirm() && found.replace(variant).is_some() {
            return None;
        }
    }
    found
}
