//! Many things at the same time, told one after the other.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

/// Outcomes that may wait for one before them, for each worker: no more, so that
/// one slow file does not let the memory fill up.
const AHEAD: usize = 8;

/// Works on `items`, up to `jobs` at the same time, and hands the outcomes over
/// in their order. Stops at the first error of `told`.
pub(crate) fn in_order<T: Sync, R: Send>(
    items: &[T],
    jobs: usize,
    one: impl Fn(usize, &T) -> R + Sync,
    mut told: impl FnMut(&T, R) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let next = AtomicUsize::new(0);
    let jobs = jobs.clamp(1, items.len().max(1));
    // A token for each outcome that may be waiting.
    let (give, take) = mpsc::sync_channel(jobs * AHEAD);
    for _ in 0..jobs * AHEAD {
        give.send(())?;
    }
    let take = Mutex::new(take);
    let (send, receive) = mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            let (next, one, take, send) = (&next, &one, &take, send.clone());
            scope.spawn(move || {
                loop {
                    let token = take.lock().map(|take| take.recv());
                    if !matches!(token, Ok(Ok(()))) {
                        break;
                    }
                    let i = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(i) else { break };
                    if send.send((i, one(i, item))).is_err() {
                        break;
                    }
                }
            });
        }
        drop(send);
        // Dropped first, on every way out: workers that wait for a token end.
        let give = give;
        let receive = receive;
        let mut waiting = BTreeMap::new();
        let mut due = 0;
        while due < items.len() {
            let Ok((i, outcome)) = receive.recv() else {
                break;
            };
            waiting.insert(i, outcome);
            while let (Some(outcome), Some(item)) = (waiting.remove(&due), items.get(due)) {
                told(item, outcome)?;
                due += 1;
                let _ = give.try_send(());
            }
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn outcomes_come_in_order_whoever_is_done_first() {
        let items: Vec<u64> = (0..200).collect();
        let mut told = Vec::new();
        let slow_first = |i: usize, n: &u64| {
            if i.is_multiple_of(50) {
                std::thread::sleep(Duration::from_millis(5));
            }
            n * 2
        };
        in_order(&items, 4, slow_first, |item, twice| {
            assert_eq!(item * 2, twice);
            told.push(*item);
            Ok(())
        })
        .unwrap();
        assert_eq!(told, items);
    }

    #[test]
    fn an_error_ends_it() {
        let items = [1, 2, 3, 4, 5, 6, 7, 8, 9];
        let mut told = 0;
        let result = in_order(
            &items,
            2,
            |_, n| *n,
            |n, _| {
                told += 1;
                anyhow::ensure!(*n < 3, "three");
                Ok(())
            },
        );
        assert!(result.is_err());
        assert_eq!(told, 3);
        in_order(&[], 2, |_, n: &i32| *n, |_, _| Ok(())).unwrap();
    }
}
