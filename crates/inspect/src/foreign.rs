//! Files that are no MP4, known by their first bytes and by how they go on.

use crate::Result;
use tapo_io::{ByteSource, Span};

/// What a file is that is no MP4.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Hash)]
#[non_exhaustive]
pub enum Foreign {
    /// No byte at all.
    Empty,
    /// Zeros only, wherever we looked.
    Zeros,
    /// 0xFF only, wherever we looked: erased flash memory.
    Ones,
    /// Plain text.
    Text,
    /// A web page.
    Html,
    /// JPEG picture.
    Jpeg,
    /// PNG picture.
    Png,
    /// GIF picture.
    Gif,
    /// WebP picture.
    WebP,
    /// HEIF, HEIC or AVIF picture: boxes, but of a still image.
    Heif,
    /// JPEG 2000 picture.
    Jpeg2000,
    /// Matroska.
    Matroska,
    /// `WebM`.
    WebM,
    /// AVI.
    Avi,
    /// WAV sound.
    Wav,
    /// MPEG transport stream; `packet` is 188, 192 or 204 bytes.
    TransportStream {
        /// Bytes of a packet.
        packet: u16,
    },
    /// MPEG program stream.
    ProgramStream,
    /// MPEG program stream in one of Hikvision's preallocated card files.
    HikvisionCard,
    /// Hikvision's own export format.
    HikvisionExport,
    /// Dahua's own recording format.
    Dahua,
    /// Windows Media.
    Asf,
    /// Flash video.
    Flv,
    /// Ogg.
    Ogg,
    /// FLAC sound.
    Flac,
    /// MP3 sound.
    Mp3,
    /// AAC sound in ADTS frames.
    Adts,
    /// A bare H.264 stream.
    H264,
    /// A bare H.265 stream.
    H265,
    /// MXF.
    Mxf,
    /// PDF.
    Pdf,
    /// ZIP, or one of the many formats built on it.
    Zip,
    /// RAR archive.
    Rar,
    /// 7z archive.
    SevenZip,
    /// gzip.
    Gzip,
    /// A Linux program.
    Elf,
    /// A Windows program.
    Exe,
    /// SQLite database.
    Sqlite,
    /// Nothing we know.
    Unknown,
}

/// Bytes looked at, at the start.
const HEAD: u64 = 64 << 10;

/// Says what a file is that has no MP4 box at its start. `name` is its file
/// name, by which Hikvision's card files are told from other program streams.
pub(crate) fn recognise(source: &dyn ByteSource, name: &str) -> Result<Foreign> {
    if source.is_empty() {
        return Ok(Foreign::Empty);
    }
    let head = source.read_span(Span::new(0, HEAD))?;
    if let Some(known) = by_magic(&head, name) {
        return Ok(known);
    }
    for (byte, what) in [(0, Foreign::Zeros), (0xff, Foreign::Ones)] {
        if head.iter().all(|b| *b == byte) && is_all(source, Span::new(0, source.len()), byte)? {
            return Ok(what);
        }
    }
    Ok(by_structure(&head).unwrap_or(Foreign::Unknown))
}

fn by_magic(head: &[u8], name: &str) -> Option<Foreign> {
    let at = |at: usize, magic: &[u8]| head.get(at..).is_some_and(|h| h.starts_with(magic));
    let within = |limit: usize, what: &[u8]| {
        let head = head.get(..limit).unwrap_or(head);
        head.windows(what.len()).any(|w| w == what)
    };
    let known = if at(0, b"\xff\xd8\xff") {
        Foreign::Jpeg
    } else if at(0, b"\x89PNG\r\n\x1a\n") {
        Foreign::Png
    } else if at(0, b"GIF8") {
        Foreign::Gif
    } else if at(0, b"RIFF") && at(8, b"WEBP") {
        Foreign::WebP
    } else if at(0, b"RIFF") && at(8, b"AVI ") {
        Foreign::Avi
    } else if (at(0, b"RIFF") || at(0, b"RF64")) && at(8, b"WAVE") {
        Foreign::Wav
    } else if at(4, b"jP  \r\n\x87\n") {
        Foreign::Jpeg2000
    } else if at(0, b"\x1a\x45\xdf\xa3") {
        if within(64, b"webm") {
            Foreign::WebM
        } else {
            Foreign::Matroska
        }
    } else if at(0, b"IMKH") {
        Foreign::HikvisionExport
    } else if at(0, b"\x00\x00\x01\xba") {
        if is_hikvision_name(name) {
            Foreign::HikvisionCard
        } else {
            Foreign::ProgramStream
        }
    } else if at(0, b"DHAV") || at(0, b"DAHUA") {
        Foreign::Dahua
    } else if at(0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11") {
        Foreign::Asf
    } else if at(0, b"FLV\x01") {
        Foreign::Flv
    } else if at(0, b"OggS") {
        Foreign::Ogg
    } else if at(0, b"fLaC") {
        Foreign::Flac
    } else if at(0, b"ID3") {
        Foreign::Mp3
    } else if at(0, b"\x06\x0e\x2b\x34\x02\x05\x01\x01\x0d\x01\x02\x01\x01") {
        Foreign::Mxf
    } else if at(0, b"%PDF-") {
        Foreign::Pdf
    } else if at(0, b"PK\x03\x04") || at(0, b"PK\x05\x06") {
        Foreign::Zip
    } else if at(0, b"Rar!\x1a\x07") {
        Foreign::Rar
    } else if at(0, b"7z\xbc\xaf\x27\x1c") {
        Foreign::SevenZip
    } else if at(0, b"\x1f\x8b\x08") {
        Foreign::Gzip
    } else if at(0, b"\x7fELF") {
        Foreign::Elf
    } else if at(0, b"MZ") && within(1024, b"PE\0\0") {
        Foreign::Exe
    } else if at(0, b"SQLite format 3\0") {
        Foreign::Sqlite
    } else {
        return None;
    };
    Some(known)
}

/// `hiv00012.mp4`: how Hikvision and EZVIZ name the files they preallocate.
fn is_hikvision_name(name: &str) -> bool {
    let stem = name
        .strip_prefix("hiv")
        .and_then(|n| n.strip_suffix(".mp4"));
    stem.is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
}

fn by_structure(head: &[u8]) -> Option<Foreign> {
    transport_stream(head)
        .or_else(|| adts(head).then_some(Foreign::Adts))
        .or_else(|| mp3(head).then_some(Foreign::Mp3))
        .or_else(|| annex_b(head))
        .or_else(|| text(head))
}

/// Sync bytes at five packets in a row; M2TS puts four bytes before each.
fn transport_stream(head: &[u8]) -> Option<Foreign> {
    [(188_u16, 0), (192, 4), (204, 0)]
        .into_iter()
        .find_map(|(packet, lead)| {
            let mut syncs = (0..5).map(|i| head.get(lead + i * usize::from(packet)));
            let all = syncs.all(|b| b == Some(&0x47));
            all.then_some(Foreign::TransportStream { packet })
        })
}

/// Three ADTS frames in a row.
fn adts(head: &[u8]) -> bool {
    let mut at = 0;
    (0..3).all(|_| {
        let Some([0xff, b, _, c, d, e, _]) = head.get(at..).and_then(|h| h.first_chunk()) else {
            return false;
        };
        let len = usize::from(c & 3) << 11 | usize::from(*d) << 3 | usize::from(e >> 5);
        at += len;
        b & 0xf6 == 0xf0 && len > 7
    })
}

/// Three MPEG-1 layer III frames in a row.
fn mp3(head: &[u8]) -> bool {
    const KBPS: [usize; 16] = [
        0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0,
    ];
    const HERTZ: [usize; 4] = [44_100, 48_000, 32_000, 0];
    let mut at = 0;
    (0..3).all(|_| {
        let Some([0xff, b, c, _]) = head.get(at..).and_then(|h| h.first_chunk()) else {
            return false;
        };
        let kbps = KBPS.get(usize::from(c >> 4)).copied().unwrap_or_default();
        let hertz = HERTZ
            .get(usize::from(c >> 2 & 3))
            .copied()
            .unwrap_or_default();
        let Some(len) = (144_000 * kbps).checked_div(hertz) else {
            return false;
        };
        at += len + usize::from(c >> 1 & 1);
        b & 0xfe == 0xfa && len > 0
    })
}

/// A start code and the NAL unit types that streams begin with.
fn annex_b(head: &[u8]) -> Option<Foreign> {
    let rest = head
        .strip_prefix(b"\0")
        .unwrap_or(head)
        .strip_prefix(b"\0\0\x01")?;
    match rest.first_chunk()? {
        [0x40 | 0x42 | 0x44 | 0x46, 0x01] => Some(Foreign::H265),
        [0x67 | 0x47 | 0x27 | 0x09, _] => Some(Foreign::H264),
        _ => None,
    }
}

fn text(head: &[u8]) -> Option<Foreign> {
    let head = head.get(..4096).unwrap_or(head);
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    let valid = match std::str::from_utf8(head) {
        Ok(text) => text,
        // The cut may go through a character.
        Err(e) if e.error_len().is_none() => {
            std::str::from_utf8(head.get(..e.valid_up_to())?).ok()?
        }
        Err(_) => return None,
    };
    let printable = |c: char| !c.is_control() || matches!(c, '\n' | '\r' | '\t' | '\x0c' | '\x1b');
    if valid.is_empty() || !valid.chars().all(printable) {
        return None;
    }
    let start = valid
        .trim_start()
        .get(..14)
        .unwrap_or_default()
        .to_ascii_lowercase();
    let html = start.starts_with("<!doctype html") || start.starts_with("<html");
    Some(if html { Foreign::Html } else { Foreign::Text })
}

/// Bytes read to tell whether all of them are alike.
const BUDGET: u64 = 64 << 20;

/// Whether all bytes of `span` are `byte`: of up to [`BUDGET`] bytes every one,
/// of more of them pieces from start to end.
pub(crate) fn is_all(source: &dyn ByteSource, span: Span, byte: u8) -> Result<bool> {
    const PIECE: u64 = 1 << 20;
    let pieces = span.len().div_ceil(PIECE).min(BUDGET / PIECE);
    let last = span.len().saturating_sub(PIECE);
    for i in 0..pieces {
        let ahead = u128::from(last) * u128::from(i) / u128::from((pieces - 1).max(1));
        let start = span.start + u64::try_from(ahead).unwrap_or(last);
        let bytes = source.read_span(Span::at(start, PIECE).intersect(span))?;
        if bytes.iter().any(|b| *b != byte) {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn what(bytes: &[u8]) -> Foreign {
        recognise(&bytes, "file.mp4").unwrap()
    }

    #[test]
    fn files_are_known_by_their_magic() {
        assert_eq!(what(b""), Foreign::Empty);
        assert_eq!(what(b"\xff\xd8\xff\xe0\0\x10JFIF"), Foreign::Jpeg);
        assert_eq!(what(b"\x1a\x45\xdf\xa3\x9f\x42\x82\x84webm"), Foreign::WebM);
        assert_eq!(what(b"\0\0\x01\xba\x44"), Foreign::ProgramStream);
        let card = recognise(&b"\0\0\x01\xba\x44".as_slice(), "hiv00012.mp4");
        assert_eq!(card.unwrap(), Foreign::HikvisionCard);
        assert_eq!(what(b"DHAV\xfd\0\0\0"), Foreign::Dahua);
        assert_eq!(what(b"#!/bin/sh\necho \xc3\xa4\n"), Foreign::Text);
        assert_eq!(what(b"<!DOCTYPE html><html>404 not found"), Foreign::Html);
        assert_eq!(what(b"\x93\x12\x00\xfe garbage"), Foreign::Unknown);
    }

    #[test]
    fn erased_and_preallocated_files_are_read_to_the_end() {
        assert_eq!(what(&[0; 3 << 20]), Foreign::Zeros);
        assert_eq!(what(&[0xff; 100_000]), Foreign::Ones);
        let mut late = vec![0; (2 << 20) + 7];
        late[(1 << 20) + 3] = 1;
        assert_eq!(what(&late), Foreign::Unknown);
    }

    #[test]
    fn streams_are_known_by_how_they_go_on() {
        let mut ts = vec![0; 1000];
        for i in 0..5 {
            ts[i * 188] = 0x47;
        }
        assert_eq!(what(&ts), Foreign::TransportStream { packet: 188 });
        ts[188] = 0;
        assert_eq!(what(&ts), Foreign::Unknown);
        let frame = [
            0xff, 0xf1, 0x50, 0x80, 0x02, 0x00, 0xfc, 1, 2, 3, 4, 5, 6, 7, 8, 9,
        ];
        assert_eq!(what(&frame.repeat(3)), Foreign::Adts);
        assert_eq!(what(b"\0\0\0\x01\x67\x64\0\x1f"), Foreign::H264);
        assert_eq!(what(b"\0\0\0\x01\x40\x01\x0c\x01"), Foreign::H265);
    }
}
