//! Many files: no two into one output.

use super::real;
use crate::args::RepairArgs;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

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

impl Clashes {
    /// Why the file of this number must not be repaired.
    pub(super) fn of(&self, file: usize) -> Option<&Clash> {
        self.by_file.get(&file)
    }
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
