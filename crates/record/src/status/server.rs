//! A small HTTP/1.1 server: GET of a few paths, one answer a connection.
//!
//! Whoever connects may be hostile: a request has a largest size and a time, and
//! there are only so many at once: one more ends the oldest of them, so that those who
//! say nothing keep nobody out. A page of the web that a browser on this machine
//! shows must not read the status under a name of its own: without `public` the
//! `Host` must be an address or `localhost`.

use super::{Board, Listen, metrics};
use crate::{Error, Result};
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::AbortHandle;

/// Connections at the same time. Whoever asks at once is answered before so many others come.
const CONNECTIONS: usize = 64;
/// The longest head of a request, bytes.
const HEAD: usize = 8 << 10;
/// Time for a request and its answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// The server; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    end: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Listens, and answers in a thread of its own.
    pub(crate) fn start(listen: Listen, board: Arc<Board>) -> Result<Self> {
        listen.check()?;
        let cannot = |why: &dyn std::fmt::Display| {
            Error::Usage(format!(
                "the status cannot be served at {}: {why}",
                listen.address
            ))
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .build()
            .map_err(Error::System)?;
        let listener = runtime.block_on(TcpListener::bind(listen.address));
        let listener = listener.map_err(|e| cannot(&e))?;
        let address = listener.local_addr().map_err(|e| cannot(&e))?;
        let (end, mut ended) = watch::channel(false);
        let thread = std::thread::Builder::new().name("status".to_owned());
        let serve = move || {
            runtime.block_on(async {
                tokio::select! {
                    _ = ended.wait_for(|end| *end) => {}
                    () = serve(&listener, &board, listen.public) => {}
                }
            });
            runtime.shutdown_background();
        };
        Ok(Self {
            address,
            end,
            thread: Some(thread.spawn(serve).map_err(Error::System)?),
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end.send_replace(true);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn serve(listener: &TcpListener, board: &Arc<Board>, public: bool) {
    let mut open: VecDeque<AbortHandle> = VecDeque::new();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                open.retain(|connection| !connection.is_finished());
                if open.len() >= CONNECTIONS
                    && let Some(oldest) = open.pop_front()
                {
                    oldest.abort();
                }
                let board = Arc::clone(board);
                let answered = tokio::spawn(async move {
                    // A client that goes away or is slow is nobody's loss.
                    let _ = tokio::time::timeout(PATIENCE, answer(stream, &board, public)).await;
                });
                open.push_back(answered.abort_handle());
            }
            // Too many open files, and the like: it passes.
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

async fn answer(mut stream: TcpStream, board: &Board, public: bool) -> std::io::Result<()> {
    let mut head = Vec::with_capacity(1024);
    while !is_whole(&head) && head.len() < HEAD {
        let room = HEAD - head.len();
        let read = (&mut stream).take(room as u64).read_buf(&mut head).await?;
        if read == 0 {
            return Ok(());
        }
    }
    let (status, content_type, body) = reply(&head, board, public);
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\
         Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(answer.as_bytes()).await?;
    if !head.starts_with(b"HEAD ") {
        stream.write_all(body.as_bytes()).await?;
    }
    stream.shutdown().await
}

fn is_whole(head: &[u8]) -> bool {
    head.windows(4).any(|w| w == b"\r\n\r\n") || head.windows(2).any(|w| w == b"\n\n")
}

const TEXT: &str = "text/plain; charset=utf-8";

/// Status line, content type and body.
fn reply(head: &[u8], board: &Board, public: bool) -> (&'static str, &'static str, String) {
    let error = |status: &'static str| (status, TEXT, format!("{status}\n"));
    if !is_whole(head) {
        return error("431 Request Header Fields Too Large");
    }
    let Ok(head) = std::str::from_utf8(head) else {
        return error("400 Bad Request");
    };
    let mut lines = head.lines();
    let mut words = lines.next().unwrap_or_default().split(' ');
    let (method, path, version) = (words.next(), words.next(), words.next());
    let (Some(method), Some(path), Some(version)) = (method, path, version) else {
        return error("400 Bad Request");
    };
    if !version.starts_with("HTTP/1.") {
        return error("400 Bad Request");
    }
    let host = lines.find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("host").then(|| value.trim())
    });
    if !public && host.is_some_and(|host| !is_local(host)) {
        return error("403 Forbidden");
    }
    if !matches!(method, "GET" | "HEAD") {
        return error("405 Method Not Allowed");
    }
    match path.split('?').next().unwrap_or_default() {
        "/metrics" => (
            "200 OK",
            metrics::CONTENT_TYPE,
            metrics::encode(&board.status()),
        ),
        "/status.json" => {
            // Strings and numbers: this cannot fail.
            let body = serde_json::to_string(&board.status()).unwrap_or_default();
            ("200 OK", "application/json", body + "\n")
        }
        "/" => ("200 OK", TEXT, "/metrics\n/status.json\n".to_owned()),
        _ => error("404 Not Found"),
    }
}

/// An address, or `localhost`, with or without a port.
fn is_local(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    let bare = name.strip_prefix('[').and_then(|n| n.strip_suffix(']'));
    name.eq_ignore_ascii_case("localhost") || bare.unwrap_or(name).parse::<IpAddr>().is_ok()
}
