//! A camera that says what a test tells it to.
#![allow(dead_code, reason = "not every test needs all of it")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A session description of G.711 sound.
pub(crate) const SDP: &str = "v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=control:*\r\n\
    m=audio 0 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\na=control:track1\r\n";

/// A request: its first line and its headers.
pub(crate) struct Request {
    pub(crate) lines: Vec<String>,
    /// Packets that came before it, between the messages.
    pub(crate) packets: Vec<Vec<u8>>,
}

impl Request {
    pub(crate) fn method(&self) -> &str {
        self.lines[0].split(' ').next().unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let start = format!("{name}: ");
        self.lines.iter().find_map(|l| l.strip_prefix(&start))
    }

    /// An answer with these headers and body.
    pub(crate) fn answer(&self, status: &str, headers: &str, body: &str) -> String {
        let cseq = self.header("CSeq").unwrap();
        let length = body.len();
        let headers: String = headers.lines().map(|l| format!("{l}\r\n")).collect();
        format!(
            "RTSP/1.0 {status}\r\nCSeq: {cseq}\r\n{headers}Content-Length: {length}\r\n\r\n{body}"
        )
    }

    /// The usual answers.
    pub(crate) fn usual(&self) -> String {
        match self.method() {
            "DESCRIBE" => self.answer("200 OK", "Content-Type: application/sdp", SDP),
            "SETUP" => {
                let transport = self.header("Transport").unwrap();
                let headers = format!("Session: 12;timeout=60\nTransport: {transport}");
                self.answer("200 OK", &headers, "")
            }
            _ => self.answer("200 OK", "Session: 12", ""),
        }
    }
}

/// Reads the next request; `None` at the end.
pub(crate) fn request(reader: &mut impl BufRead) -> Option<Request> {
    let (mut lines, mut packets) = (Vec::new(), Vec::new());
    loop {
        if lines.is_empty() && reader.fill_buf().ok()?.first() == Some(&b'$') {
            let mut head = [0; 4];
            reader.read_exact(&mut head).ok()?;
            let mut packet = vec![0; usize::from(u16::from_be_bytes([head[2], head[3]]))];
            reader.read_exact(&mut packet).ok()?;
            packets.push(packet);
            continue;
        }
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim_end() {
            "" if lines.is_empty() => {}
            "" => return Some(Request { lines, packets }),
            line => lines.push(line.to_owned()),
        }
    }
}

/// Serves every connection with `serve`, in a thread each; the address.
pub(crate) fn listen(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let serve = Arc::new(serve);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let serve = Arc::clone(&serve);
            std::thread::spawn(move || serve(stream));
        }
    });
    format!("rtsp://{address}/stream1")
}

/// Answers requests with `answer`; after that of PLAY does `media`. All requests
/// are noted.
pub(crate) fn camera(
    answer: impl Fn(&Request) -> String + Send + Sync + 'static,
    media: impl Fn(&mut TcpStream) + Send + Sync + 'static,
) -> (String, Arc<Mutex<Vec<Request>>>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&seen);
    let url = listen(move |mut stream| {
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        while let Some(request) = request(&mut reader) {
            let is_play = request.method() == "PLAY";
            let text = answer(&request);
            noted.lock().unwrap().push(request);
            if stream.write_all(text.as_bytes()).is_err() {
                return;
            }
            if is_play {
                media(&mut stream);
            }
        }
    });
    (url, seen)
}

/// An interleaved packet of G.711.
pub(crate) fn sound(channel: u8, ssrc: u32, sequence: u16, timestamp: u32, byte: u8) -> Vec<u8> {
    let mut packet = vec![b'$', channel, 0, 172, 0x80, 8];
    packet.extend(sequence.to_be_bytes());
    packet.extend(timestamp.to_be_bytes());
    packet.extend(ssrc.to_be_bytes());
    packet.extend([byte; 160]);
    packet
}

/// Reads until the other side goes.
pub(crate) fn drain(stream: &mut TcpStream) {
    let _ = stream.set_read_timeout(Some(Duration::from_secs(30)));
    let mut bytes = [0; 4096];
    while matches!(stream.read(&mut bytes), Ok(1..)) {}
}
