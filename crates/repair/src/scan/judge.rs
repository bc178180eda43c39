//! What may stand at a place: judgements that change nothing, so that several
//! threads can make them.

use crate::Result;
use crate::layout::top;
use crate::profile::{Finding, Profile};
use tapo_codec::{Access, Depth, Recogniser, Verdict};
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
}

/// Tracks that share a coding.
#[derive(Debug)]
pub(crate) struct Group {
    /// The first of them.
    pub(crate) track: usize,
    pub(crate) is_video: bool,
    pub(crate) recogniser: Box<dyn Recogniser>,
}

/// Evidence that a lone sample needs where one is expected, bits.
pub(crate) const EXPECTED_BITS: f32 = 10.0;

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
        }
    }

    /// The sample that stands at `at` by its syntax. One that is cut off counts
    /// where none is whole.
    pub(crate) fn strong(
        &self,
        window: &mut Window<'_>,
        at: u64,
        depth: Depth,
    ) -> Result<Option<Seen>> {
        let mut cut = None;
        for (group, g) in self.groups.iter().enumerate() {
            match g.recogniser.probe(window, at, self.end, depth)? {
                Verdict::Sample(access) if access.bits >= EXPECTED_BITS && access.len > 0 => {
                    return Ok(Some(Seen {
                        group,
                        access,
                        cut: false,
                    }));
                }
                Verdict::Cut(access) if access.bits >= EXPECTED_BITS && cut.is_none() => {
                    cut = Some(Seen {
                        group,
                        access,
                        cut: true,
                    });
                }
                _ => {}
            }
        }
        Ok(cut)
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

    /// Whether `count` items follow each other from `at` on.
    pub(crate) fn chain(&self, window: &mut Window<'_>, at: u64, count: u32) -> Result<bool> {
        let mut at = at;
        let mut after_row = false;
        for _ in 0..count {
            if at >= self.end {
                return Ok(true);
            }
            if let Some(seen) = self.strong(window, at, Depth::Heads)? {
                if seen.cut {
                    return Ok(true);
                }
                at += seen.access.len;
                after_row = false;
                continue;
            }
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
