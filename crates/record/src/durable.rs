//! The file of one segment while it grows: what is written to it, in which order, and when it is made to last.

use std::time::{Duration, Instant};
use tapo_io::{Disk, Op, Result, Span, WritePlan};

/// Blocks are asked for in steps of this size ahead of need, bytes.
pub(crate) const AHEAD: u64 = 16 << 20;

/// When what was written is made to last (`fdatasync`).
#[derive(Copy, Clone, Debug, Default, Eq, PartialEq)]
pub enum SyncPolicy {
    /// After each fragment: a power cut costs at most two of them.
    #[default]
    Fragment,
    /// After the first fragment that is this much later than the last time.
    Interval(Duration),
    /// When a file is closed.
    Off,
}

/// A file that grows by whole fragments.
#[derive(Debug)]
pub(crate) struct Growing<D> {
    pub(crate) disk: D,
    policy: SyncPolicy,
    /// Bytes that were written whole.
    pub(crate) position: u64,
    /// Blocks were asked for up to here, bytes.
    allocated: u64,
    synced: Instant,
}

impl<D: Disk> Growing<D> {
    /// Writes the head of a segment, and makes its name last.
    ///
    /// # Errors
    /// As [`Disk::apply`].
    pub(crate) fn begin(mut disk: D, head: Vec<u8>, policy: SyncPolicy) -> Result<Self> {
        let position = head.len() as u64;
        let allocated = position + AHEAD;
        let plan = WritePlan::new()
            .then(Op::Allocate(Span::new(0, allocated)))
            .write(0, head);
        let plan = match policy {
            SyncPolicy::Off => plan,
            _ => plan.barrier().then(Op::SyncDir),
        };
        plan.execute(&mut disk)?;
        Ok(Self {
            disk,
            policy,
            position,
            allocated,
            synced: Instant::now(),
        })
    }

    /// Appends a fragment; by the policy it lasts when this returns.
    ///
    /// # Errors
    /// As [`Disk::apply`]. After one nothing must be appended.
    pub(crate) fn append(&mut self, fragment: Vec<u8>) -> Result<()> {
        let end = self.position + fragment.len() as u64;
        let mut plan = WritePlan::new();
        if end > self.allocated {
            let more = end + AHEAD;
            plan = plan.then(Op::Allocate(Span::new(self.allocated, more)));
            self.allocated = more;
        }
        plan = plan.write(self.position, fragment);
        let now = match self.policy {
            SyncPolicy::Fragment => true,
            SyncPolicy::Interval(interval) => self.synced.elapsed() >= interval,
            SyncPolicy::Off => false,
        };
        if now {
            plan = plan.barrier();
            self.synced = Instant::now();
        }
        plan.execute(&mut self.disk)?;
        self.position = end;
        Ok(())
    }

    /// Gives the blocks ahead back, and makes all of it last.
    ///
    /// # Errors
    /// As [`Disk::apply`].
    pub(crate) fn close(&mut self) -> Result<()> {
        let closing = WritePlan::new().then(Op::SetLen(self.position)).barrier();
        let closing = match self.policy {
            SyncPolicy::Off => closing.then(Op::SyncDir),
            _ => closing,
        };
        closing.execute(&mut self.disk)
    }
}
