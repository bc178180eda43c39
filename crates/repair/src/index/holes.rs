//! Places where fragments are missing, and what the search found there: of a fragment whose head alone is lost, all.

use super::Own;
use crate::Note;
use crate::item::{Found, Item, When};
use crate::profile::Profile;
use tapo_io::Span;

/// A place where fragments are missing between others.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Hole {
    /// From behind the head of the fragment in front to the head of the one behind.
    pub(crate) bytes: Span,
    /// How many, by the numbers.
    pub(crate) fragments: u64,
    /// How long they lasted: track ids, and ticks of the track.
    pub(crate) lasts: Vec<(u32, u64)>,
}

impl Hole {
    /// Whether the samples that were found there last as long as the fragments did, in all tracks.
    fn is_filled(&self, found: &Found, profile: &Profile) -> bool {
        let tracks = profile.movie.tracks.iter().zip(&profile.tracks).enumerate();
        let mut filled = self.lasts.iter().map(|(id, lasts)| {
            let mut tracks = tracks.clone();
            let (index, (_, of)) = tracks.find(|(_, (track, _))| track.header.id == *id)?;
            let is_own = |item: &Item| {
                let own = usize::from(item.track) == index && self.bytes.contains(item.span());
                own && !matches!(item.when, When::Known { .. })
            };
            let items = found.items.iter().filter(is_own);
            let ticks = items.map(|i| of.row_ticks(u64::from(i.size), i.samples));
            let ticks = u64::try_from(ticks.sum::<i64>()).ok()?;
            Some(ticks.abs_diff(*lasts) <= u64::from(of.durations.usual) / 2)
        });
        filled.all(|filled| filled == Some(true))
    }
}

/// Takes what the search filled to the last sample for what it is, no loss, and says what is still missing.
pub(crate) fn bridge(own: &Own, found: &mut Found, profile: &Profile) -> Option<Note> {
    let mut fragments = own.missing_in_front;
    for hole in &own.holes {
        if !hole.is_filled(found, profile) {
            fragments = fragments.saturating_add(hole.fragments);
            continue;
        }
        found.filled.push(hole.bytes);
    }
    (fragments > 0).then_some(Note::FragmentsMissing { fragments })
}
