//! What bytes are that neither fields nor samples explain.

use super::Holding;
use crate::Result;
use tapo_bmff::{BoxHeader, BoxSize, FourCc};
use tapo_io::{ByteSource, Span, Window, zeros_from_start, zeros_to_end};

/// Whether a box may hold anything at all, so that its bytes must be looked at.
pub(super) fn holds_anything(kind: FourCc) -> bool {
    matches!(
        &kind.0,
        b"mdat" | b"free" | b"skip" | b"wide" | b"idat" | b"imda"
    )
}

const MDAT: FourCc = FourCc(*b"mdat");

/// The end of the fields of an `mvhd` (§8.2.2: 100 bytes, or 112 in version 1)
/// whose header a 16-byte header of `mdat` took, when the recording was
/// finalized.
fn behind_mvhd(
    source: &dyn ByteSource,
    window: &mut Window<'_>,
    span: Span,
) -> Result<Option<u64>> {
    let len = match source.read_span(Span::at(span.start, 1).intersect(span))?[..] {
        [0] => 100,
        [1] => 112,
        _ => return Ok(None),
    };
    let end = span.start + len;
    if end >= span.end {
        return Ok(None);
    }
    let next = leftover(window, Span::new(end, span.end))?;
    let is_moov = |kind: FourCc| matches!(&kind.0, b"trak" | b"mvex" | b"udta" | b"uuid");
    Ok(next.filter(|(kind, _)| is_moov(*kind)).map(|_| end))
}

/// Zeros that are told apart from what stands in front of them, bytes.
const ZEROS: u64 = 16;

/// Boxes that are followed in one gap.
const BOXES: usize = 1 << 16;

/// Bytes of the blocks that a join copies (docs/formats.md): where one begins, another file may.
pub(crate) const BLOCK: u64 = 4096;

/// Divides a gap: where each part ends, and what it is. What is behind the last
/// part is unknown.
pub(super) fn look(
    source: &dyn ByteSource,
    window: &mut Window<'_>,
    span: Span,
    inside: Option<FourCc>,
) -> Result<Vec<(u64, Holding)>> {
    let mut parts = Vec::new();
    let data = zeros_from_start(source, span)?;
    if data == span.end {
        return Ok(vec![(span.end, Holding::Zeros { inside })]);
    }
    if let Some(end) = behind_mvhd(source, window, span)?.filter(|_| inside == Some(MDAT)) {
        let kind = FourCc(*b"mvhd");
        parts.push((end, Holding::Leftover { kind }));
        let rest = Span::new(end, span.end);
        return parts_behind(source, window, rest, inside, parts);
    }
    // A box begins with the zeros of its size.
    let early = data.saturating_sub(3).max(span.start);
    let mut at = None;
    for start in early..=data {
        if leftover(window, Span::new(start, span.end))?.is_some() {
            at = Some(start);
            break;
        }
    }
    let at = match at {
        Some(at) => {
            if at > span.start {
                parts.push((at, Holding::Zeros { inside }));
            }
            at
        }
        None if data - span.start >= ZEROS => {
            parts.push((data, Holding::Zeros { inside }));
            data
        }
        None => span.start,
    };
    parts_behind(source, window, Span::new(at, span.end), inside, parts)
}

/// The parts of `span`, which may begin with boxes, behind those known.
fn parts_behind(
    source: &dyn ByteSource,
    window: &mut Window<'_>,
    span: Span,
    inside: Option<FourCc>,
    mut parts: Vec<(u64, Holding)>,
) -> Result<Vec<(u64, Holding)>> {
    let mut at = span.start;
    while parts.len() < BOXES {
        let rest = Span::new(at, span.end);
        let next = match leftover(window, rest)? {
            found if inside != Some(MDAT) => found,
            None => cut(window, rest)?,
            Some((kind, end)) => {
                let leads =
                    end == span.end || leftover(window, Span::new(end, span.end))?.is_some();
                let seam = if leads { None } else { seam(window, rest)? };
                Some((kind, seam.filter(|at| *at < end).unwrap_or(end)))
            }
        };
        let (end, what) = if let Some((kind, end)) = next {
            (end, Holding::Leftover { kind })
        } else if inside != Some(MDAT) {
            break;
        } else if let Some(end) = behind_cut(window, rest)? {
            (end, Holding::Unknown { inside })
        } else if let Some(end) = filled_up(source, rest)? {
            (end, Holding::Zeros { inside })
        } else {
            break;
        };
        parts.push((end, what));
        at = end;
    }
    let rest = Span::new(at, span.end);
    if rest.is_empty() {
        return Ok(parts);
    }
    if let Some(name) = filler(source, window, rest)? {
        parts.push((rest.end, Holding::Filler { name }));
        return Ok(parts);
    }
    let tail = zeros_to_end(source, rest)?;
    if rest.end - tail >= ZEROS {
        if tail > at {
            parts.push((tail, Holding::Unknown { inside }));
        }
        parts.push((rest.end, Holding::Zeros { inside }));
    }
    Ok(parts)
}

/// The next block, if there are only zeros in front of it: the last one of a joined recording is filled up.
fn filled_up(source: &dyn ByteSource, span: Span) -> Result<Option<u64>> {
    let block = (span.start + 1).next_multiple_of(BLOCK);
    let is_inside = block < span.end && !span.start.is_multiple_of(BLOCK);
    let zeros = is_inside && zeros_from_start(source, Span::new(span.start, block))? == block;
    Ok(zeros.then_some(block))
}

/// A box that a joined recording holds the first part of: it should go on behind the gap, and its block ends there or
/// where another file begins.
fn cut(window: &mut Window<'_>, span: Span) -> Result<Option<(FourCc, u64)>> {
    if span.len() < 8 {
        return Ok(None);
    }
    let head = window.bytes(span.start, BoxHeader::MAX_LEN)?;
    let header = BoxHeader::read(span.start, head);
    let Some(header) = header.filter(|h| is_known(h.kind) && h.size != BoxSize::ToEnd) else {
        return Ok(None);
    };
    if header.kind == b"mdat"
        || header
            .declared_end(span.end)
            .is_none_or(|end| end <= span.end)
    {
        return Ok(None);
    }
    let block = (span.start + 1).next_multiple_of(BLOCK);
    let end = if block == span.end {
        Some(block)
    } else {
        seam(window, span)?
    };
    Ok(end.map(|end| (header.kind, end)))
}

/// The next block, if another file of a joined recording begins there: with its first box, or in the middle of one.
fn seam(window: &mut Window<'_>, span: Span) -> Result<Option<u64>> {
    let block = (span.start + 1).next_multiple_of(BLOCK);
    if block >= span.end {
        return Ok(None);
    }
    let rest = Span::new(block, span.end);
    let begins = |kind: FourCc| matches!(&kind.0, b"ftyp" | b"styp");
    let is_seam = leftover(window, rest)?.is_some_and(|(kind, _)| begins(kind))
        || behind_cut(window, rest)?.is_some();
    Ok(is_seam.then_some(block))
}

/// Where boxes go on in a block that begins in the middle of one: from there they lead on, a `moof` among them, to
/// the end of the gap.
fn behind_cut(window: &mut Window<'_>, span: Span) -> Result<Option<u64>> {
    if !span.start.is_multiple_of(BLOCK) {
        return Ok(None);
    }
    let len = usize::try_from(span.len().min(BLOCK)).unwrap_or(0);
    let bytes = window.bytes(span.start, len)?;
    let heads = (span.start..).zip(bytes.windows(8)).filter(|(_, head)| {
        let kind = head.get(4..);
        matches!(
            kind,
            Some(b"moof" | b"uuid" | b"prft" | b"trak" | b"udta" | b"mvex")
        )
    });
    let heads: Vec<u64> = heads.map(|(at, _)| at).take(TRIED).collect();
    for start in heads {
        if leads_on(window, Span::new(start, span.end))? {
            return Ok(Some(start));
        }
    }
    Ok(None)
}

/// Heads in a block that are followed.
const TRIED: usize = 8;

/// Whether boxes fill a span, one of them a `moof`.
fn leads_on(window: &mut Window<'_>, span: Span) -> Result<bool> {
    const STEPS: usize = 64;
    let (mut at, mut fragment) = (span.start, false);
    for _ in 0..STEPS {
        if at == span.end {
            break;
        }
        let Some((kind, end)) = leftover(window, Span::new(at, span.end))? else {
            return Ok(false);
        };
        fragment |= kind == b"moof";
        at = end;
    }
    Ok(fragment && at == span.end)
}

/// The box that stands at the start of `span`, by a type that belongs into a
/// movie and a size that fits; of an `mdat` whose media is accounted for, the
/// header.
fn leftover(window: &mut Window<'_>, span: Span) -> Result<Option<(FourCc, u64)>> {
    let head = window.bytes(span.start, BoxHeader::MAX_LEN)?;
    let len = usize::try_from(span.len())
        .unwrap_or(usize::MAX)
        .min(head.len());
    let Some(header) = BoxHeader::read(span.start, head.get(..len).unwrap_or_default()) else {
        return Ok(None);
    };
    // The last `mdat` of a recording that was being made went on to the end of the file.
    let open = header.size == BoxSize::ToEnd;
    if open && header.kind == b"mdat" {
        return Ok((header.len() <= span.len()).then_some((header.kind, span.start + header.len())));
    }
    if open || !is_known(header.kind) || header.len() > span.len() {
        return Ok(None);
    }
    let end = header.declared_end(span.end).unwrap_or(u64::MAX);
    if end < span.start + header.len() {
        return Ok(None);
    }
    let end = match end <= span.end {
        true => end,
        false if header.kind == b"mdat" => span.start + header.len(),
        false => return Ok(None),
    };
    Ok(Some((header.kind, end)))
}

/// Boxes that stand at the top level of movies, or as children of `moov`.
fn is_known(kind: FourCc) -> bool {
    matches!(
        &kind.0,
        b"ftyp"
            | b"styp"
            | b"moov"
            // GStreamer's name for the first `moov`, once there is another for all of the recording.
            | b"hoov"
            | b"mvhd"
            | b"trak"
            | b"mvex"
            | b"udta"
            | b"meta"
            | b"iods"
            | b"mdat"
            | b"moof"
            | b"mfra"
            | b"sidx"
            | b"ssix"
            | b"prft"
            | b"emsg"
            | b"free"
            | b"skip"
            | b"wide"
            | b"uuid"
            | b"pnot"
    )
}

/// Texts and patterns that writers leave in `free` boxes and between samples.
const FILLERS: [(&[u8], &str); 5] = [
    (b"IsoMedia File Produced with GPAC", "GPAC"),
    (b"Multiplexed by L-SMASH", "L-SMASH"),
    (b"Produced with GPAC", "GPAC"),
    (b"Lavf", "FFmpeg"),
    (b"HandBrake", "HandBrake"),
];

/// Bytes in which a writer's text is looked for.
const TEXT: usize = 64;

/// Whose filler `span` is. Android fills what it reserved for the index with the
/// digit zero.
fn filler(
    source: &dyn ByteSource,
    window: &mut Window<'_>,
    span: Span,
) -> Result<Option<&'static str>> {
    const LONGEST: u64 = 4 << 20;
    let head = window.bytes(span.start, TEXT)?;
    let head = head.get(..usize::try_from(span.len()).unwrap_or(TEXT).min(head.len()));
    let head = head.unwrap_or_default();
    if span.len() <= 256
        && let Some((_, name)) = FILLERS.iter().find(|(text, _)| holds(head, text))
    {
        return Ok(Some(name));
    }
    if span.len() <= LONGEST && head.iter().all(|b| *b == b'0') {
        let all = source.read_span(span)?;
        if all.iter().all(|b| *b == b'0') {
            return Ok(Some("Android"));
        }
    }
    Ok(None)
}

fn holds(bytes: &[u8], text: &[u8]) -> bool {
    bytes.windows(text.len()).any(|w| w == text)
}
