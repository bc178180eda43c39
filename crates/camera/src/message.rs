//! RTSP/1.0 messages (RFC 2326) and the binary frames between them (10.12),
//! as a server reads and writes them. Bounded: nothing a peer sends makes it
//! hold more than [`MAX_HEAD`] + [`MAX_BODY`] bytes or one frame.

use std::fmt::Write as _;
use std::ops::Range;

/// Longest request line and headers, in bytes.
pub const MAX_HEAD: usize = 8 * 1024;
/// Most headers of a request.
pub const MAX_HEADERS: usize = 64;
/// Longest body of a request, in bytes.
pub const MAX_BODY: usize = 4 * 1024;

/// A request as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Such as `DESCRIBE`; case matters.
    pub method: String,
    /// The request URI, visible ASCII.
    pub uri: String,
    headers: Vec<(String, String)>,
    /// As long as `Content-Length` says.
    pub body: Vec<u8>,
}

impl Request {
    /// The first header of that name, whatever its case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let same = |(n, _): &&(String, String)| n.eq_ignore_ascii_case(name);
        self.headers.iter().find(same).map(|(_, v)| v.as_str())
    }
}

/// What stands at the start of a peer's bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parsed {
    /// The beginning of something: more bytes are needed.
    Incomplete,
    /// A request, and how many bytes it took.
    Request(Box<Request>, usize),
    /// An interleaved frame: its channel, where its payload is, and how many
    /// bytes it took.
    Frame(u8, Range<usize>, usize),
}

/// Why bytes are no RTSP/1.0 request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadRequest {
    /// Not the syntax of RFC 2326.
    #[error("not an RTSP request")]
    Syntax,
    /// Another version than RTSP/1.0.
    #[error("not RTSP/1.0")]
    Version,
    /// More than [`MAX_HEAD`], [`MAX_HEADERS`] or [`MAX_BODY`].
    #[error("the request is too large")]
    TooLarge,
}

impl BadRequest {
    /// The status code that answers it.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::Syntax => 400,
            Self::Version => 505,
            Self::TooLarge => 413,
        }
    }
}

/// Reads what stands at the start of `bytes`.
///
/// # Errors
/// [`BadRequest`]; the connection cannot go on after it, for nobody knows where
/// the next request begins.
pub fn parse(bytes: &[u8]) -> Result<Parsed, BadRequest> {
    if let [b'$', rest @ ..] = bytes {
        let [channel, high, low, rest @ ..] = rest else {
            return Ok(Parsed::Incomplete);
        };
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        return Ok(if rest.len() < length {
            Parsed::Incomplete
        } else {
            Parsed::Frame(*channel, 4..4 + length, 4 + length)
        });
    }
    // RFC 2616, 4.1: empty lines before a request are ignored.
    let blank = bytes
        .iter()
        .take_while(|b| matches!(b, b'\r' | b'\n'))
        .count();
    if blank > 16 {
        return Err(BadRequest::Syntax);
    }
    let rest = bytes.get(blank..).unwrap_or_default();
    let Some(head_end) = end_of_head(rest) else {
        return if rest.len() > MAX_HEAD {
            Err(BadRequest::TooLarge)
        } else {
            Ok(Parsed::Incomplete)
        };
    };
    if head_end > MAX_HEAD {
        return Err(BadRequest::TooLarge);
    }
    let (head, rest) = rest.split_at_checked(head_end).ok_or(BadRequest::Syntax)?;
    let mut request = parse_head(head)?;
    let length = match request.header("Content-Length") {
        None => 0,
        Some(value) => match value.parse::<usize>() {
            Ok(length) if length <= MAX_BODY => length,
            Ok(_) => return Err(BadRequest::TooLarge),
            Err(_) => return Err(BadRequest::Syntax),
        },
    };
    let Some(body) = rest.get(..length) else {
        return Ok(Parsed::Incomplete);
    };
    request.body = body.to_vec();
    Ok(Parsed::Request(
        Box::new(request),
        blank + head_end + length,
    ))
}

/// One past the empty line, `CRLF CRLF` or `LF LF`.
fn end_of_head(bytes: &[u8]) -> Option<usize> {
    let mut line_start = 0;
    for (at, _) in bytes.iter().enumerate().filter(|(_, b)| **b == b'\n') {
        if matches!(bytes.get(line_start..at), Some([] | [b'\r'])) {
            return Some(at + 1);
        }
        line_start = at + 1;
    }
    None
}

fn parse_head(head: &[u8]) -> Result<Request, BadRequest> {
    let head = str::from_utf8(head).map_err(|_| BadRequest::Syntax)?;
    let mut lines = head.lines();
    let mut start = lines.next().unwrap_or_default().split(' ');
    let (Some(method), Some(uri), Some(version), None) =
        (start.next(), start.next(), start.next(), start.next())
    else {
        return Err(BadRequest::Syntax);
    };
    let is_token = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_graphic());
    if !is_token(method) || !is_token(uri) || !version.starts_with("RTSP/") {
        return Err(BadRequest::Syntax);
    }
    if version != "RTSP/1.0" {
        return Err(BadRequest::Version);
    }
    let mut headers: Vec<(String, String)> = Vec::new();
    for line in lines.take_while(|line| !line.is_empty()) {
        if line.chars().any(|c| c.is_control() && c != '\t') {
            return Err(BadRequest::Syntax);
        }
        if line.starts_with([' ', '\t']) {
            // RFC 2616, 2.2: a folded header goes on.
            let (_, value) = headers.last_mut().ok_or(BadRequest::Syntax)?;
            value.push(' ');
            value.push_str(line.trim());
            continue;
        }
        let (name, value) = line.split_once(':').ok_or(BadRequest::Syntax)?;
        if !is_token(name) {
            return Err(BadRequest::Syntax);
        }
        if headers.len() == MAX_HEADERS {
            return Err(BadRequest::TooLarge);
        }
        headers.push((name.to_owned(), value.trim().to_owned()));
    }
    Ok(Request {
        method: method.to_owned(),
        uri: uri.to_owned(),
        headers,
        body: Vec::new(),
    })
}

/// An answer, built header by header.
#[derive(Clone, Debug)]
pub struct Response {
    text: String,
    body: String,
}

impl Response {
    /// An answer to the request with that `CSeq`, if it had one.
    #[must_use]
    pub fn new(status: u16, cseq: Option<&str>) -> Self {
        let mut text = format!("RTSP/1.0 {status} {}\r\n", reason(status));
        if let Some(cseq) = cseq {
            let _ = write!(text, "CSeq: {cseq}\r\n");
        }
        Self {
            text,
            body: String::new(),
        }
    }

    /// Adds a header. Line breaks in `value` would be the caller's mistake and
    /// become spaces.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl std::fmt::Display) -> Self {
        let value = value.to_string().replace(['\r', '\n'], " ");
        let _ = write!(self.text, "{name}: {value}\r\n");
        self
    }

    /// Adds a body and the headers that describe it.
    #[must_use]
    pub fn body(mut self, content_type: &str, body: String) -> Self {
        self = self
            .header("Content-Type", content_type)
            .header("Content-Length", body.len());
        self.body = body;
        self
    }

    /// As it goes over the wire.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        let mut text = self.text;
        text.push_str("\r\n");
        text.push_str(&self.body);
        text.into_bytes()
    }
}

/// RFC 2326, 7.1.1.
const fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        401 => "Unauthorized",
        404 => "Not Found",
        405 => "Method Not Allowed",
        413 => "Request Entity Too Large",
        453 => "Not Enough Bandwidth",
        454 => "Session Not Found",
        455 => "Method Not Valid in This State",
        459 => "Aggregate Operation Not Allowed",
        461 => "Unsupported Transport",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        505 => "RTSP Version Not Supported",
        551 => "Option Not Supported",
        _ => "Unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn request(text: &str) -> Request {
        match parse(text.as_bytes()) {
            Ok(Parsed::Request(request, used)) => {
                assert_eq!(used, text.len());
                *request
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn reads_a_request() {
        let r = request(
            "SET_PARAMETER rtsp://h/s RTSP/1.0\r\nCSeq: 3\r\nX: a,\r\n  b\r\ncontent-length:2\r\n\r\nhi",
        );
        assert_eq!(
            (r.method.as_str(), r.uri.as_str()),
            ("SET_PARAMETER", "rtsp://h/s")
        );
        assert_eq!((r.header("cseq"), r.header("X")), (Some("3"), Some("a, b")));
        assert_eq!(r.body, b"hi");
        assert_eq!(request("\r\nOPTIONS * RTSP/1.0\n\n").uri, "*");
    }

    #[test]
    fn refuses_what_is_not_rtsp() {
        let bad = |text: &str| parse(text.as_bytes()).unwrap_err();
        assert_eq!(bad("GET / HTTP/1.1\r\n\r\n"), BadRequest::Syntax);
        assert_eq!(bad("OPTIONS * RTSP/2.0\r\n\r\n"), BadRequest::Version);
        assert_eq!(
            bad("OPTIONS * RTSP/1.0\r\nno colon\r\n\r\n"),
            BadRequest::Syntax
        );
        let length = |n| format!("OPTIONS * RTSP/1.0\r\nContent-Length: {n}\r\n\r\n");
        assert_eq!(bad(&length("-1")), BadRequest::Syntax);
        assert_eq!(bad(&length("99999999999")), BadRequest::TooLarge);
        let many = "a: b\r\n".repeat(MAX_HEADERS + 1);
        assert_eq!(
            bad(&format!("OPTIONS * RTSP/1.0\r\n{many}\r\n")),
            BadRequest::TooLarge
        );
        assert_eq!(bad(&"x".repeat(MAX_HEAD + 1)), BadRequest::TooLarge);
    }

    #[test]
    fn finds_frames() {
        assert_eq!(
            parse(&[b'$', 1, 0, 2, 7, 8, 9]),
            Ok(Parsed::Frame(1, 4..6, 6))
        );
        assert_eq!(parse(&[b'$', 1, 0, 2, 7]), Ok(Parsed::Incomplete));
    }

    #[test]
    fn a_header_cannot_break_its_line() {
        let bytes = Response::new(200, Some("1"))
            .header("A", "b\r\nC: d")
            .into_bytes();
        assert_eq!(bytes, b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nA: b  C: d\r\n\r\n");
    }

    proptest! {
        #[test]
        fn never_panics(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = parse(&bytes);
        }

        #[test]
        fn near_requests_never_panic(text in "[A-Z]{0,4} ?[ -~]{0,9} RTSP/[0-9.]{0,4}(\r\n[ -~]{0,20}){0,5}(\r\n\r\n)?.{0,9}") {
            if let Ok(Parsed::Request(_, used)) = parse(text.as_bytes()) {
                prop_assert!(used <= text.len());
            }
        }

        #[test]
        fn a_cut_request_is_incomplete(n in 0..63_usize) {
            let text = b"DESCRIBE rtsp://127.0.0.1/stream1 RTSP/1.0\r\nCSeq: 1\r\nA: bcde\r\n\r\n";
            prop_assert_eq!(parse(&text[..n]), Ok(Parsed::Incomplete));
        }
    }
}
