//! A web address as a hook: an HTTP POST of JSON for each event.

use super::Happening;
use std::fmt;
use std::time::{Duration, Instant};
use url::Url;

/// Attempts, and the pauses between them.
const PAUSES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(3)];

/// An address to post to. Shown, it is the host alone: what stands behind it is
/// often a secret.
#[derive(Clone, Eq, PartialEq)]
pub struct Address {
    url: Url,
}

impl Address {
    /// Takes `http://HOST[:PORT]/PATH`, or `https://`.
    ///
    /// # Errors
    /// [`Error::Usage`](crate::Error::Usage) if it is none, or holds a password; the
    /// message does not repeat it.
    pub fn parse(text: &str) -> crate::Result<Self> {
        let usage = |why: &str| Err(crate::Error::Usage(why.to_owned()));
        let Ok(url) = Url::parse(text.trim()) else {
            return usage("the address of a webhook is http://HOST/PATH or https://HOST/PATH");
        };
        match url.scheme() {
            "http" | "https" => {}
            _ => return usage("the address of a webhook starts with http:// or https://"),
        }
        if url.host_str().is_none_or(str::is_empty) {
            return usage("the address of a webhook has no host");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return usage("a webhook has no user name and no password");
        }
        Ok(Self { url })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.url.host_str().unwrap_or_default();
        match self.url.port() {
            Some(port) => write!(f, "{}://{host}:{port}/...", self.url.scheme()),
            None => write!(f, "{}://{host}/...", self.url.scheme()),
        }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}

/// Posts it; tries again, within the time, what another attempt may mend.
pub(super) fn post(address: &Address, told: &Happening, timeout: Duration) -> Result<(), String> {
    let json = told.json();
    let until = Instant::now() + timeout;
    let mut pauses = PAUSES.into_iter();
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let failed = match once(address, &json, left) {
            Ok(()) => return Ok(()),
            Err(failed) => failed,
        };
        match pauses.next() {
            Some(pause) if failed.passes && Instant::now() + pause < until => {
                std::thread::sleep(pause);
            }
            _ => return Err(failed.why),
        }
    }
}

struct Failed {
    why: String,
    passes: bool,
}

fn once(address: &Address, json: &[u8], timeout: Duration) -> Result<(), Failed> {
    let agent = crate::http::agent(timeout, address.url.scheme() == "https");
    let post = agent.post(address.url.as_str());
    let answer = post.content_type("application/json").send(json);
    match answer.map(|answer| answer.status()) {
        Ok(status) if status.is_success() => Ok(()),
        Ok(status) => Err(Failed {
            why: format!("answered {}", status.as_u16()),
            passes: status.is_server_error(),
        }),
        // The library's words may repeat the address.
        Err(error) => Err(Failed {
            why: crate::http::why(&error),
            passes: true,
        }),
    }
}
