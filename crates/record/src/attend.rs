//! Those who attend a recording: whoever called, the board of the status, hooks, playlists.
//! Each is told every event, and none can hold it up.

use crate::hooks::{Hook, Hooks};
use crate::names::Namer;
use crate::options::Options;
use crate::outcome::Event;
use crate::playlist::Playlists;
use crate::service::{Disks, Pulses, Watch};
use crate::status::{Board, Listen, Server};
use crate::stop::StopHandle;
use crate::writer::Tell;
use crate::{Error, Result};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long playlists may take when the recording has ended.
const CLOSING: Duration = Duration::from_secs(10);

/// All of them.
pub(crate) struct Attendance {
    tell: Tell,
    board: Arc<Board>,
    hooks: Arc<Mutex<Option<Arc<Hooks>>>>,
    told: Vec<Hook>,
    playlists: Arc<Mutex<Option<Arc<Playlists>>>>,
    disks: Arc<Disks>,
    pub(crate) pulses: Arc<Pulses>,
    listen: Option<Listen>,
    server: Option<Server>,
    watch: Option<Watch>,
}

impl Attendance {
    pub(crate) fn new(events: impl Fn(Event) + Send + Sync + 'static) -> Self {
        let disks: Arc<Disks> = Arc::default();
        let board = Arc::new(Board::new(Arc::clone(&disks)));
        let hooks: Arc<Mutex<Option<Arc<Hooks>>>> = Arc::default();
        let (entered, hooked) = (Arc::clone(&board), Arc::clone(&hooks));
        let playlists: Arc<Mutex<Option<Arc<Playlists>>>> = Arc::default();
        let listed = Arc::clone(&playlists);
        let tell = move |event: Event| {
            entered.event(&event);
            let hooks = hooked
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone();
            if let Some(hooks) = hooks {
                hooks.event(&event);
            }
            let playlists = listed
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone();
            if let Some(playlists) = playlists {
                playlists.event(&event);
            }
            events(event);
        };
        Self {
            tell: Arc::new(tell),
            board,
            hooks,
            told: Vec::new(),
            playlists,
            disks,
            pulses: Arc::default(),
            listen: None,
            server: None,
            watch: None,
        }
    }

    /// To tell all of them.
    pub(crate) fn tell(&self) -> Tell {
        Arc::clone(&self.tell)
    }

    /// Does as the options say. If the status cannot be served at another address, nothing changes; at
    /// the same one it is not served any more.
    pub(crate) fn settle(&mut self, options: &Options, namers: &[Namer]) -> Result<()> {
        if options.status != self.listen {
            let address = |listen: &Listen| listen.address;
            if options.status.as_ref().map(address) == self.listen.as_ref().map(address) {
                // The address must be free before it is taken again.
                self.server = None;
                self.listen = None;
            }
            let board = || Arc::clone(&self.board);
            let server = options.status.map(|listen| Server::start(listen, board()));
            self.server = server.transpose()?;
            self.listen = options.status;
            if let Some(server) = &self.server {
                let address = server.address;
                (self.tell)(Event::Serving { address });
            }
        }
        if options.hooks != self.told {
            let hooks = Hooks::start(&options.hooks, &self.tell).map_err(Error::System)?;
            let before = self.replace_hooks(Some(Arc::new(hooks)));
            self.told.clone_from(&options.hooks);
            if let Some(before) = before {
                let thread = std::thread::Builder::new().name("hooks".to_owned());
                let ending = thread.spawn(move || before.finish());
                drop(ending.map_err(Error::System)?);
            }
        }
        let cameras = || options.cameras.iter().zip(namers);
        let mut playlists = self
            .playlists
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if playlists.is_none() && options.cameras.iter().any(|c| c.playlist) {
            let started = Playlists::start(Arc::clone(&self.tell)).map_err(Error::System)?;
            *playlists = Some(Arc::new(started));
        }
        if let Some(playlists) = &*playlists {
            playlists.set(cameras());
        }
        drop(playlists);
        let folders = options.cameras.iter().map(|c| c.output.place().to_owned());
        let folders: BTreeSet<PathBuf> = folders.collect();
        self.disks
            .set(folders.into_iter().collect(), options.disk_low);
        Ok(())
    }

    /// All cameras have begun.
    pub(crate) fn watch(&mut self, stop: StopHandle) -> Result<()> {
        let (pulses, disks) = (Arc::clone(&self.pulses), Arc::clone(&self.disks));
        let watch = Watch::start(pulses, disks, self.tell(), stop);
        self.watch = Some(watch.map_err(Error::System)?);
        Ok(())
    }

    fn replace_hooks(&self, by: Option<Arc<Hooks>>) -> Option<Arc<Hooks>> {
        let mut hooks = self.hooks.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *hooks, by)
    }

    /// The recording has ended: waits for hooks that are still at work, for a while.
    pub(crate) fn finish(mut self) {
        if let Some(hooks) = self.replace_hooks(None) {
            hooks.finish();
        }
        let mut playlists = self
            .playlists
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let ending = playlists.take();
        drop(playlists);
        if let Some(playlists) = ending {
            playlists.finish(CLOSING);
        }
        self.watch = None;
        self.server = None;
    }
}
