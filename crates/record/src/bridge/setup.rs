//! What requests and answers become on their way: addresses, sessions,
//! transports. Cameras word them in many ways; retina gets one.

use super::message::Message;
use std::net::IpAddr;
use std::time::Duration;
use url::Url;

/// A `Session` header (RFC 2326 §12.37).
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct SessionHeader {
    pub(crate) id: String,
    pub(crate) timeout: Duration,
}

impl SessionHeader {
    pub(crate) fn parse(value: &str) -> Option<Self> {
        let mut parts = value.split(';').map(str::trim);
        let id = parts.next().filter(|id| !id.is_empty())?;
        let seconds = parts.find_map(|part| {
            let (name, value) = part.split_once('=')?;
            let is_it = name.trim().eq_ignore_ascii_case("timeout");
            is_it.then(|| value.trim().parse().ok()).flatten()
        });
        Some(Self {
            id: id.to_owned(),
            timeout: Duration::from_secs(seconds.unwrap_or(60).clamp(4, 3600)),
        })
    }
}

/// A `Transport` header of a camera's answer (§12.39).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct TransportHeader {
    pub(crate) tcp: bool,
    pub(crate) interleaved: Option<(u8, u8)>,
    pub(crate) server_port: Option<(u16, u16)>,
    pub(crate) source: Option<IpAddr>,
    pub(crate) ssrc: Option<u32>,
}

impl TransportHeader {
    pub(crate) fn parse(value: &str) -> Self {
        let mut header = Self::default();
        for part in value.split(',').next().unwrap_or_default().split(';') {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let value = value.trim().trim_matches('"');
            match name.trim().to_ascii_lowercase().as_str() {
                "rtp/avp/tcp" => header.tcp = true,
                "interleaved" => header.interleaved = pair(value),
                "server_port" => header.server_port = pair(value),
                "source" => header.source = value.parse().ok(),
                // Shorter ones are something else (some cameras say 16 bits of it).
                "ssrc" if value.len() > 4 => header.ssrc = u32::from_str_radix(value, 16).ok(),
                _ => {}
            }
        }
        header
    }
}

/// `a-b`, or `a` for a and a + 1.
fn pair<T: std::str::FromStr + TryFrom<u32>>(value: &str) -> Option<(T, T)> {
    match value.split_once('-') {
        Some((a, b)) => Some((a.trim().parse().ok()?, b.trim().parse().ok()?)),
        None => {
            let first: u32 = value.parse().ok()?;
            Some((first.try_into().ok()?, (first + 1).try_into().ok()?))
        }
    }
}

/// What relative addresses of a session description are relative to (RFC 2326
/// C.1.1): `Content-Base`, with or without a scheme, `Content-Location`, or what
/// was asked for.
pub(crate) fn base(response: &Message, asked: &Url) -> String {
    let said = ["Content-Base", "Content-Location"];
    let said = said.iter().find_map(|name| response.header(name));
    let parsed = said.and_then(|said| {
        let said = said.trim();
        if said.contains("://") {
            Url::parse(said).ok()
        } else if said.starts_with('/') {
            asked.join(said).ok()
        } else {
            Url::parse(&format!("{}://{said}", asked.scheme())).ok()
        }
    });
    let parsed = parsed.filter(Url::has_host);
    parsed.unwrap_or_else(|| asked.clone()).to_string()
}

/// What can be used of an `RTP-Info` header (§12.33): where the timestamps start.
/// Sequence numbers are left out, since too many cameras say wrong ones.
pub(crate) fn rtp_info(value: &str) -> Option<String> {
    let entry = |entry: &str| {
        let mut url = None;
        let mut time = None;
        for part in entry.split(';') {
            let Some((name, value)) = part.trim().split_once('=') else {
                continue;
            };
            let value = value.trim().trim_matches('"');
            match name.trim().to_ascii_lowercase().as_str() {
                "url" => url = Some(value),
                "rtptime" => time = value.parse::<u32>().ok(),
                _ => {}
            }
        }
        Some(format!("url={};rtptime={}", url?, time?))
    };
    let entries: Vec<_> = value.split(',').filter_map(entry).collect();
    (!entries.is_empty()).then(|| entries.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_and_transports_are_read_as_cameras_word_them() {
        let s = SessionHeader::parse("8AB1; x ; Timeout = 15").unwrap();
        assert_eq!((s.id.as_str(), s.timeout.as_secs()), ("8AB1", 15));
        assert_eq!(
            SessionHeader::parse("1;timeout=0")
                .unwrap()
                .timeout
                .as_secs(),
            4
        );
        assert_eq!(SessionHeader::parse(" ;timeout=9"), None);
        let t = TransportHeader::parse(
            "RTP/AVP/TCP;unicast;interleaved=2-3;ssrc= d6d6627;mode=\"play\"",
        );
        assert_eq!(
            (t.tcp, t.interleaved, t.ssrc),
            (true, Some((2, 3)), Some(0x0d6d_6627))
        );
        let t =
            TransportHeader::parse("RTP/AVP;unicast;server_port=5000;source=10.0.0.1;ssrc=A046");
        assert_eq!((t.server_port, t.ssrc), (Some((5000, 5001)), None));
        assert_eq!(t.source, Some([10, 0, 0, 1].into()));
        assert_eq!(
            TransportHeader::parse("interleaved=255"),
            TransportHeader::default()
        );
    }

    #[test]
    fn bases_without_scheme_or_host_are_completed() {
        let asked = Url::parse("rtsp://10.0.0.1:554/a/b").unwrap();
        let with = |base: &str| Message::response(200, "1").with("Content-Base", base);
        for (said, expected) in [
            ("rtsp://h/x/", "rtsp://h/x/"),
            ("10.0.0.1:554/a/", "rtsp://10.0.0.1:554/a/"),
            ("/c/", "rtsp://10.0.0.1:554/c/"),
            ("://", "rtsp://10.0.0.1:554/a/b"),
        ] {
            assert_eq!(base(&with(said), &asked), expected, "{said}");
        }
        assert_eq!(base(&Message::response(200, "1"), &asked), asked.as_str());
    }

    #[test]
    fn rtp_info_is_taken_for_what_it_is_worth() {
        let said =
            "url=rtsp://h/1;seq=1;rtptime=7;, url=\"rtsp://h/2\";rtptime=8;ssrc=x,url=3;seq=99999";
        let kept = "url=rtsp://h/1;rtptime=7,url=rtsp://h/2;rtptime=8";
        assert_eq!(rtp_info(said).as_deref(), Some(kept));
        assert_eq!(rtp_info("nonsense"), None);
        assert_eq!(rtp_info(""), None);
    }
}
