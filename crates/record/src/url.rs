//! Camera addresses and passwords: taken apart, and never shown.

use crate::{Error, Result};
use std::fmt;
use std::path::Path;
use std::sync::mpsc;
use url::Url;

/// The longest password file that is read, bytes.
const PASSWORD_FILE_LIMIT: u64 = 4096;
/// How long a password file may take to be read.
const PASSWORD_FILE_WAIT: std::time::Duration = std::time::Duration::from_secs(5);

/// Words that announce a password in paths and queries of cameras
/// (`/user=admin&password=x`, `?pwd=x`).
const SECRETS: [&str; 4] = ["password=", "passwd=", "pass=", "pwd="];

/// A user name and a password. Neither `Debug` nor anything else shows the
/// password.
#[derive(Clone, Eq, PartialEq)]
pub struct Credentials {
    /// The user name.
    pub username: String,
    /// The password.
    pub password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

/// The address of a camera's stream. Shown (`Display`, `Debug`), it leaves out
/// the credentials and masks what looks like a password in the rest.
#[derive(Clone, Eq, PartialEq)]
pub struct CameraUrl {
    url: Url,
    credentials: Option<Credentials>,
}

impl CameraUrl {
    /// Takes `rtsp://[user[:password]@]host[:port]/path`, or `rtsps://` for RTSP
    /// over TLS. User name and
    /// password may be percent-encoded; a password with `@`, `:` or `#` in it
    /// is understood as it is, one with `/` or `?` must be encoded.
    ///
    /// # Errors
    /// [`Error::Usage`] if it is no such address; the message does not repeat it.
    pub fn parse(text: &str) -> Result<Self> {
        let usage = |m: &str| Error::Usage(m.to_owned());
        let text = text.trim();
        let (scheme, rest) = text
            .split_once("://")
            .ok_or_else(|| usage("a camera address starts with rtsp:// or rtsps://"))?;
        let scheme = scheme.to_ascii_lowercase();
        if !matches!(scheme.as_str(), "rtsp" | "rtsps") {
            return Err(usage("a camera address starts with rtsp:// or rtsps://"));
        }
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let (credentials, host) = match authority.rsplit_once('@') {
            Some((user_info, host)) => (Some(user_info), host),
            None => (None, authority),
        };
        let credentials = credentials.filter(|c| !c.is_empty()).map(|user_info| {
            let (user, password) = user_info.split_once(':').unwrap_or((user_info, ""));
            Credentials {
                username: percent_decode(user),
                password: percent_decode(password),
            }
        });
        // The message of the URL parser could quote what it was given.
        let url = Url::parse(&format!("{scheme}://{host}{path}"))
            .map_err(|_| usage("the camera address has no valid host, port or path"))?;
        if url.host_str().is_none_or(str::is_empty) {
            return Err(usage("the camera address has no host"));
        }
        Ok(Self { url, credentials })
    }

    /// The address without credentials, to connect to.
    #[must_use]
    pub const fn url(&self) -> &Url {
        &self.url
    }

    /// Whether the connection is to be encrypted.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.url.scheme() == "rtsps"
    }

    /// What stood before the `@`.
    #[must_use]
    pub const fn credentials(&self) -> Option<&Credentials> {
        self.credentials.as_ref()
    }

    /// The same address with other credentials.
    #[must_use]
    pub fn with_credentials(self, credentials: Option<Credentials>) -> Self {
        Self {
            credentials,
            ..self
        }
    }
}

impl fmt::Display for CameraUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&mask(self.url.as_str()))
    }
}

impl fmt::Debug for CameraUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CameraUrl({self})")
    }
}

/// Puts `***` for the values behind the words that announce a password.
pub(crate) fn mask(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    let mut shown = String::with_capacity(text.len());
    let mut at = 0;
    while let Some((word, from)) = next_secret(&lower, at) {
        let value = from + word.len();
        let end = lower
            .get(value..)
            .and_then(|rest| rest.find(['&', '/', ';', ' ', '"', '\n']))
            .map_or(text.len(), |n| value + n);
        shown.push_str(text.get(at..value).unwrap_or_default());
        shown.push_str("***");
        at = end;
    }
    shown.push_str(text.get(at..).unwrap_or_default());
    shown
}

fn next_secret(lower: &str, at: usize) -> Option<(&'static str, usize)> {
    let rest = lower.get(at..)?;
    let found = SECRETS
        .iter()
        .filter_map(|word| Some((*word, at + rest.find(word)?)));
    found.min_by_key(|(_, from)| *from)
}

/// Decodes `%41`; what is no such escape stays as it is.
fn percent_decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let hex = |b: u8| {
            char::from(b)
                .to_digit(16)
                .and_then(|d| u8::try_from(d).ok())
        };
        if first == b'%'
            && let Some((&[high, low], behind)) = tail.split_first_chunk::<2>()
            && let (Some(high), Some(low)) = (hex(high), hex(low))
        {
            bytes.push(high << 4 | low);
            rest = behind;
        } else {
            bytes.push(first);
            rest = tail;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Reads a password from the first line of a file.
///
/// # Errors
/// [`Error::Io`] if it cannot be read within 5 s (a pipe that nobody writes to, a file system that is
/// away), [`Error::Usage`] if it is longer than 4096 bytes, empty or not UTF-8.
pub fn read_password_file(path: &Path) -> Result<String> {
    use std::io::Read;
    let (sent, got) = mpsc::sync_channel(1);
    let file = path.to_owned();
    // To open or read it may never end, and reloading must not wait for that.
    let reader = std::thread::Builder::new().name("password file".to_owned());
    let reader = reader.spawn(move || {
        let mut text = Vec::new();
        let read = std::fs::File::open(file)
            .and_then(|file| file.take(PASSWORD_FILE_LIMIT + 1).read_to_end(&mut text));
        // Nobody may be waiting any more.
        let _ = sent.send(read.map(|_| text));
    });
    reader.map_err(Error::System)?;
    let read = got.recv_timeout(PASSWORD_FILE_WAIT);
    let late = || Err(std::io::ErrorKind::TimedOut.into());
    let text = read.unwrap_or_else(|_| late());
    let text = text.map_err(|e| Error::io(path, "read", e))?;
    let usage = |m: &str| Error::Usage(format!("{}: {m}", path.display()));
    if text.len() as u64 > PASSWORD_FILE_LIMIT {
        return Err(usage("too long for a password file"));
    }
    let text = String::from_utf8(text).map_err(|_| usage("is not UTF-8"))?;
    let line = text.lines().next().unwrap_or_default();
    if line.is_empty() {
        return Err(usage("its first line is empty"));
    }
    Ok(line.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_split_off_and_decoded() {
        let url = CameraUrl::parse("rtsp://ad%6Din:p%40ss:w#rd%zz@cam.local:8554/stream1").unwrap();
        let credentials = url.credentials().unwrap();
        assert_eq!(credentials.username, "admin");
        assert_eq!(credentials.password, "p@ss:w#rd%zz");
        assert_eq!(url.url().as_str(), "rtsp://cam.local:8554/stream1");
        let plain = CameraUrl::parse("RTSP://10.0.0.1/a?b=c").unwrap();
        assert_eq!(plain.credentials(), None);
        assert_eq!(plain.to_string(), "rtsp://10.0.0.1/a?b=c");
        let at = CameraUrl::parse("rtsp://u:a@b@host/x").unwrap();
        assert_eq!(at.credentials().unwrap().password, "a@b");
    }

    #[test]
    fn no_form_of_showing_it_shows_the_password() {
        let text = "rtsp://u:hunter2@h/user=admin&password=hunter2&channel=1?pwd=hunter2";
        let url = CameraUrl::parse(text).unwrap();
        for shown in [
            format!("{url}"),
            format!("{url:?}"),
            format!("{:?}", url.credentials()),
        ] {
            assert!(!shown.contains("hunter2"), "{shown}");
        }
        assert_eq!(
            url.to_string(),
            "rtsp://h/user=admin&password=***&channel=1?pwd=***"
        );
        let wrong = CameraUrl::parse("rtsp://u:hunter2@:99999/").unwrap_err();
        assert!(!wrong.to_string().contains("hunter2"));
    }

    #[test]
    fn what_is_no_camera_address_is_refused() {
        for text in ["", "cam", "http://h/", "rtsp://", "rtsp://u:p@/x"] {
            let refused = CameraUrl::parse(text);
            assert!(matches!(refused, Err(Error::Usage(_))), "{text}");
        }
    }

    #[test]
    fn a_password_file_is_its_first_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("password");
        std::fs::write(&path, "s3 cret\nmore\n").unwrap();
        assert_eq!(read_password_file(&path).unwrap(), "s3 cret");
        std::fs::write(&path, "\n").unwrap();
        assert!(read_password_file(&path).is_err());
        std::fs::write(&path, "x".repeat(5000)).unwrap();
        assert!(read_password_file(&path).is_err());
    }

    #[test]
    fn a_pipe_that_nobody_writes_to_is_not_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.unwrap().success());
        let error = read_password_file(&pipe).unwrap_err().to_string();
        assert!(error.contains("pipe") && error.contains("read"), "{error}");
    }
}
