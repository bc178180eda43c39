//! What a file is: its family, its layout, and whether it is one of ours.

use crate::boxes::is_of_movies;
use crate::{Foreign, Result, foreign, hybrid};
use tapo_bmff::{BoxSize, FourCc};
use tapo_io::{ByteSource, Span};
use tapo_movie::{FileType, Movie, Read, SegmentStamp, TopBox};

/// How a file is laid out.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Form {
    /// One `moov` that indexes all samples.
    Progressive {
        /// It stands before the media, so that playing can start while the file
        /// is still being fetched.
        moov_first: bool,
    },
    /// A start without samples, and fragments behind it.
    Fragmented,
    /// A fragmented recording that was given one `moov` for all of it; its
    /// fragments are now inside `mdat`.
    Hybrid,
    /// The start of a fragmented movie, and no more: descriptions, no samples.
    Init,
    /// Fragments without the start that says what they are.
    Media,
    /// Media, and nothing that says where what stands.
    NoIndex,
    /// No MP4.
    Foreign(Foreign),
}

/// Which of the sister formats.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub enum Family {
    /// ISO base media, MP4.
    Mp4,
    /// MP4 sound.
    M4a,
    /// MP4 as Apple names it.
    M4v,
    /// QuickTime movie.
    QuickTime,
    /// 3GPP and 3GPP2.
    ThreeGp,
}

impl Family {
    /// By the brands; without any it is QuickTime, which knew neither brands
    /// nor fragments.
    pub(crate) fn of(file_type: Option<&FileType>, fragments: bool) -> Self {
        let Some(file_type) = file_type else {
            return if fragments {
                Self::Mp4
            } else {
                Self::QuickTime
            };
        };
        let named = |brand: FourCc| match &brand.0 {
            b"qt  " => Some(Self::QuickTime),
            b"M4A " | b"M4B " | b"M4P " => Some(Self::M4a),
            b"M4V " | b"M4VH" | b"M4VP" => Some(Self::M4v),
            [b'3', b'g', b'p' | b'2' | b'e' | b'r' | b's' | b'g', _] => Some(Self::ThreeGp),
            _ => None,
        };
        named(file_type.major_brand).unwrap_or(Self::Mp4)
    }
}

/// What the recorder of ours wrote about a file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Own {
    /// Camera, session, place in it.
    pub stamp: SegmentStamp,
}

/// Reads our stamp out of `moov/udta`, if it is there.
pub(crate) fn own(movie: &Movie) -> Option<Own> {
    SegmentStamp::of(movie).map(|stamp| Own { stamp })
}

/// Tells the layout. `name` is the file's name, without folders.
pub(crate) fn form(source: &dyn ByteSource, read: &Read, name: &str) -> Result<Form> {
    let position = |kind: &[u8; 4]| read.top.iter().position(|b| b.kind == kind);
    if !read.top.iter().any(|b| is_of_movies(b.kind)) {
        return Ok(Form::Foreign(foreign::recognise(source, name)?));
    }
    let moof = position(b"moof");
    let Some(movie) = &read.movie else {
        if position(b"meta").is_some() && read.file_type.as_ref().is_some_and(is_picture) {
            return Ok(Form::Foreign(Foreign::Heif));
        }
        // A segment of a stream says so, by `styp` or `sidx`.
        let segment =
            moof.is_some() && (position(b"styp").is_some() || position(b"sidx").is_some());
        return Ok(if segment { Form::Media } else { Form::NoIndex });
    };
    if moof.is_some() {
        return Ok(Form::Fragmented);
    }
    if hybrid::is_hybrid(source, read)? {
        return Ok(Form::Hybrid);
    }
    let mdat = read
        .top
        .iter()
        .any(|b| b.kind == b"mdat" && !b.payload().is_empty());
    let can_go_on = movie.tracks.iter().any(|t| t.defaults.is_some());
    if movie.sample_count() == 0 && can_go_on && !mdat {
        return Ok(Form::Init);
    }
    let moov_first = position(b"moov") < position(b"mdat");
    Ok(Form::Progressive { moov_first })
}

/// The media of a recording that was never closed: the `mdat` that comes last
/// says nothing of its size (0; or 8 or 16, which is that of its header), and
/// what follows it is no box of any kind that stands there.
pub(crate) fn interrupted_media(read: &Read) -> Option<Span> {
    let is_index = |b: &TopBox| b.kind == b"moov" || b.kind == b"moof";
    if read.top.iter().any(is_index) {
        return None;
    }
    let last = read.top.iter().rposition(|b| b.kind == b"mdat")?;
    let mdat = read.top.get(last)?;
    let media = match read.top.get(last + 1) {
        None if mdat.size == BoxSize::ToEnd => mdat.payload(),
        Some(next) if is_usual(next.kind) => return None,
        _ if mdat.payload().is_empty() => Span::new(mdat.span.end, read.size),
        _ => return None,
    };
    (!media.is_empty()).then_some(media)
}

/// Boxes that stand behind an `mdat`.
fn is_usual(kind: FourCc) -> bool {
    matches!(
        &kind.0,
        b"free" | b"skip" | b"wide" | b"uuid" | b"meta" | b"mdat" | b"mfra" | b"udta" | b"pnot"
    )
}

/// Brands of still pictures (ISO/IEC 23008-12, AVIF).
pub(crate) fn is_picture(file_type: &FileType) -> bool {
    let brands = &file_type.compatible_brands;
    brands.iter().chain([&file_type.major_brand]).any(|b| {
        matches!(
            &b.0,
            b"mif1"
                | b"mif2"
                | b"msf1"
                | b"heic"
                | b"heix"
                | b"heim"
                | b"heis"
                | b"avif"
                | b"avis"
                | b"miaf"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tapo_bmff::BoxWriter;
    use tapo_movie::RawBox;

    fn family(major: &[u8; 4]) -> Family {
        let file_type = FileType {
            major_brand: FourCc(*major),
            ..FileType::default()
        };
        Family::of(Some(&file_type), false)
    }

    #[test]
    fn families_go_by_the_major_brand() {
        assert_eq!(family(b"qt  "), Family::QuickTime);
        assert_eq!(family(b"3gp5"), Family::ThreeGp);
        assert_eq!(family(b"3g2a"), Family::ThreeGp);
        assert_eq!(family(b"M4A "), Family::M4a);
        assert_eq!(family(b"isom"), Family::Mp4);
        assert_eq!(Family::of(None, false), Family::QuickTime);
    }

    #[test]
    fn our_stamp_is_found_beside_other_user_data() {
        let stamp = SegmentStamp {
            number: 3,
            camera: "gate".into(),
            ..SegmentStamp::default()
        };
        let mut w = BoxWriter::new();
        w.boxed(b"udta", |w| {
            w.boxed(b"name", |w| {
                w.raw(b"x");
            });
            w.uuid(&SegmentStamp::USER_TYPE, |w| {
                w.raw(&stamp.encode());
            });
        });
        let mut movie = Movie::default();
        assert_eq!(own(&movie), None);
        movie.other.push(RawBox {
            kind: FourCc(*b"udta"),
            bytes: w.into_bytes(),
        });
        assert_eq!(own(&movie), Some(Own { stamp }));
    }
}
