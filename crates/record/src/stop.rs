//! What can be asked of a recording while it goes on: its end, and other options.

use crate::options::Options;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use tokio::sync::watch;

/// Ends a recording, from any thread. Clones end the same one.
#[derive(Clone, Debug)]
pub struct StopHandle {
    asked: Arc<watch::Sender<bool>>,
    /// The end of all is the end of this.
    all: Option<Arc<watch::Sender<bool>>>,
    /// How often new files were asked for; parts have it in common.
    cuts: Arc<AtomicU32>,
}

impl StopHandle {
    /// A handle that has not been used.
    #[must_use]
    pub fn new() -> Self {
        Self {
            asked: Arc::new(watch::Sender::new(false)),
            all: None,
            cuts: Arc::default(),
        }
    }

    /// A handle of a part: what ends this one ends it, not the other way round.
    pub(crate) fn part(&self) -> Self {
        Self {
            all: Some(Arc::clone(&self.asked)),
            cuts: Arc::clone(&self.cuts),
            ..Self::new()
        }
    }

    /// Asks for the end. Asking again changes nothing.
    pub fn stop(&self) {
        self.asked.send_replace(true);
    }

    /// Whether the end was asked for.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        *self.asked.borrow() || self.all.as_ref().is_some_and(|all| *all.borrow())
    }

    /// How often new files were asked for.
    pub(crate) fn cuts(&self) -> u32 {
        self.cuts.load(Ordering::Relaxed)
    }

    /// Waits until it is.
    pub(crate) async fn stopped(&self) {
        let asked = |sender: &watch::Sender<bool>| {
            let mut asked = sender.subscribe();
            // The sender lives as long as this handle.
            async move { asked.wait_for(|asked| *asked).await.is_ok() }
        };
        match &self.all {
            Some(all) => tokio::select! {
                _ = asked(&self.asked) => {}
                _ = asked(all) => {}
            },
            None => drop(asked(&self.asked).await),
        }
    }
}

impl Default for StopHandle {
    fn default() -> Self {
        Self::new()
    }
}

/// What the supervisor of a recording waits for.
#[derive(Debug)]
pub(crate) enum Order {
    /// Record this from now on.
    Reload(Box<Options>),
    /// The thread of a camera, by its number, has ended.
    Ended(u64),
}

/// Steers one recording, from any thread. Clones steer the same one.
#[derive(Clone, Debug)]
pub struct Control {
    stop: StopHandle,
    orders: mpsc::Sender<Order>,
    inbox: Arc<Mutex<Option<mpsc::Receiver<Order>>>>,
}

impl Control {
    /// For a recording that is to begin.
    #[must_use]
    pub fn new() -> Self {
        let (orders, inbox) = mpsc::channel();
        Self {
            stop: StopHandle::new(),
            orders,
            inbox: Arc::new(Mutex::new(Some(inbox))),
        }
    }

    /// Asks for the end. Asking again changes nothing.
    pub fn stop(&self) {
        self.stop.stop();
    }

    /// Whether the end was asked for.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.stop.is_stopped()
    }

    /// Begins a new file of every camera, each at its next keyframe: something has
    /// happened that shall be found at the beginning of one.
    pub fn cut(&self) {
        self.stop.cuts.fetch_add(1, Ordering::Relaxed);
    }

    /// Goes on with other options. Cameras whose options are the same are not
    /// touched; those that are not among them any more end, new ones begin, and
    /// the others end and begin again. Options that make no sense change
    /// nothing: an [`Event::Reloaded`](crate::Event::Reloaded) tells what
    /// became of them.
    pub fn reload(&self, options: Options) {
        // A recording that has ended needs none.
        let _ = self.orders.send(Order::Reload(Box::new(options)));
    }

    pub(crate) const fn stop_handle(&self) -> &StopHandle {
        &self.stop
    }

    pub(crate) fn orders(&self) -> mpsc::Sender<Order> {
        self.orders.clone()
    }

    /// The orders, for one recording.
    pub(crate) fn inbox(&self) -> Option<mpsc::Receiver<Order>> {
        let mut inbox = self.inbox.lock().unwrap_or_else(PoisonError::into_inner);
        inbox.take()
    }
}

impl Default for Control {
    fn default() -> Self {
        Self::new()
    }
}
