//! Many files: no two into one output, and the outcomes in order.

use super::{Outcome, real};
use crate::args::RepairArgs;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

/// Why a file of many is not repaired.
#[derive(Clone, Debug)]
pub(super) enum Clash {
    /// It was named before.
    Twice,
    /// Another file was named before it whose output has the same name.
    SameOutput { output: PathBuf, other: PathBuf },
    /// Its output is one of the broken files.
    IntoAnother { output: PathBuf },
}

/// The outputs of all files, and those that clash.
#[derive(Debug, Default)]
pub(super) struct Clashes {
    by_file: HashMap<usize, Clash>,
    /// The outputs, by their real names.
    pub(super) outputs: HashMap<PathBuf, usize>,
}

/// Finds the files that must not be repaired in one go with those before them.
pub(super) fn clashes(args: &RepairArgs) -> Clashes {
    let mut all = Clashes::default();
    let whole = |path: &Path| path.canonicalize().unwrap_or_else(|_| real(path));
    let mut inputs: HashMap<PathBuf, usize> = HashMap::new();
    for (i, path) in args.files.iter().enumerate() {
        if *inputs.entry(whole(path)).or_insert(i) != i {
            all.by_file.insert(i, Clash::Twice);
        }
    }
    if args.in_place {
        return all;
    }
    for (i, path) in args.files.iter().enumerate() {
        let name = tapo_repair::default_name(path);
        let output = match &args.output {
            Some(folder) if folder.is_dir() => folder.join(name),
            Some(file) => file.clone(),
            None => path.with_file_name(name),
        };
        let other = inputs.get(&whole(&output)).filter(|other| **other != i);
        if other.is_some() {
            let clash = Clash::IntoAnother { output };
            all.by_file.entry(i).or_insert(clash);
            continue;
        }
        let first = *all.outputs.entry(real(&output)).or_insert(i);
        if let Some(other) = args.files.get(first).filter(|_| first != i) {
            let other = other.clone();
            let clash = Clash::SameOutput { output, other };
            all.by_file.entry(i).or_insert(clash);
        }
    }
    all
}

/// Works on the files, some at the same time, and hands the outcomes over in the
/// order in which the files were named.
pub(super) fn in_order(
    args: &RepairArgs,
    clashes: &Clashes,
    one: impl Fn(&Path, Option<&Clash>) -> Outcome + Sync,
    mut told: impl FnMut(&Path, Outcome) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let next = AtomicUsize::new(0);
    let (send, receive) = mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..usize::from(args.jobs).min(args.files.len()) {
            let (next, one, send) = (&next, &one, send.clone());
            scope.spawn(move || {
                loop {
                    let i = next.fetch_add(1, Ordering::Relaxed);
                    let Some(path) = args.files.get(i) else { break };
                    let outcome = one(path, clashes.by_file.get(&i));
                    if send.send((i, outcome)).is_err() {
                        break;
                    }
                }
            });
        }
        drop(send);
        let mut waiting = BTreeMap::new();
        let mut due = 0;
        for (i, outcome) in receive {
            waiting.insert(i, outcome);
            while let (Some(outcome), Some(path)) = (waiting.remove(&due), args.files.get(due)) {
                told(path, outcome)?;
                due += 1;
            }
        }
        Ok(())
    })
}
