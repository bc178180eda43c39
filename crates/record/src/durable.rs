//! The file of one segment while it grows: what is written to it, in which order, and when it is made to last.

use std::time::{Duration, Instant};
use tapo_io::{Disk, Error, Op, Result, Span, WritePlan};

/// Blocks are asked for in steps of at most this size ahead of need, bytes.
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
    /// Blocks are asked for in steps of this size ahead of need, bytes.
    pub(crate) ahead: u64,
    /// Bytes that were written whole.
    pub(crate) position: u64,
    /// Blocks were asked for up to here, bytes.
    allocated: u64,
    synced: Instant,
    /// The steps of an append that did not come to their end, and the position behind it.
    unfinished: Option<(WritePlan, u64)>,
}

impl<D: Disk> Growing<D> {
    /// Writes the head of a segment, and makes its name last.
    ///
    /// # Errors
    /// As [`Disk::apply`].
    pub(crate) fn begin(
        mut disk: D,
        head: Vec<u8>,
        policy: SyncPolicy,
        ahead: u64,
    ) -> Result<Self> {
        let position = head.len() as u64;
        let allocated = position + ahead;
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
            ahead,
            position,
            allocated,
            synced: Instant::now(),
            unfinished: None,
        })
    }

    /// Appends a fragment; by the policy it lasts when this returns.
    ///
    /// # Errors
    /// As [`Disk::apply`]. After one nothing must be appended, unless [`retry`](Self::retry) succeeds.
    pub(crate) fn append(&mut self, fragment: Vec<u8>) -> Result<()> {
        let end = self.position + fragment.len() as u64;
        let mut plan = WritePlan::new();
        if end > self.allocated {
            let more = end + self.ahead;
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
        self.unfinished = Some((plan, end));
        self.retry()
    }

    /// Tries again what [`append`](Self::append) could not do, from the start: only after an error that
    /// [may pass](Self::may_pass).
    ///
    /// # Errors
    /// As [`append`](Self::append).
    pub(crate) fn retry(&mut self) -> Result<()> {
        if let Some((plan, end)) = &self.unfinished {
            plan.execute(&mut self.disk)?;
            self.position = *end;
            self.unfinished = None;
        }
        Ok(())
    }

    /// Whether an append may succeed when there is room: a write found the disk full. What a sync could not
    /// write is dropped by the system, and must not be trusted again.
    pub(crate) fn may_pass(error: &Error) -> bool {
        error.is_disk_full()
            && matches!(
                error,
                Error::Io {
                    action: "write",
                    ..
                }
            )
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

#[cfg(test)]
mod tests {
    use super::*;
    use tapo_io::SimDisk;

    /// A disk that is full for so many writes, each of which gets half of it there.
    struct Full(SimDisk, u32);

    impl Disk for Full {
        fn apply(&mut self, op: &Op) -> Result<()> {
            match op {
                Op::Write { at, bytes } if *at > 0 && self.1 > 0 => {
                    self.1 -= 1;
                    let half = bytes[..bytes.len() / 2].to_vec();
                    let half = Op::Write {
                        at: *at,
                        bytes: half,
                    };
                    self.0.apply(&half)?;
                    let full = std::io::ErrorKind::StorageFull.into();
                    Err(Error::io(std::path::Path::new("sim"), "write", full))
                }
                _ => self.0.apply(op),
            }
        }
    }

    #[test]
    fn what_found_the_disk_full_is_written_when_there_is_room() {
        let disk = Full(SimDisk::default(), 2);
        let mut file = Growing::begin(disk, vec![1; 40], SyncPolicy::Fragment, AHEAD).unwrap();
        let error = file.append(vec![2; 40]).unwrap_err();
        assert!(Growing::<Full>::may_pass(&error) && file.position == 40);
        assert!(file.retry().is_err());
        file.retry().unwrap();
        file.append(vec![3; 40]).unwrap();
        let all = [[1; 40], [2; 40], [3; 40]].concat();
        assert_eq!((file.disk.0.image(), file.position), (&all[..], 120));
        let synced = std::io::ErrorKind::StorageFull.into();
        let synced = Error::io(std::path::Path::new("sim"), "sync", synced);
        assert!(!Growing::<Full>::may_pass(&synced));
    }
}
