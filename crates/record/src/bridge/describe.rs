//! What retina is shown of a session description (RFC 8866): streams whose packets
//! it cannot gather, but that need no gathering, are shown to it as octets.

use crate::payload::{CARRIED, OCTETS};
use std::borrow::Cow;

/// The description as it is shown; other lines stay as they are, byte for byte.
pub(super) fn shown(description: &[u8]) -> Cow<'_, [u8]> {
    let line = |line: &[u8]| {
        let text = std::str::from_utf8(line).ok()?;
        let map = text.trim_end().strip_prefix("a=rtpmap:")?;
        let (number, format) = map.split_once(' ')?;
        let (name, rest) = format.trim_start().split_once('/')?;
        if name.eq_ignore_ascii_case(OCTETS) {
            return Some(format!("a=rtpmap:{number} x-{name}/{rest}\r\n"));
        }
        let same = |carried: &str| carried.eq_ignore_ascii_case(name);
        let place = CARRIED.iter().position(|carried| same(carried))? + 1;
        let rate = rest.split('/').next()?;
        Some(format!("a=rtpmap:{number} {OCTETS}/{rate}/{place}\r\n"))
    };
    let lines = || description.split_inclusive(|byte| *byte == b'\n');
    if lines().all(|l| line(l).is_none()) {
        return Cow::Borrowed(description);
    }
    let all = lines().map(|l| line(l).map_or_else(|| l.to_vec(), String::into_bytes));
    Cow::Owned(all.collect::<Vec<_>>().concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_streams_that_are_carried_are_shown_otherwise() {
        let usual = b"v=0\r\nm=audio 0 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n\xff\r\n";
        assert!(matches!(shown(usual), Cow::Borrowed(same) if same == usual));
        let sdp = b"m=audio 0 RTP/AVP 97\r\na=rtpmap:97 OPUS/48000/2\r\na=fmtp:97 x=1\n\
            a=rtpmap:98 AAL2-G726-32/8000\na=rtpmap:99 U8/1/1\r\na=rtpmap:1";
        let want = "m=audio 0 RTP/AVP 97\r\na=rtpmap:97 u8/48000/1\r\na=fmtp:97 x=1\n\
            a=rtpmap:98 u8/8000/4\r\na=rtpmap:99 x-U8/1/1\r\na=rtpmap:1";
        assert_eq!(String::from_utf8_lossy(&shown(sdp)), want);
    }
}
