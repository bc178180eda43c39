//! The protocol of `sd_notify(3)`: datagrams to the socket that systemd names.

#[cfg(target_os = "linux")]
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// The manager's socket.
#[derive(Debug)]
pub(super) struct Notifier {
    socket: UnixDatagram,
    watchdog: Option<Duration>,
}

impl Notifier {
    /// The one that `NOTIFY_SOCKET` names, if there is one.
    pub(super) fn from_environment() -> Option<Self> {
        let name = std::env::var_os("NOTIFY_SOCKET")?;
        let address = match name.as_bytes().split_first()? {
            #[cfg(target_os = "linux")]
            (b'@', name) => SocketAddr::from_abstract_name(name),
            (b'/', _) => SocketAddr::from_pathname(&name),
            _ => return None,
        };
        let socket = UnixDatagram::unbound().ok()?;
        socket.connect_addr(&address.ok()?).ok()?;
        // A manager that does not read must not stop the recorder.
        socket.set_nonblocking(true).ok()?;
        let number = |name: &str| std::env::var(name).ok()?.parse::<u64>().ok();
        let meant = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(std::process::id()));
        let watchdog = number("WATCHDOG_USEC").filter(|usec| *usec > 0 && meant);
        Some(Self {
            socket,
            watchdog: watchdog.map(Duration::from_micros),
        })
    }

    /// The time after which the manager takes the recorder for dead, if it does.
    pub(super) const fn watchdog(&self) -> Option<Duration> {
        self.watchdog
    }

    /// Says something; what cannot be sent is not said.
    pub(super) fn say(&self, text: &str) {
        let _ = self.socket.send(text.as_bytes());
    }
}
