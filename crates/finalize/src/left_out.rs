//! What of a fragmented file no index speaks of.

use crate::Result;
use crate::tail::{is_broken, torn_at};
use tapo_bmff::BoxHeader;
use tapo_io::{ByteSource, Span, zeros_to_end};
use tapo_movie::{Fragment, Movie, Read, TopBox};

/// Media between samples that writers may leave, bytes in all.
const SLACK: u64 = 64;

/// Bytes behind damage in which fragments are looked for.
const REACH: u64 = 64 << 20;

/// What of a file is not in the final index. All of it stays in that file.
#[derive(Copy, Clone, Debug, Default, Eq, PartialEq)]
pub struct LeftOut {
    /// Fragments that are torn before the first sample, or out of order beyond repair.
    pub fragments: usize,
    /// Bytes at the end of the file that belong to no whole fragment and no sample in
    /// the index.
    pub tail: u64,
    /// Bytes at the end of the file behind the last box that are nothing but zeros: laid out ahead, or lost before they were
    /// written. There is nothing in them.
    pub zeros: u64,
    /// Whether fragments that are whole stand among these bytes, behind damage.
    pub behind_damage: bool,
    /// Bytes of media (`mdat`) before these that no sample is of: their fragment (`moof`) is lost, or a
    /// part of it.
    pub media: u64,
}

impl LeftOut {
    /// What `movie` leaves out of what was `read`.
    pub(crate) fn of(source: &dyn ByteSource, read: &Read, movie: &Movie) -> Result<Self> {
        let broken = read.fragments.iter().filter(|f| is_broken(f)).count();
        let at = read.torn.map(|torn| torn.end).or(torn_at(read));
        let tail = Span::new(at.unwrap_or(read.size), read.size);
        let empty = !tail.is_empty() && zeros_to_end(source, tail)? == tail.start;
        let zeros = if empty { tail.len() } else { 0 };
        Ok(Self {
            fragments: broken - usize::from(read.torn.is_some()),
            tail: tail.len() - zeros,
            zeros,
            behind_damage: has_others(source, read, tail)?,
            media: media(read, movie),
        })
    }

    /// Whether there is nothing that could have been in it.
    #[must_use]
    pub const fn is_nothing(&self) -> bool {
        self.fragments == 0 && self.tail == 0 && self.media == 0
    }
}

/// Whether a `moof` that is whole stands in `tail`, behind where reading ended.
fn has_others(source: &dyn ByteSource, read: &Read, tail: Span) -> Result<bool> {
    let behind = Span::at(tail.start.saturating_add(8), REACH).intersect(tail);
    let Some(moof) = tapo_movie::next_moof(source, behind)? else {
        return Ok(false);
    };
    let head = source.read_span(Span::at(moof, BoxHeader::MAX_LEN as u64))?;
    let end = BoxHeader::read(moof, &head).and_then(|h| h.declared_end(read.size));
    let known = read.fragments.iter().any(|f| f.moof.start == moof);
    Ok(!known && end.is_some_and(|end| end < read.size))
}

/// Bytes of whole boxes of media less those of the samples in them.
fn media(read: &Read, movie: &Movie) -> u64 {
    let Some(first) = read.fragments.first() else {
        return 0;
    };
    let broken = |moof: &TopBox| {
        let at = |f: &Fragment| f.moof.start.cmp(&moof.span.start);
        let found = read.fragments.binary_search_by(at).ok();
        let fragment = found.and_then(|i| read.fragments.get(i));
        fragment.is_some_and(is_broken)
    };
    let mut of_broken = false;
    let mut there = 0_u64;
    for this in &read.top {
        match &this.kind.0 {
            b"moof" => of_broken = broken(this),
            b"mdat" if this.whole && !std::mem::take(&mut of_broken) => {
                there = there.saturating_add(this.payload().len());
            }
            _ => {}
        }
    }
    let whole = read.fragments.iter().filter(|f| f.whole);
    let parts = whole.clone().flat_map(|f| &f.tracks).map(|part| part.bytes);
    let mut used = parts.fold(0, u64::saturating_add);
    // Before the first fragment an index may speak of samples as well.
    for track in &movie.tracks {
        let own = whole.clone().flat_map(|f| &f.tracks);
        let own = own.filter(|part| part.track_id == track.header.id);
        let fragmented = own.map(|part| part.first_sample).min();
        let plain = track.samples.iter();
        let plain = plain.take_while(|s| {
            fragmented.is_none_or(|first| s.number < first) && s.span.start < first.moof.start
        });
        used = plain.fold(used, |sum, s| sum.saturating_add(s.span.len()));
    }
    Some(there.saturating_sub(used))
        .filter(|left| *left > SLACK)
        .unwrap_or(0)
}
