//! Where media data begins and ends in a file that may be broken anywhere.

use crate::Result;
use tapo_bmff::{BoxHeader, BoxSize, FourCc};
use tapo_io::{ByteSource, Span, Window};
use tapo_movie::next_moof;

/// A piece of the file. The pieces of a layout cover it without a gap.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(crate) struct Piece {
    pub(crate) span: Span,
    pub(crate) what: Content,
}

/// What a piece is by its structure.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(crate) enum Content {
    /// A box that is whole.
    Whole(FourCc),
    /// A box that the file ends within, and that holds no media data.
    Torn,
    /// What is left of the boxes in front of a fragment's `mdat`: no media data.
    LostHead,
    /// The header of an `mdat`, not its payload.
    MediaHeader,
    /// Media data: behind an `mdat` header, or where no structure is left.
    Media {
        /// An `mdat` header vouches for its beginning.
        begins: bool,
        /// The next box vouches for its end.
        ends: bool,
    },
}

impl Piece {
    /// Whether it is media data.
    pub(crate) const fn is_media(&self) -> bool {
        matches!(self.what, Content::Media { .. })
    }
}

/// The structure of a file as far as it is left.
#[derive(Clone, Debug, Default)]
pub(crate) struct Layout {
    pub(crate) pieces: Vec<Piece>,
}

/// Boxes that may stand at the top level of a file with media data.
const TOP: [&[u8; 4]; 19] = [
    b"ftyp", b"styp", b"free", b"skip", b"wide", b"uuid", b"mdat", b"moov", b"moof", b"mfra",
    b"sidx", b"pnot", b"meta", b"udta", b"prft", b"emsg", b"ssix", b"pdin", b"PICT",
];

/// Boxes that hold no media data, however long they are.
const INDEX: [&[u8; 4]; 6] = [b"moov", b"moof", b"mfra", b"sidx", b"udta", b"meta"];

/// Bytes without structure in which a fragment is looked for: recorders write one
/// every few seconds.
const FRAGMENT: u64 = 64 << 20;

impl Layout {
    /// Finds the structure of a file.
    ///
    /// # Errors
    /// The source fails.
    pub(crate) fn of(source: &dyn ByteSource) -> Result<Self> {
        let mut window = Window::new(source);
        let len = source.len();
        let mut layout = Self::default();
        let mut at = 0;
        while at < len {
            let header = top(&mut window, at)?;
            let end = header.as_ref().and_then(|h| h.declared_end(len));
            match (header, end) {
                (Some(header), end) if header.kind == b"mdat" => {
                    let payload = at + header.len();
                    layout.push(Span::new(at, payload.min(len)), Content::MediaHeader);
                    let sure = match end {
                        Some(end) if header.size != BoxSize::ToEnd && end > payload => {
                            end == len
                                || end < len
                                    && (top(&mut window, end)?.is_some()
                                        || headless(source, &mut window, Span::new(end, len))?
                                            .is_some())
                        }
                        _ => false,
                    };
                    at = if sure { end.unwrap_or(len) } else { len };
                    let content = Content::Media {
                        begins: true,
                        ends: sure,
                    };
                    layout.push(Span::new(payload.min(len), at), content);
                }
                (Some(header), Some(end)) if end <= len && header.size != BoxSize::ToEnd => {
                    layout.push(Span::new(at, end), Content::Whole(header.kind));
                    at = end;
                }
                // An index that the file ends within.
                (Some(header), _) if INDEX.iter().any(|kind| header.kind == *kind) => {
                    layout.push(Span::new(at, len), Content::Torn);
                    at = len;
                }
                _ => {
                    let content = Content::Media {
                        begins: false,
                        ends: false,
                    };
                    // Behind a lost head, or a lost index, fragments go on.
                    let reach = Span::at(at, FRAGMENT);
                    let next = next_moof(source, Span::new(at.saturating_add(1), reach.end))?;
                    // One whose size is damaged says nothing of what follows.
                    let end = match next {
                        Some(next) => top(&mut window, next)?.and_then(|h| h.declared_end(len)),
                        None => None,
                    };
                    let next = next.filter(|_| end.is_some_and(|end| end <= len));
                    let next = next.unwrap_or(len);
                    let headless = headless(source, &mut window, Span::new(at, next))?;
                    let content = headless.map_or(content, |_| Content::LostHead);
                    let next = headless.unwrap_or(next);
                    layout.push(Span::new(at, next), content);
                    at = next;
                }
            }
        }
        Ok(layout)
    }

    fn push(&mut self, span: Span, what: Content) {
        if !span.is_empty() {
            self.pieces.push(Piece { span, what });
        }
    }

    /// The pieces of media data: where they are, and whether boxes vouch for
    /// their beginning and end.
    pub(crate) fn media(&self) -> impl Iterator<Item = (Span, bool, bool)> {
        self.pieces.iter().filter_map(|p| match p.what {
            Content::Media { begins, ends } => Some((p.span, begins, ends)),
            _ => None,
        })
    }

    /// Whether fragments stand in the file.
    pub(crate) fn is_fragmented(&self) -> bool {
        self.kinds().any(|kind| kind == b"moof")
    }

    /// Whether there is media of fragments whose `moof` is lost.
    pub(crate) fn has_lost_heads(&self) -> bool {
        self.pieces.iter().any(|p| p.what == Content::LostHead)
    }

    /// The types of the boxes that are whole.
    pub(crate) fn kinds(&self) -> impl Iterator<Item = FourCc> {
        self.pieces.iter().filter_map(|p| match p.what {
            Content::Whole(kind) => Some(kind),
            _ => None,
        })
    }

    /// Where the first media data's `mdat` header stands, if all boxes before
    /// it are whole and none of them is an index.
    pub(crate) fn media_header(&self) -> Option<Span> {
        let index = |p: &&Piece| matches!(p.what, Content::Whole(kind) if kind == b"moov" || kind == b"moof");
        let before = self
            .pieces
            .iter()
            .take_while(|p| p.what != Content::MediaHeader);
        let sound = before.clone().all(|p| matches!(p.what, Content::Whole(_)));
        let header = self.pieces.iter().find(|p| p.what == Content::MediaHeader);
        let clean = !before.clone().any(|p| index(&p)) && sound;
        header.filter(|_| clean).map(|p| p.span)
    }

    /// The file's own `ftyp`, if it begins with one.
    pub(crate) fn file_type(&self) -> Option<Span> {
        let first = self.pieces.first()?;
        match first.what {
            Content::Whole(kind) if kind == b"ftyp" => Some(first.span),
            _ => None,
        }
    }
}

/// Bytes of the boxes in front of a fragment's `mdat`, at most: of a minute's samples.
const FRAGMENT_HEAD: u64 = 1 << 16;

/// The header of a box that may stand at the top level here.
pub(crate) fn top(window: &mut Window<'_>, at: u64) -> Result<Option<BoxHeader>> {
    let bytes = window.bytes(at, BoxHeader::MAX_LEN)?;
    let header = BoxHeader::read(at, bytes);
    Ok(header
        .filter(|h| TOP.iter().any(|kind| h.kind == *kind) && h.declared_end(u64::MAX).is_some()))
}

/// The `mdat` of a fragment whose `moof` began with `span` and is no more: behind zeros or what is
/// left of the `moof`, and whole.
fn headless(source: &dyn ByteSource, window: &mut Window<'_>, span: Span) -> Result<Option<u64>> {
    let len = source.len();
    let head = Span::at(span.start, FRAGMENT_HEAD).intersect(span);
    let bytes = source.read_span(head)?;
    for (index, _) in bytes.windows(4).enumerate().filter(|(_, w)| *w == b"mdat") {
        let Some(at) = index.checked_sub(4).map(|i| span.start + i as u64) else {
            continue;
        };
        let Some(end) = top(window, at)?.and_then(|h| h.declared_end(len)) else {
            continue;
        };
        if at == span.start || end > len || end < len && top(window, end)?.is_none() {
            continue;
        }
        let before = bytes.get(..index - 4).unwrap_or_default();
        let is_left = |kind: &[u8; 4]| before.windows(4).any(|w| w == kind);
        let size = before.first_chunk().map(|size| u32::from_be_bytes(*size));
        if size == u32::try_from(before.len()).ok()
            || before.iter().all(|b| *b == 0)
            || [b"traf", b"tfhd", b"trun"].into_iter().any(is_left)
        {
            return Ok(Some(at));
        }
    }
    Ok(None)
}

/// Pieces of a file with holes that are walked to find its end.
const PIECES: u32 = 1 << 16;

/// An end of `span` behind which there are only holes.
fn data_end(source: &dyn ByteSource, span: Span) -> u64 {
    const STEP: u64 = 1 << 24;
    let mut at = span.start;
    let mut end = span.start;
    for _ in 0..PIECES {
        if at >= span.end {
            return end.min(span.end);
        }
        let data = source.next_data(at);
        if data >= span.end {
            return end.min(span.end);
        }
        at = data.saturating_add(STEP);
        end = at;
    }
    span.end
}

/// Zeros at the end of a file that nobody wrote come in sectors. Fewer of them
/// may be the end of the last sample: ProRes pads its pictures, PCM may be silent.
const SECTOR: u64 = 512;

/// The end of the data in `span`: that of the last byte that is not zero, or of
/// the span if there are few zeros behind it.
///
/// # Errors
/// The source fails.
pub(crate) fn trim_zeros(source: &dyn ByteSource, span: Span) -> Result<u64> {
    let end = last_data(source, span)?;
    Ok(if end > span.start && span.end - end < SECTOR {
        span.end
    } else {
        end
    })
}

fn last_data(source: &dyn ByteSource, span: Span) -> Result<u64> {
    const BLOCK: u64 = 1 << 20;
    let mut end = data_end(source, span);
    while end > span.start {
        let start = end.saturating_sub(BLOCK).max(span.start);
        let bytes = source.read_span(Span::new(start, end))?;
        if let Some(last) = bytes.iter().rposition(|b| *b != 0) {
            return Ok(start + last as u64 + 1);
        }
        end = start;
    }
    Ok(span.start)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn boxed(kind: &[u8; 4], payload: usize) -> Vec<u8> {
        let mut bytes = u32::try_from(payload + 8).unwrap().to_be_bytes().to_vec();
        bytes.extend(kind);
        bytes.resize(payload + 8, 7);
        bytes
    }

    fn media(file: &Vec<u8>) -> Vec<(Span, bool, bool)> {
        Layout::of(file).unwrap().media().collect()
    }

    #[test]
    fn an_intact_size_is_believed_where_a_box_follows() {
        let mut file = boxed(b"ftyp", 8);
        file.extend(boxed(b"mdat", 100));
        file.extend(boxed(b"moov", 30));
        assert_eq!(media(&file), [(Span::new(24, 124), true, true)]);
        assert_eq!(
            Layout::of(&file).unwrap().media_header(),
            Some(Span::new(16, 24))
        );
    }

    #[test]
    fn wrong_sizes_reach_to_the_end() {
        for size in [0_u32, 8, 50, 4_000_000_000] {
            let mut file = boxed(b"ftyp", 8);
            file.extend(boxed(b"mdat", 100));
            file[16..20].copy_from_slice(&size.to_be_bytes());
            assert_eq!(media(&file), [(Span::new(24, 124), true, false)], "{size}");
        }
    }

    #[test]
    fn a_missing_head_is_media_from_the_first_byte() {
        let file = vec![0x55; 300];
        assert_eq!(media(&file), [(Span::new(0, 300), false, false)]);
        assert_eq!(Layout::of(&file).unwrap().media_header(), None);
    }

    #[test]
    fn what_is_left_of_the_head_of_a_fragment_is_no_media() {
        for lost in 0..4 {
            let mut file = boxed(b"ftyp", 8);
            let mut moof = boxed(b"moof", 40);
            match lost {
                0 => moof.fill(0),
                1 => moof[4..8].fill(0),
                2 => {
                    moof[..12].fill(0);
                    moof[20..24].copy_from_slice(b"trun");
                }
                // Nothing tells what it was.
                _ => moof.fill(0xA7),
            }
            file.extend(moof);
            file.extend(boxed(b"mdat", 100));
            file.extend(boxed(b"prft", 16));
            let all: &[_] = match lost {
                3 => &[(Span::new(16, 196), false, false)],
                _ => &[(Span::new(72, 172), true, true)],
            };
            assert_eq!(media(&file), all, "{lost}");
        }
    }

    #[test]
    fn zeros_at_the_end_are_told_from_data() {
        let mut file = vec![5; 10];
        file.resize(3 << 20, 0);
        let span = Span::new(0, file.len() as u64);
        assert_eq!(trim_zeros(&file, span).unwrap(), 10);
        assert_eq!(trim_zeros(&vec![0; 99], Span::new(0, 99)).unwrap(), 0);
        // The last sample may end in zeros.
        file.truncate(10 + 51);
        assert_eq!(trim_zeros(&file, Span::new(0, 61)).unwrap(), 61);
    }
}
