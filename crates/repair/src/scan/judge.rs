//! What may stand at a place: judgements that change nothing, so that several
//! threads can make them.

use crate::Result;
use crate::layout::top;
use crate::profile::{Finding, Profile};
use tapo_codec::{Access, Delimiting, Depth, Recogniser, Verdict};
use tapo_io::{ByteSource, Loaded, Span, Window};

/// Recognisers of the tracks that are found by their syntax, one for each
/// coding, and what else is known of the data.
#[derive(Debug)]
pub(crate) struct Judge<'a> {
    pub(crate) profile: &'a Profile,
    pub(crate) groups: Vec<Group>,
    /// Where data ends.
    pub(crate) end: u64,
    /// Whether that is the end of a sample, not a cut.
    pub(crate) end_is_sure: bool,
    /// Bytes of the row behind the next picture by the clocks, where there are
    /// rows.
    pub(crate) row_behind: Option<u64>,
}

/// Tracks that share a coding.
#[derive(Debug)]
pub(crate) struct Group {
    /// The first of them.
    pub(crate) track: usize,
    pub(crate) is_video: bool,
    /// They are neither pictures nor sound: few bytes tell what they are.
    pub(crate) is_metadata: bool,
    /// Its syntax says where a sample begins, not where it ends.
    pub(crate) is_open: bool,
    pub(crate) recogniser: Box<dyn Recogniser>,
}

/// Evidence that a lone sample needs where one is expected, bits.
pub(crate) const EXPECTED_BITS: f32 = 10.0;

/// Evidence that a sample in front of a row needs, bits.
const LONE_BITS: f32 = 7.0;

/// Evidence that a chain of items needs as a whole, bits.
const CHAIN_BITS: f32 = 40.0;

/// Evidence that an end of a row needs, bits.
pub(crate) const ANCHOR_BITS: f32 = 16.0;

/// Items that must follow each other before a place behind damage is believed.
pub(crate) const CHAIN: u32 = 3;

/// A sample at a place.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) group: usize,
    pub(crate) access: Access,
    /// It reaches beyond the end of the data.
    pub(crate) cut: bool,
}

impl<'a> Judge<'a> {
    pub(crate) fn new(profile: &'a Profile, end: u64) -> Self {
        let mut groups: Vec<Group> = Vec::new();
        for (i, track) in profile.tracks.iter().enumerate() {
            if let (Finding::Syntax, Some(recogniser)) = (track.finding, &track.recogniser)
                && track.group == i
            {
                groups.push(Group {
                    track: i,
                    is_video: track.is_video,
                    is_metadata: profile
                        .movie
                        .tracks
                        .get(i)
                        .is_some_and(|t| !t.is_video() && !t.is_audio()),
                    is_open: recogniser.delimiting() == Delimiting::Start,
                    recogniser: recogniser.fork(),
                });
            }
        }
        // The strongest evidence first.
        groups.sort_by_key(|g| !g.is_video);
        Self {
            profile,
            groups,
            end,
            end_is_sure: false,
            row_behind: None,
        }
    }

    /// What a group says of a place. Where its syntax does not say where a
    /// sample ends, what follows does.
    pub(crate) fn probe(
        &self,
        group: &Group,
        window: &mut Window<'_>,
        at: u64,
        depth: Depth,
    ) -> Result<Verdict> {
        match group.recogniser.probe(window, at, self.end, depth)? {
            Verdict::Start(access) if group.is_open => self.closed(window, at, access),
            verdict => Ok(verdict),
        }
    }

    /// The sample that stands at `at` by its syntax. Where one alone shows too
    /// little, those behind it must show the rest. One that is cut off counts
    /// where none is whole.
    pub(crate) fn strong(
        &self,
        window: &mut Window<'_>,
        at: u64,
        depth: Depth,
    ) -> Result<Option<Seen>> {
        let (mut found, mut cut_off, mut weak): (Option<Seen>, Option<Seen>, Option<Seen>) =
            (None, None, None);
        for (group, g) in self.groups.iter().enumerate() {
            if found.is_some() && !g.is_video && !g.is_metadata {
                continue;
            }
            let (access, cut) = match self.probe(g, window, at, depth)? {
                Verdict::Sample(access) if access.len > 0 => (access, false),
                // Nothing is cut off where a sample ends.
                Verdict::Cut(access) if !self.end_is_sure => (access, true),
                _ => continue,
            };
            let seen = Seen { group, access, cut };
            let (best, better): (_, fn(&Access, &Access) -> bool) =
                match (cut, seen.access.bits >= EXPECTED_BITS) {
                    // A picture of another coding may pass for what leads a sample.
                    (false, true) if g.is_video => (&mut found, |a, b| a.len < b.len),
                    (false, true) => {
                        found = Some(match found.take() {
                            Some(other) => self.likelier(window, at, other, seen)?,
                            None => seen,
                        });
                        continue;
                    }
                    (true, true) => (&mut cut_off, |_, _| false),
                    (false, false) => (&mut weak, |a, b| a.bits > b.bits),
                    (true, false) => continue,
                };
            if best
                .as_ref()
                .is_none_or(|b| better(&seen.access, &b.access))
            {
                *best = Some(seen);
            }
        }
        if found.is_some() {
            return Ok(found);
        }
        match weak {
            Some(seen) if self.leads_on(window, at + seen.access.len, seen.access.bits)? => {
                Ok(Some(seen))
            }
            _ => Ok(cut_off),
        }
    }

    /// Of two samples of different codings at a place the one behind which others
    /// follow, else the surer.
    fn likelier(&self, window: &mut Window<'_>, at: u64, a: Seen, b: Seen) -> Result<Seen> {
        let surer = b.access.bits > a.access.bits;
        let mut goes_on = |seen: &Seen| -> Result<bool> {
            let next = at + seen.access.len;
            let mut found = next == self.end;
            for group in &self.groups {
                found = found
                    || match self.probe(group, window, next, Depth::Heads)? {
                        Verdict::Sample(access) | Verdict::Cut(access) => {
                            access.bits >= EXPECTED_BITS
                        }
                        _ => false,
                    };
            }
            Ok(found)
        };
        let second = match (goes_on(&a)?, goes_on(&b)?) {
            (true, false) => false,
            (false, true) => true,
            _ => surer,
        };
        Ok(if second { b } else { a })
    }

    /// Whether the items from `at` on show what is missing to [`EXPECTED_BITS`].
    fn leads_on(&self, window: &mut Window<'_>, at: u64, bits: f32) -> Result<bool> {
        let (mut at, mut bits) = (at, bits);
        while bits < EXPECTED_BITS {
            if at == self.end {
                return Ok(true);
            }
            let mut next: Option<(u64, f32)> = None;
            for group in &self.groups {
                let (access, cut) = match self.probe(group, window, at, Depth::Heads)? {
                    Verdict::Sample(access) if access.len > 0 => (access, false),
                    Verdict::Cut(access) => (access, true),
                    _ => continue,
                };
                if next.is_none_or(|(_, most)| access.bits > most) {
                    let end = if cut { self.end } else { at + access.len };
                    next = Some((end, access.bits));
                }
            }
            match next {
                // A bit at least, so that this ends.
                Some((end, more)) => (at, bits) = (end, bits + more.max(1.0)),
                // What cannot be recognised may follow anything.
                None => return Ok(self.has_rows() && bits >= LONE_BITS),
            }
        }
        Ok(true)
    }

    /// Whether a sample with enough evidence begins at `at`, or the data ends.
    pub(crate) fn is_anchor(&self, window: &mut Window<'_>, at: u64, depth: Depth) -> Result<bool> {
        if at == self.end {
            return Ok(true);
        }
        let seen = self.strong(window, at, depth)?;
        // What the data ends within has less to show.
        let needed = |cut| if cut { EXPECTED_BITS } else { ANCHOR_BITS };
        Ok(seen.is_some_and(|s| s.access.bits >= needed(s.cut) && s.access.flaw.is_none()))
    }

    /// A box that stands within the media data: its span, as far as it is to be
    /// skipped.
    pub(crate) fn boxed(&self, window: &mut Window<'_>, at: u64) -> Result<Option<Span>> {
        let Some(header) = top(window, at)? else {
            return Ok(None);
        };
        let payload = at + header.len();
        let end = header.declared_end(self.end).unwrap_or(payload);
        let child = |window: &mut Window<'_>, kind: &[u8; 4]| -> Result<bool> {
            let bytes = window.bytes(payload, 8)?;
            Ok(bytes.get(4..8) == Some(kind))
        };
        let span = match &header.kind.0 {
            b"mdat" => Some(Span::new(at, payload)),
            b"moov" if child(window, b"mvhd")? => Some(Span::new(at, end.min(self.end))),
            b"moof" if child(window, b"mfhd")? => Some(Span::new(at, end.min(self.end))),
            b"free" | b"skip" | b"wide" | b"uuid" | b"udta" | b"meta" if end <= self.end => {
                Some(Span::new(at, end))
            }
            _ => None,
        };
        Ok(span.filter(|s| s.end > at))
    }

    /// Where the next sample stands behind padding, as the reference had it:
    /// zeros up to a multiple of so many bytes.
    pub(crate) fn behind_padding(&self, window: &mut Window<'_>, at: u64) -> Result<Option<u64>> {
        let next = match self.profile.alignment {
            0 => return Ok(None),
            alignment => at.next_multiple_of(alignment),
        };
        if next == at || next >= self.end {
            return Ok(None);
        }
        let len = usize::try_from(next - at).unwrap_or(usize::MAX);
        let zeros = window.bytes(at, len)?;
        if zeros.len() < len || zeros.iter().any(|b| *b != 0) {
            return Ok(None);
        }
        let seen = self.strong(window, next, Depth::Heads)?;
        Ok(seen.filter(|seen| !seen.cut).map(|_| next))
    }

    /// Whether `count` items follow each other from `at` on, or more where each
    /// shows little.
    pub(crate) fn chain(&self, window: &mut Window<'_>, at: u64, count: u32) -> Result<bool> {
        let mut at = at;
        let mut after_row = false;
        let (mut items, mut bits) = (0, 0.0);
        while items < count || bits < CHAIN_BITS {
            if at >= self.end {
                return Ok(true);
            }
            items += 1;
            at = self.behind_padding(window, at)?.unwrap_or(at);
            if let Some(seen) = self.strong(window, at, Depth::Heads)? {
                if seen.cut {
                    return Ok(true);
                }
                at += seen.access.len;
                bits += seen.access.bits;
                after_row = false;
                continue;
            }
            bits += 1.0;
            match self.row(window, at, None)? {
                Some(end) if !after_row => {
                    at = end;
                    after_row = true;
                }
                _ => match self.boxed(window, at)? {
                    Some(span) => at = span.end,
                    None => return Ok(false),
                },
            }
        }
        Ok(true)
    }

    /// Whether there are tracks whose data only its neighbours delimit.
    pub(crate) fn has_rows(&self) -> bool {
        let weak = |t: &crate::profile::TrackProfile| t.finding != Finding::Syntax;
        self.profile.tracks.iter().any(weak)
    }
}

/// A source of which one block is in memory.
pub(crate) struct Cached<'a> {
    source: &'a dyn ByteSource,
    block: Loaded,
}

impl<'a> Cached<'a> {
    pub(crate) fn new(source: &'a dyn ByteSource, span: Span) -> Result<Self> {
        let block = Loaded::read(source, span)?;
        Ok(Self { source, block })
    }

    /// The bytes in memory.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.block.get(self.block.span()).unwrap_or_default()
    }
}

impl ByteSource for Cached<'_> {
    fn len(&self) -> u64 {
        self.source.len()
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> tapo_io::Result<usize> {
        self.source.read_at(offset, buf)
    }

    fn slice(&self, span: Span) -> Option<&[u8]> {
        self.block.get(span)
    }

    fn path(&self) -> &std::path::Path {
        self.source.path()
    }
}
