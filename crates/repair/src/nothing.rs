//! Why nothing was recovered, in words that say what the file holds instead.

use crate::layout::{Layout, trim_zeros};
use crate::{Basis, Result};
use tapo_io::{ByteSource, Span};

/// What a file without a single sample holds.
///
/// # Errors
/// The source fails.
pub(crate) fn why(source: &dyn ByteSource, layout: &Layout, basis: &Basis) -> Result<String> {
    let len = source.len();
    if len == 0 {
        return Ok("it is empty".to_owned());
    }
    let mut data: Option<Span> = None;
    for (span, ..) in layout.media() {
        let end = trim_zeros(source, span)?;
        if end > span.start {
            let start = data.map_or(span.start, |d| d.start);
            data = Some(Span::new(start, end));
        }
    }
    let boxes = layout.kinds().next().is_some();
    Ok(match (data, basis) {
        (None, Basis::OwnIndex) => {
            format!("its index is there, but none of the media data: the file ends at byte {len}")
        }
        (None, _) if boxes => "it holds no media data, only boxes in front of it".to_owned(),
        (None, _) => "it holds nothing but zeros: nothing was ever written to it".to_owned(),
        (Some(data), _) => format!(
            "no sample of any track was recognised in its media data (bytes {} to {})",
            data.start, data.end
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(bytes: &Vec<u8>) -> String {
        let layout = Layout::of(bytes).unwrap();
        let path = "r.mp4".into();
        let basis = Basis::Reference {
            path,
            why: String::new(),
        };
        why(bytes, &layout, &basis).unwrap()
    }

    #[test]
    fn each_kind_of_nothing_has_its_words() {
        assert_eq!(said(&vec![]), "it is empty");
        assert!(said(&vec![0; 5000]).contains("nothing but zeros"));
        let boxed = b"\0\0\0\x10ftypisom\0\0\0\0".to_vec();
        assert!(said(&boxed).contains("no media data"));
        let media = [&boxed[..], b"\0\0\0\x14mdat", &[7; 12], &[0; 900]].concat();
        assert!(said(&media).contains("bytes 24 to 36"), "{}", said(&media));
    }
}
