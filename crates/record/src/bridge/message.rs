//! RTSP messages (RFC 2326 §4, §6, §7, §10.12), one after another from a buffer,
//! with an end to everything.

use super::Violation;
use std::fmt::Write as _;

/// The longest start line and headers of a message, bytes.
pub(crate) const HEAD: usize = 16 << 10;
/// The longest body, bytes. Session descriptions have a few thousand.
pub(crate) const BODY: usize = 128 << 10;
/// The most headers.
const HEADERS: usize = 64;

/// What a buffer begins with.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Framed {
    /// Not all of it is there yet: so many bytes at least are needed.
    Incomplete(usize),
    /// Line ends between messages, so many bytes.
    Blank(usize),
    /// An interleaved packet: channel, and its length behind four bytes.
    Packet(u8, usize),
    /// A request or a response, and how many bytes it has.
    Message(Message, usize),
}

/// A request or a response.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Message {
    pub(crate) start: Start,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Start {
    Request { method: String, uri: String },
    Response { status: u16, reason: String },
}

impl Message {
    pub(crate) fn request(method: &str, uri: &str) -> Self {
        Self {
            start: Start::Request {
                method: method.to_owned(),
                uri: uri.to_owned(),
            },
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    pub(crate) fn response(status: u16, cseq: &str) -> Self {
        let reason = if status == 200 { "OK" } else { "Not so" };
        Self {
            start: Start::Response {
                status,
                reason: reason.to_owned(),
            },
            headers: vec![("CSeq".to_owned(), cseq.to_owned())],
            body: Vec::new(),
        }
    }

    /// The same with one more header.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The first header of this name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let named = |(n, _): &&(String, String)| n.eq_ignore_ascii_case(name);
        self.headers.iter().find(named).map(|(_, v)| v.as_str())
    }

    /// All headers of this name.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let named = move |(n, _): &&(String, String)| n.eq_ignore_ascii_case(name);
        self.headers.iter().filter(named).map(|(_, v)| v.as_str())
    }

    /// As bytes. Whatever could end a line early is left out.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let plain = |text: &str| text.chars().filter(|c| !c.is_control()).collect::<String>();
        let word = |text: &str| plain(text).replace(' ', "%20");
        let mut text = match &self.start {
            Start::Request { method, uri } => {
                format!("{} {} RTSP/1.0\r\n", word(method), word(uri))
            }
            Start::Response { status, reason } => {
                format!("RTSP/1.0 {status} {}\r\n", plain(reason))
            }
        };
        for (name, value) in &self.headers {
            // Writing to a String cannot fail.
            let _ = write!(text, "{}: {}\r\n", plain(name), plain(value));
        }
        if !self.body.is_empty() {
            let _ = write!(text, "Content-Length: {}\r\n", self.body.len());
        }
        text.push_str("\r\n");
        let mut bytes = text.into_bytes();
        bytes.extend_from_slice(&self.body);
        bytes
    }
}

/// Looks at what `bytes` begins with. What can be told to be wrong from the
/// bytes that are there is an error, even if the message is not complete.
pub(crate) fn parse(bytes: &[u8]) -> Result<Framed, Violation> {
    match bytes {
        [] => return Ok(Framed::Incomplete(1)),
        [b'$', channel, high, low, rest @ ..] => {
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            return Ok(if rest.len() < length {
                Framed::Incomplete(4 + length)
            } else {
                Framed::Packet(*channel, length)
            });
        }
        [b'$', ..] => return Ok(Framed::Incomplete(4)),
        [b'\r' | b'\n' | 0, ..] => {
            let blank = bytes.iter().take_while(|b| matches!(b, b'\r' | b'\n' | 0));
            return Ok(Framed::Blank(blank.count()));
        }
        _ => {}
    }
    let word = |b: &u8| b.is_ascii_uppercase() || matches!(b, b'_' | b'/' | b' ' | b'.');
    let is_start = |b: &u8| word(b) || b.is_ascii_digit();
    if !bytes.iter().take(4).all(is_start) {
        return Err(Violation::NotRtsp);
    }
    let searched = bytes.get(..HEAD).unwrap_or(bytes);
    let Some((head, body_at)) = head_end(searched) else {
        if bytes.len() >= HEAD {
            return Err(Violation::LongHead);
        }
        return Ok(Framed::Incomplete(bytes.len() + 1));
    };
    let head = String::from_utf8_lossy(bytes.get(..head).unwrap_or_default());
    let mut message = parse_head(&head)?;
    let mut length = None;
    for value in message.all("Content-Length") {
        let value: usize = value.parse().map_err(|_| Violation::Length)?;
        if length.is_some_and(|l| l != value) {
            return Err(Violation::Length);
        }
        length = Some(value);
    }
    let length = length.unwrap_or(0);
    if length > BODY {
        return Err(Violation::LongBody);
    }
    let Some(body) = bytes.get(body_at..body_at + length) else {
        return Ok(Framed::Incomplete(body_at + length));
    };
    message.body = body.to_vec();
    message
        .headers
        .retain(|(name, _)| !name.eq_ignore_ascii_case("Content-Length"));
    Ok(Framed::Message(message, body_at + length))
}

/// Where the head ends and where the body begins.
fn head_end(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut from = 0;
    loop {
        let line_end = bytes.get(from..)?.iter().position(|b| *b == b'\n')? + from;
        match bytes.get(line_end + 1..) {
            Some([b'\n', ..]) => return Some((line_end, line_end + 2)),
            Some([b'\r', b'\n', ..]) => return Some((line_end, line_end + 3)),
            _ => from = line_end + 1,
        }
    }
}

fn parse_head(head: &str) -> Result<Message, Violation> {
    let mut lines = head.lines();
    let first = lines.next().unwrap_or_default();
    let mut words = first.splitn(3, ' ');
    let (one, two) = (words.next().unwrap_or_default(), words.next());
    let three = words.next().unwrap_or_default();
    let two = two.ok_or(Violation::NotRtsp)?;
    let start = if one.starts_with("RTSP/") {
        let status = two.parse().map_err(|_| Violation::NotRtsp)?;
        let reason = three.chars().filter(|c| !c.is_control()).take(80).collect();
        Start::Response { status, reason }
    } else if three.starts_with("RTSP/") {
        Start::Request {
            method: one.to_owned(),
            uri: two.to_owned(),
        }
    } else {
        return Err(Violation::NotRtsp);
    };
    let mut headers: Vec<(String, String)> = Vec::new();
    for line in lines {
        if line.starts_with([' ', '\t']) {
            // The last header goes on (RFC 2326 §4.2).
            if let Some((_, value)) = headers.last_mut() {
                value.push(' ');
                value.push_str(line.trim());
            }
        } else if let Some((name, value)) = line.split_once(':') {
            if headers.len() == HEADERS {
                return Err(Violation::LongHead);
            }
            headers.push((name.trim().to_owned(), value.trim().to_owned()));
        }
    }
    Ok(Message {
        start,
        headers,
        body: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn message(bytes: &[u8]) -> (Message, usize) {
        match parse(bytes) {
            Ok(Framed::Message(message, used)) => (message, used),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn responses_requests_and_packets_are_told_apart() {
        let bytes = b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nX: a\r\n b\r\nContent-length: 3\r\n\r\nabcRTSP";
        let (response, used) = message(bytes);
        assert_eq!(used, bytes.len() - 4);
        assert_eq!(response.header("cseq"), Some("1"));
        assert_eq!(response.header("x"), Some("a b"));
        assert_eq!(response.body, b"abc");
        let (request, _) = message(b"OPTIONS * RTSP/1.0\nCSeq: 7\n\nrest");
        assert_eq!(request.header("CSeq"), Some("7"));
        assert!(matches!(request.start, Start::Request { .. }));
        assert_eq!(parse(b"$\x02\x00\x01x"), Ok(Framed::Packet(2, 1)));
        assert_eq!(parse(b"$\x02\xff\xffx"), Ok(Framed::Incomplete(65_539)));
        assert_eq!(parse(b"\r\n\r\n$"), Ok(Framed::Blank(4)));
    }

    #[test]
    fn what_is_hostile_is_refused_before_it_is_complete() {
        let endless = b"RTSP/1.0 200 OK\r\n"
            .iter()
            .chain(b"A: b\r\n".iter().cycle());
        let endless: Vec<u8> = endless.copied().take(HEAD).collect();
        assert_eq!(parse(&endless), Err(Violation::LongHead));
        let long = [b"RTSP/1.0 200 OK ".as_slice(), &[b'x'; HEAD]].concat();
        assert_eq!(parse(&long), Err(Violation::LongHead));
        for (text, error) in [
            (
                "RTSP/1.0 200 OK\r\nContent-Length: 9999999999\r\n\r\n",
                Violation::LongBody,
            ),
            (
                "RTSP/1.0 200 OK\r\nContent-Length: -1\r\n\r\n",
                Violation::Length,
            ),
            (
                "RTSP/1.0 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
                Violation::Length,
            ),
            ("RTSP/1.0 two OK\r\n\r\n", Violation::NotRtsp),
            ("HTTP/1.1 200 OK\r\n\r\n", Violation::NotRtsp),
            ("\x16\x03\x01\x02", Violation::NotRtsp),
        ] {
            assert_eq!(parse(text.as_bytes()), Err(error), "{text}");
        }
    }

    #[test]
    fn no_value_makes_a_line_of_its_own() {
        let request = Message::request("PLAY", "rtsp://h/\r\nEvil: 1").with("A", "b\r\nC: d");
        let (read, _) = message(&request.encode());
        assert_eq!(read.headers.len(), 1);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = parse(&bytes);
            let mut text = b"RTSP/1.0 200 OK\r\n".to_vec();
            text.extend(&bytes);
            text.extend(b"\r\n\r\n");
            let _ = parse(&text);
        }
    }
}
