//! A simulated disk: every state a power cut may leave behind.

use crate::{Disk, Op, Result, WritePlan};

/// A disk that carries out steps in memory and remembers them.
#[derive(Clone, Debug, Default)]
pub struct SimDisk {
    initial: Vec<u8>,
    image: Vec<u8>,
    ops: Vec<Op>,
}

impl SimDisk {
    /// A disk that holds `image`, synced.
    #[must_use]
    pub fn new(image: Vec<u8>) -> Self {
        Self {
            initial: image.clone(),
            image,
            ops: Vec::new(),
        }
    }

    /// The file as a running system sees it.
    #[must_use]
    pub fn image(&self) -> &[u8] {
        &self.image
    }

    /// The steps so far.
    #[must_use]
    pub fn plan(&self) -> WritePlan {
        WritePlan {
            ops: self.ops.clone(),
        }
    }

    /// Every state that a power cut at any instant so far may have left, as
    /// described at [`CrashStates`].
    #[must_use]
    pub fn crash_states(&self) -> CrashStates {
        CrashStates::of(&self.initial, &self.ops)
    }
}

impl Disk for SimDisk {
    fn apply(&mut self, op: &Op) -> Result<()> {
        apply(&mut self.image, op);
        self.ops.push(op.clone());
        Ok(())
    }
}

/// Carries one step out on an image.
fn apply(image: &mut Vec<u8>, op: &Op) {
    match op {
        Op::Write { at, bytes } => {
            let (Ok(at), true) = (usize::try_from(*at), !bytes.is_empty()) else {
                return;
            };
            let end = at.saturating_add(bytes.len());
            if image.len() < end {
                image.resize(end, 0);
            }
            if let Some(to) = image.get_mut(at..end) {
                to.copy_from_slice(bytes);
            }
        }
        Op::SetLen(len) => image.resize(usize::try_from(*len).unwrap_or(usize::MAX), 0),
        // Names and bytes go their own ways: see `SimDisk::draw`.
        Op::Barrier
        | Op::Allocate(_)
        | Op::SyncDir
        | Op::Note(_)
        | Op::Rename { .. }
        | Op::Remove => {}
    }
}

/// A page of the page cache, and what a disk writes in one go.
const PAGE: usize = 4096;
const SECTOR: usize = 512;
/// Up to this many dirty pages between two barriers every subset is tried;
/// beyond that, as many subsets drawn from a fixed seed.
const EXHAUSTIVE_PAGES: u32 = 10;

/// A state drawn from those that a power cut may leave.
#[derive(Clone, Debug)]
pub struct Drawn {
    /// The steps that had returned.
    pub done: usize,
    /// What the disk holds; `None` if the file's name had not reached it, or had
    /// left it.
    pub left: Option<Vec<u8>>,
    /// Whether that is the name it was given by [`Op::Rename`].
    pub renamed: bool,
}

impl SimDisk {
    /// `count` states of a file that was new, drawn from `seed`: a power cut
    /// after any step, any subset of the pages written since the last barrier,
    /// each whole or torn at a sector, and any size between the old and the new.
    pub fn draw(&self, count: usize, seed: u64) -> impl Iterator<Item = Drawn> {
        let mut seed = seed | 1;
        (0..count).map(move |_| {
            let done = below(&mut seed, self.ops.len() + 1);
            let (synced, open) = self.ops.split_at(self.synced(done));
            let open = open.get(..done - synced.len()).unwrap_or_default();
            let named = synced.iter().chain(open).any(|op| *op == Op::SyncDir);
            let done_ops = self.ops.get(..done).unwrap_or_default();
            // What happened to a name is certain when the folder was synced behind it.
            let mut lasts = |is: fn(&Op) -> bool| {
                done_ops.iter().position(is).is_some_and(|at| {
                    let synced = done_ops.iter().skip(at).any(|op| *op == Op::SyncDir);
                    synced || below(&mut seed, 2) == 1
                })
            };
            let gone = lasts(|op| *op == Op::Remove);
            let renamed = lasts(|op| matches!(op, Op::Rename { .. }));
            let left = (!gone && (named || below(&mut seed, 2) == 1)).then(|| {
                let mut before = self.initial.clone();
                synced.iter().for_each(|op| apply(&mut before, op));
                Epoch::of(&before, open).draw(&mut seed)
            });
            Drawn {
                done,
                left,
                renamed,
            }
        })
    }

    /// Steps up to the last barrier among the first `done`.
    fn synced(&self, done: usize) -> usize {
        let done = self.ops.get(..done).unwrap_or_default();
        let last = done.iter().rposition(|op| *op == Op::Barrier);
        last.map_or(0, |last| last + 1)
    }
}

/// The states a power cut may leave: what was synced last, and of the pages
/// written since then any subset, each page whole or torn at a sector, with the
/// file size old, new or anything a step in between made it.
#[derive(Clone, Debug, Default)]
pub struct CrashStates {
    epochs: Vec<Epoch>,
}

/// The steps between two barriers.
#[derive(Clone, Debug)]
struct Epoch {
    before: Vec<u8>,
    after: Vec<u8>,
    dirty: Vec<usize>,
    sizes: Vec<usize>,
}

impl CrashStates {
    fn of(initial: &[u8], ops: &[Op]) -> Self {
        let mut synced = initial.to_vec();
        let epochs = ops.split(|op| *op == Op::Barrier).map(|steps| {
            let epoch = Epoch::of(&synced, steps);
            synced.clone_from(&epoch.after);
            epoch
        });
        Self {
            epochs: epochs.collect(),
        }
    }

    /// Calls `check` with each state. A state may come more than once.
    pub fn for_each(&self, mut check: impl FnMut(&[u8])) {
        for epoch in &self.epochs {
            epoch.for_each(&mut check);
        }
    }
}

impl Epoch {
    fn of(before: &[u8], steps: &[Op]) -> Self {
        let mut image = before.to_vec();
        let mut sizes = vec![image.len()];
        for op in steps {
            apply(&mut image, op);
            sizes.push(image.len());
        }
        sizes.sort_unstable();
        sizes.dedup();
        let pages = before.len().max(image.len()).div_ceil(PAGE);
        let dirty = (0..pages).filter(|p| page(before, *p) != page(&image, *p));
        Self {
            dirty: dirty.collect(),
            before: before.to_vec(),
            after: image,
            sizes,
        }
    }

    fn for_each(&self, check: &mut impl FnMut(&[u8])) {
        let pages = u32::try_from(self.dirty.len()).unwrap_or(u32::MAX);
        let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
        for drawn in 0..(1_u64 << pages.min(EXHAUSTIVE_PAGES)) {
            let chosen = |i: usize, seed: &mut u64| {
                if pages <= EXHAUSTIVE_PAGES {
                    drawn >> i & 1 == 1
                } else {
                    next(seed) & 1 == 1
                }
            };
            let mut image = self.before.clone();
            for (i, p) in self.dirty.iter().enumerate() {
                if chosen(i, &mut seed) {
                    put(&mut image, &self.after, *p, PAGE);
                }
            }
            self.with_sizes(&image, check);
        }
        // All the others reached the disk or none did, and one page was torn.
        for p in &self.dirty {
            for torn in (SECTOR..PAGE).step_by(SECTOR) {
                let mut image = self.before.clone();
                put(&mut image, &self.after, *p, torn);
                self.with_sizes(&image, check);
                for other in self.dirty.iter().filter(|other| *other != p) {
                    put(&mut image, &self.after, *other, PAGE);
                }
                self.with_sizes(&image, check);
            }
        }
    }

    fn draw(&self, seed: &mut u64) -> Vec<u8> {
        let mut image = self.before.clone();
        // Sometimes most of them are there, sometimes few.
        let part = below(seed, 5);
        for p in &self.dirty {
            let len = match below(seed, 8) {
                0 => SECTOR * below(seed, PAGE / SECTOR),
                _ if below(seed, 4) < part => PAGE,
                _ => 0,
            };
            if len > 0 {
                put(&mut image, &self.after, *p, len);
            }
        }
        let steps = self.sizes.len();
        let size = match below(seed, 2) {
            0 => self.sizes.get(below(seed, steps)).copied().unwrap_or(0),
            _ => {
                let (old, new) = (self.before.len(), self.after.len());
                let (least, most) = (old.min(new), old.max(new));
                let pages = below(seed, (most - least).div_ceil(PAGE) + 1);
                (least + pages * PAGE).min(most)
            }
        };
        image.resize(size, 0);
        image
    }

    fn with_sizes(&self, image: &[u8], check: &mut impl FnMut(&[u8])) {
        for size in &self.sizes {
            let mut state = image.to_vec();
            state.resize(*size, 0);
            check(&state);
        }
    }
}

fn page(image: &[u8], page: usize) -> &[u8] {
    let start = (page * PAGE).min(image.len());
    image
        .get(start..image.len().min(start + PAGE))
        .unwrap_or_default()
}

/// Copies the first `len` bytes of a page.
fn put(image: &mut Vec<u8>, from: &[u8], p: usize, len: usize) {
    let bytes = page(from, p);
    let bytes = bytes.get(..len).unwrap_or(bytes);
    apply(
        image,
        &Op::Write {
            at: (p * PAGE) as u64,
            bytes: bytes.to_vec(),
        },
    );
}

/// xorshift64*: the same draws in every run.
fn next(seed: &mut u64) -> u64 {
    *seed ^= *seed >> 12;
    *seed ^= *seed << 25;
    *seed ^= *seed >> 27;
    seed.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33
}

/// A number below `limit`, which is not 0.
fn below(seed: &mut u64, limit: usize) -> usize {
    let limit = u64::try_from(limit).unwrap_or(u64::MAX).max(1);
    usize::try_from(next(seed) % limit).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn states(disk: &SimDisk) -> BTreeSet<Vec<u8>> {
        let mut all = BTreeSet::new();
        disk.crash_states().for_each(|s| {
            all.insert(s.to_vec());
        });
        all
    }

    #[test]
    fn without_a_barrier_the_second_write_may_come_alone() {
        let plan = WritePlan::new()
            .write(0, vec![1; PAGE])
            .write(PAGE as u64, vec![2; PAGE]);
        let mut disk = SimDisk::new(vec![0; 2 * PAGE]);
        plan.execute(&mut disk).unwrap();
        let mut alone = vec![0; PAGE];
        alone.extend(vec![2; PAGE]);
        assert!(states(&disk).contains(&alone));

        let plan = WritePlan::new()
            .write(0, vec![1; PAGE])
            .barrier()
            .write(PAGE as u64, vec![2; PAGE]);
        let mut disk = SimDisk::new(vec![0; 2 * PAGE]);
        plan.execute(&mut disk).unwrap();
        assert!(!states(&disk).contains(&alone));
    }

    #[test]
    fn a_growing_file_may_have_its_size_without_its_data() {
        let mut disk = SimDisk::new(b"old".to_vec());
        let plan = WritePlan::new().write(3, b"new".to_vec());
        plan.execute(&mut disk).unwrap();
        let all = states(&disk);
        for state in [&b"old"[..], b"old\0\0\0", b"oldnew"] {
            assert!(all.contains(state), "{state:?}");
        }
    }

    #[test]
    fn a_removed_file_is_whole_or_gone_and_gone_when_the_folder_is_synced() {
        let plan = WritePlan::new()
            .write(0, vec![1; PAGE])
            .barrier()
            .then(Op::SyncDir)
            .then(Op::Remove)
            .then(Op::SyncDir);
        let mut disk = SimDisk::default();
        plan.execute(&mut disk).unwrap();
        let (mut whole, mut gone) = (0, 0);
        for drawn in disk.draw(1_000, 3).filter(|drawn| drawn.done > 3) {
            assert!(drawn.left.is_none() || drawn.done == 4);
            match drawn.left {
                Some(left) => whole += usize::from(left == [1; PAGE]),
                None => gone += 1,
            }
        }
        assert!(whole > 50 && gone > 150, "{whole} {gone}");
    }

    #[test]
    fn drawn_states_are_among_those_that_may_be() {
        let plan = WritePlan::new()
            .write(0, vec![1; 2 * PAGE])
            .barrier()
            .then(Op::SyncDir)
            .write(2 * PAGE as u64, vec![2; PAGE]);
        let mut disk = SimDisk::default();
        plan.execute(&mut disk).unwrap();
        let (mut nameless, mut torn) = (0, 0);
        for drawn in disk.draw(2_000, 7) {
            let Some(left) = drawn.left else {
                nameless += 1;
                assert!(drawn.done < 3, "its name lasts");
                continue;
            };
            if drawn.done >= 2 {
                assert_eq!(left[..2 * PAGE], [1; 2 * PAGE], "synced");
            }
            if drawn.done == 4 && left.len() == 3 * PAGE {
                torn += usize::from(left[2 * PAGE] == 2 && left[3 * PAGE - 1] == 0);
            }
        }
        assert!(nameless > 100 && torn > 10, "{nameless} {torn}");
    }
}
