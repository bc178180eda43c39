//! Which connection of a camera stands.
//!
//! The network side knows it, and the writer thread learns late that media of a
//! connection has reached the disk. What both tell of it goes through here, so
//! that a connection that is over is never said to record.

use std::sync::{Mutex, PoisonError};

/// The number of the connection that stands, if one does.
#[derive(Debug, Default)]
pub(crate) struct Standing(Mutex<Option<u32>>);

impl Standing {
    /// From now on this connection stands, or none; `tell` tells of it.
    pub(crate) fn change(&self, connection: Option<u32>, tell: impl FnOnce()) {
        let mut stands = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *stands = connection;
        tell();
    }

    /// Tells something of a connection, if it (still) stands.
    pub(crate) fn tell(&self, connection: u32, tell: impl FnOnce()) {
        let stands = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if *stands == Some(connection) {
            tell();
        }
    }
}
