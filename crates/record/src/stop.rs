//! Asking for the end.

use std::sync::Arc;
use tokio::sync::watch;

/// Ends a recording, from any thread. Clones end the same one.
#[derive(Clone, Debug)]
pub struct StopHandle {
    asked: Arc<watch::Sender<bool>>,
}

impl StopHandle {
    /// A handle that has not been used.
    #[must_use]
    pub fn new() -> Self {
        Self {
            asked: Arc::new(watch::Sender::new(false)),
        }
    }

    /// Asks for the end. Asking again changes nothing.
    pub fn stop(&self) {
        self.asked.send_replace(true);
    }

    /// Whether the end was asked for.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        *self.asked.borrow()
    }

    /// Waits until it is.
    pub(crate) async fn stopped(&self) {
        let mut asked = self.asked.subscribe();
        // The sender lives as long as this handle.
        let _ = asked.wait_for(|asked| *asked).await;
    }
}

impl Default for StopHandle {
    fn default() -> Self {
        Self::new()
    }
}
