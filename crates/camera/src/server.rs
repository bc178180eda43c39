//! Sockets and timers: moves bytes between clients and their
//! [`Connection`]s, in a thread of its own.

use crate::connection::{Connection, overloaded};
use crate::fault::{Fault, Faults};
use crate::journal::{Counters, Journal, SessionLog};
use crate::{CameraConfig, Error, Result};
use bytes::Buf as _;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::sleep_until;

/// A client that was told goodbye must read it within this time.
const GOODBYE: Duration = Duration::from_secs(5);

/// What all connections of a camera share.
pub(crate) struct Shared {
    pub(crate) config: CameraConfig,
    pub(crate) started: Instant,
    journal: Mutex<Journal>,
    faults: watch::Sender<Faults>,
}

impl Shared {
    pub(crate) fn journal(&self) -> MutexGuard<'_, Journal> {
        self.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn new(config: CameraConfig) -> Self {
        let tracks = config.clips.first().map_or(0, |clip| clip.tracks.len());
        Self {
            journal: Mutex::new(Journal::new(tracks, config.log_capacity)),
            config,
            started: Instant::now(),
            faults: watch::Sender::new(Faults::default()),
        }
    }

    pub(crate) fn apply(&self, fault: &Fault) {
        tracing::info!(?fault, "fault");
        self.faults
            .send_modify(|faults| faults.apply(fault, Instant::now()));
    }
}

/// A camera that runs, until it is dropped.
pub struct Camera {
    shared: Arc<Shared>,
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Camera {
    /// Starts a camera in a thread of its own. Needs no runtime and does not
    /// care if there is one.
    ///
    /// # Errors
    /// [`Error::Usage`] if the configuration makes no sense, [`Error::Listen`]
    /// if the address cannot be had, [`Error::Start`] if the system refuses a
    /// thread.
    pub fn start(config: CameraConfig) -> Result<Self> {
        config.check()?;
        let wanted = config.address;
        let listen = |source| Error::Listen {
            address: wanted,
            source,
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .build()
            .map_err(Error::Start)?;
        // Not tokio's: the caller may be in a runtime of its own.
        let listener = std::net::TcpListener::bind(wanted).map_err(listen)?;
        listener.set_nonblocking(true).map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let listener = {
            let _inside = runtime.enter();
            TcpListener::from_std(listener).map_err(listen)?
        };
        let shared = Arc::new(Shared::new(config));
        let (stop, stopped) = oneshot::channel();
        let serving = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("camera".into())
            .spawn(move || {
                runtime.block_on(async {
                    tokio::select! {
                        () = accept(listener, Arc::clone(&serving)) => {}
                        () = run_schedule(&serving) => {}
                        _ = stopped => {}
                    }
                });
            })
            .map_err(Error::Start)?;
        Ok(Self {
            shared,
            address,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where to find the stream, without credentials. A camera that listens on
    /// all addresses names the loopback one.
    #[must_use]
    pub fn url(&self) -> String {
        let mut address = self.address;
        if address.ip().is_unspecified() {
            address.set_ip(match address {
                SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
                SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
            });
        }
        format!("rtsp://{address}{}", self.shared.config.path)
    }

    /// Does a fault now.
    ///
    /// # Errors
    /// [`Error::Usage`] if the camera has no such clip, or if more than 100
    /// percent are to be lost.
    pub fn apply(&self, fault: &Fault) -> Result<()> {
        self.shared.config.check_fault(fault)?;
        self.shared.apply(fault);
        Ok(())
    }

    /// What it has done so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.shared.journal().counters.clone()
    }

    /// What it has sent to whom: the latest sessions, oldest first.
    #[must_use]
    pub fn sessions(&self) -> Vec<SessionLog> {
        self.shared.journal().sessions()
    }

    /// Closes all connections and waits for the thread to end.
    pub fn shutdown(self) {
        drop(self);
    }
}

impl Drop for Camera {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl std::fmt::Debug for Camera {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Camera").field(&self.url()).finish()
    }
}

async fn run_schedule(shared: &Shared) {
    let mut schedule: Vec<_> = shared.config.schedule.iter().collect();
    schedule.sort_by_key(|(at, _)| *at);
    for (at, fault) in schedule {
        match shared.started.checked_add(*at) {
            Some(at) => sleep_until(at.into()).await,
            None => break,
        }
        shared.apply(fault);
    }
    std::future::pending::<()>().await;
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut clients = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    let full = clients.len() >= shared.config.max_connections;
                    let refusing = shared.faults.borrow().refusing(Instant::now());
                    let mut journal = shared.journal();
                    journal.counters.connections += 1;
                    journal.counters.refused += u64::from(full || refusing);
                    drop(journal);
                    if refusing {
                        // With nothing left to send or read, close is a reset.
                        let _ = stream.set_zero_linger();
                    } else if full {
                        let _ = stream.try_write(&overloaded());
                    } else {
                        clients.spawn(Client::new(Arc::clone(&shared)).serve(stream, peer));
                    }
                }
                // Out of descriptors, or a connection that was gone already.
                Err(error) => {
                    tracing::warn!(%error, "accept");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            },
            Some(_) = clients.join_next() => {}
        }
    }
}

/// Counts a client for as long as it lives.
struct Client {
    shared: Arc<Shared>,
}

impl Client {
    fn new(shared: Arc<Shared>) -> Self {
        shared.journal().counters.clients += 1;
        Self { shared }
    }

    async fn serve(self, stream: TcpStream, peer: SocketAddr) {
        match self.exchange(&stream, peer).await {
            Ok(()) => tracing::debug!(%peer, "closed"),
            Err(error) => tracing::debug!(%peer, %error, "closed"),
        }
    }

    async fn exchange(&self, stream: &TcpStream, peer: SocketAddr) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let local = stream.local_addr()?;
        let shared = &self.shared;
        let mut changes = shared.faults.subscribe();
        let drops = changes.borrow_and_update().drops;
        let mut connection = Connection::new(Arc::clone(shared), peer, local, Instant::now());
        let mut goodbye = None;
        loop {
            let faults = *changes.borrow_and_update();
            if faults.drops != drops {
                return Ok(());
            }
            if let Some(end) = faults.silent_until(Instant::now()) {
                tokio::select! {
                    () = sleep_until(end.into()) => {}
                    _ = changes.changed() => {}
                }
                connection.skip(Instant::now());
                continue;
            }
            connection.tick(Instant::now(), &faults);
            write(stream, &mut connection)?;
            if connection.is_done() || goodbye.is_some_and(|end| Instant::now() >= end) {
                return Ok(());
            }
            if connection.out.len() > shared.config.max_backlog {
                shared.journal().counters.too_slow += 1;
                return Err(io::Error::other("the client does not read"));
            }
            let deadline = if connection.is_closing() {
                *goodbye.get_or_insert_with(|| Instant::now() + GOODBYE)
            } else {
                connection.deadline()
            };
            tokio::select! {
                ready = stream.readable(), if !connection.is_closing() => {
                    ready?;
                    if !read(stream, &mut connection, &faults)? {
                        return Ok(());
                    }
                }
                ready = stream.writable(), if !connection.out.is_empty() => ready?,
                () = sleep_until(deadline.into()) => {}
                _ = changes.changed() => {}
            }
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.shared.journal().counters.clients -= 1;
    }
}

/// Reads what is there. Returns false at the end.
fn read(stream: &TcpStream, connection: &mut Connection, faults: &Faults) -> io::Result<bool> {
    let mut buffer = [0; 4096];
    match stream.try_read(&mut buffer) {
        Ok(0) => Ok(false),
        Ok(n) => {
            let bytes = buffer.get(..n).unwrap_or_default();
            connection.input(bytes, Instant::now(), faults);
            Ok(true)
        }
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(true),
        Err(error) => Err(error),
    }
}

/// Writes what the client takes.
fn write(stream: &TcpStream, connection: &mut Connection) -> io::Result<()> {
    while !connection.out.is_empty() {
        match stream.try_write(&connection.out) {
            Ok(n) => connection.out.advance(n),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
