//! Boxes whose names damage has changed: what stands first in them says what they are.

use crate::Result;
use crate::layout::top;
use crate::overlay::Overlay;
use tapo_bmff::{BoxHeader, FourCc};
use tapo_io::{ByteSource, Span, Window};

/// A box that holds others.
struct Container {
    within: &'static [u8; 4],
    name: &'static [u8; 4],
    /// What may stand first in it.
    opens: &'static [&'static [u8; 4]],
}

const fn container(
    within: &'static [u8; 4],
    name: &'static [u8; 4],
    opens: &'static [&'static [u8; 4]],
) -> Container {
    Container {
        within,
        name,
        opens,
    }
}

/// Those on the way to the tables of a track (ISO/IEC 14496-12, 8.3 to 8.5).
const CONTAINERS: [Container; 4] = [
    container(b"moov", b"trak", &[b"tkhd"]),
    container(b"trak", b"mdia", &[b"mdhd"]),
    container(
        b"mdia",
        b"minf",
        &[b"vmhd", b"smhd", b"hmhd", b"nmhd", b"sthd", b"gmhd"],
    ),
    container(b"minf", b"stbl", &[b"stsd"]),
];

/// Boxes that are looked at in one index.
const MOST: usize = 1 << 12;

/// The file with the names that they should have; `None` if all have them.
///
/// # Errors
/// The source fails.
pub(super) fn put_right(source: &dyn ByteSource) -> Result<Option<Overlay<'_>>> {
    let mut window = Window::new(source);
    let mut at = 0;
    while let Some(header) = top(&mut window, at)? {
        let Some(end) = header.declared_end(source.len()) else {
            break;
        };
        if header.kind == b"moov" && end <= source.len() {
            let payload = Span::new(at + header.len(), end);
            let wrong = misnamed(&mut window, payload)?;
            if wrong.is_empty() {
                return Ok(None);
            }
            let mut overlay = Overlay::new(source, Vec::new());
            for (at, name) in wrong {
                overlay.put(at, name.to_vec());
            }
            return Ok(Some(overlay));
        }
        if end <= at || end >= source.len() {
            break;
        }
        at = end;
    }
    Ok(None)
}

/// Names below a `moov`, with what they should be: ascending.
fn misnamed(window: &mut Window<'_>, moov: Span) -> Result<Vec<(u64, [u8; 4])>> {
    let mut wrong = Vec::new();
    let mut left = vec![(moov, FourCc(*b"moov"))];
    let mut looked = 0;
    while let Some((span, parent)) = left.pop() {
        let mut at = span.start;
        while at < span.end && looked < MOST {
            looked += 1;
            let Some(header) = head(window, at, span.end)? else {
                break;
            };
            let Some(end) = header.declared_end(span.end).filter(|e| *e <= span.end) else {
                break;
            };
            let payload = Span::new(at + header.len(), end);
            let first = head(window, payload.start, end)?.map(|h| h.kind);
            let mut kind = header.kind;
            for of in CONTAINERS {
                let opens = first.is_some_and(|first| of.opens.iter().any(|o| first == *o));
                if parent == of.within && opens && kind != of.name {
                    kind = FourCc(*of.name);
                    wrong.push((at + 4, *of.name));
                }
            }
            if CONTAINERS.iter().any(|of| kind == of.name) {
                left.push((payload, kind));
            }
            at = end;
        }
    }
    wrong.sort_unstable();
    Ok(wrong)
}

/// The header of the box at `at`, if it is all there.
fn head(window: &mut Window<'_>, at: u64, end: u64) -> Result<Option<BoxHeader>> {
    if at >= end {
        return Ok(None);
    }
    let room = usize::try_from(end - at).unwrap_or(usize::MAX);
    let room = room.min(BoxHeader::MAX_LEN);
    let bytes = window.bytes(at, room)?;
    let header = BoxHeader::read(at, bytes);
    Ok(header.filter(|h| h.declared_end(end).is_some_and(|e| e > at && e <= end)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_is_what_stands_first_in_it() {
        let file = include_bytes!("../../../../testdata/h264_bframes_aac.mp4").to_vec();
        assert!(put_right(&file).unwrap().is_none());
        let sound = tapo_movie::read(&file).unwrap().movie;
        for of in CONTAINERS {
            let mut bytes = file.clone();
            let at = bytes.windows(4).position(|w| w == of.name).unwrap();
            bytes[at] ^= 0x41;
            assert!(tapo_movie::read(&bytes).unwrap().movie != sound);
            let named = put_right(&bytes).unwrap().unwrap();
            assert_eq!(tapo_movie::read(&named).unwrap().movie, sound);
        }
    }

    /// The header of a `uuid` is longer than others.
    #[test]
    fn a_box_behind_an_extended_type_is_found() {
        let mut file = include_bytes!("../../../../testdata/h264_bframes_aac.mp4").to_vec();
        let moov = file.windows(4).position(|w| w == b"moov").unwrap() - 4;
        let mut uuid = 28_u32.to_be_bytes().to_vec();
        uuid.extend(b"uuid");
        uuid.resize(28, 9);
        let size = file[moov..moov + 4].first_chunk().copied().unwrap();
        let size = u32::from_be_bytes(size) + 28;
        file[moov..moov + 4].copy_from_slice(&size.to_be_bytes());
        file.splice(moov + 8..moov + 8, uuid);
        let sound = tapo_movie::read(&file).unwrap().movie;
        let track = file.windows(4).position(|w| w == b"trak").unwrap();
        file[track] ^= 0x41;
        let named = put_right(&file).unwrap().unwrap();
        assert_eq!(tapo_movie::read(&named).unwrap().movie, sound);
    }
}
