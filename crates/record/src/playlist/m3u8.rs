//! The text of a playlist (RFC 8216, version 7).

use super::parts::Part;
use crate::source::WallClock;
use jiff::Timestamp;
use std::fmt::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// A recording in a playlist.
pub(super) struct Item {
    /// From the playlist's folder on.
    pub(super) path: PathBuf,
    /// The file that is read before it.
    pub(super) init: String,
    pub(super) started: WallClock,
    pub(super) parts: Vec<Part>,
}

/// The playlist of recordings that follow each other.
pub(super) fn encode(items: &[Item]) -> String {
    let parts = items.iter().flat_map(|item| &item.parts);
    // No part may be longer, rounded (§4.3.3.1).
    let longest = parts.map(|part| (part.duration.as_millis() + 500) / 1000);
    let mut text = format!(
        "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:{}\n#EXT-X-MEDIA-SEQUENCE:0\n",
        longest.max().unwrap_or(1).max(1)
    );
    for (number, item) in items.iter().enumerate() {
        // Writing into a string cannot fail.
        let _ = write_item(&mut text, number, item);
    }
    text.push_str("#EXT-X-ENDLIST\n");
    text
}

fn write_item(text: &mut String, number: usize, item: &Item) -> std::fmt::Result {
    // Times start anew in each recording.
    if number > 0 {
        text.push_str("#EXT-X-DISCONTINUITY\n");
    }
    let init = encoded(Path::new(&item.init));
    writeln!(text, "#EXT-X-MAP:URI=\"{init}\"")?;
    if let Ok(time) = Timestamp::from_nanosecond(item.started.0.into()) {
        writeln!(text, "#EXT-X-PROGRAM-DATE-TIME:{time:.3}")?;
    }
    let path = encoded(&item.path);
    for part in &item.parts {
        let (length, offset) = (part.span.len(), part.span.start);
        writeln!(text, "#EXTINF:{:.3},", part.duration.as_secs_f64())?;
        writeln!(text, "#EXT-X-BYTERANGE:{length}@{offset}\n{path}")?;
    }
    Ok(())
}

/// A relative path as a relative reference (RFC 3986): never one with a scheme.
fn encoded(path: &Path) -> String {
    let mut uri = String::new();
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' => {
                uri.push(char::from(*byte));
            }
            other => uri.push_str(&format!("%{other:02X}")),
        }
    }
    uri
}
