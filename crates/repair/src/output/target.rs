//! Where the output goes, and whether it may: settled before the work begins.

use crate::{Error, Options, Result};
use std::ffi::OsString;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use tapo_io::{ByteSource, Lock, PreadFile, lock_holder};

/// Where the output goes.
#[derive(Debug)]
pub(crate) enum Target {
    /// Into a file of its own.
    New(PathBuf),
    /// Into the broken file. The lock is held until the work is done, except in
    /// a dry run.
    Itself { _lock: Option<Lock> },
}

impl Target {
    /// Settles it.
    ///
    /// # Errors
    /// What would be refused in the end is refused now: an output that exists,
    /// that is the broken file or a reference, a file that somebody holds.
    pub(crate) fn settle(
        source: &PreadFile,
        references: &[PathBuf],
        options: &Options,
    ) -> Result<Self> {
        let broken = source.path();
        if options.in_place && !options.dry_run {
            let lock = Lock::exclusive(source.file(), broken)?;
            return Ok(Self::Itself { _lock: Some(lock) });
        }
        if let Some(holder) = lock_holder(broken) {
            let path = broken.to_owned();
            return Err(tapo_io::Error::InUse { path, holder }.into());
        }
        if options.in_place {
            return Ok(Self::Itself { _lock: None });
        }
        let path = match &options.output {
            Some(folder) if folder.is_dir() => folder.join(default_name(broken)),
            Some(file) => file.clone(),
            None => broken.with_file_name(default_name(broken)),
        };
        for (other, what) in [(broken, "the broken file")]
            .into_iter()
            .chain(references.iter().map(|r| (r.as_path(), "a reference")))
        {
            if is_same(&path, other) {
                return Err(Error::OntoItself { path, what });
            }
        }
        if !options.replace && path.symlink_metadata().is_ok() {
            return Err(tapo_io::Error::Exists { path }.into());
        }
        let folder = path.parent().filter(|p| !p.as_os_str().is_empty());
        if let Some(folder) = folder.filter(|f| !f.is_dir()) {
            let folder = folder.to_owned();
            return Err(Error::NoFolder { path, folder });
        }
        Ok(Self::New(path))
    }
}

/// An error if the output would replace the reference that was chosen.
pub(crate) fn same_as_reference(target: &Path, reference: &Path) -> Result<()> {
    if is_same(target, reference) {
        let path = target.to_owned();
        let what = "a reference";
        return Err(Error::OntoItself { path, what });
    }
    Ok(())
}

/// Whether two names are of one file that exists.
fn is_same(a: &Path, b: &Path) -> bool {
    let id = |path: &Path| path.metadata().map(|m| (m.dev(), m.ino())).ok();
    id(a).is_some_and(|a| id(b) == Some(a))
}

/// The name of the output if nothing else is said: `NAME.repaired.EXT`, with the
/// extension of the broken file, `mp4` if it has none.
#[must_use]
pub fn default_name(broken: &Path) -> OsString {
    let mut name = broken.file_stem().unwrap_or_default().to_owned();
    name.push(".repaired.");
    name.push(broken.extension().unwrap_or_else(|| "mp4".as_ref()));
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settle(broken: &Path, references: &[PathBuf], options: &Options) -> Result<Target> {
        Target::settle(&PreadFile::open(broken).unwrap(), references, options)
    }

    fn to(output: &Path, replace: bool) -> Options {
        Options {
            output: Some(output.to_owned()),
            replace,
            ..Options::default()
        }
    }

    #[test]
    fn the_name_keeps_its_extension() {
        let name = |path: &str| default_name(Path::new(path)).into_string().unwrap();
        assert_eq!(name("/a/b.mp4"), "b.repaired.mp4");
        assert_eq!(name("x.MOV"), "x.repaired.MOV");
        assert_eq!(name("x"), "x.repaired.mp4");
    }

    #[test]
    fn a_folder_gets_the_default_name() {
        let dir = tempfile::tempdir().unwrap();
        let broken = dir.path().join("a.mov");
        std::fs::write(&broken, b"x").unwrap();
        let out = dir.path().join("out");
        std::fs::create_dir(&out).unwrap();
        let Target::New(path) = settle(&broken, &[], &to(&out, false)).unwrap() else {
            panic!()
        };
        assert_eq!(path, out.join("a.repaired.mov"));
        let missing = to(&dir.path().join("missing/a.mp4"), false);
        let error = settle(&broken, &[], &missing).unwrap_err();
        assert!(matches!(error, Error::NoFolder { .. }), "{error}");
    }

    #[test]
    fn sources_are_never_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str| {
            let path = dir.path().join(name);
            std::fs::write(&path, b"x").unwrap();
            path
        };
        let (broken, reference, other) = (file("a.mp4"), file("r.mp4"), file("o.mp4"));
        let link = dir.path().join("link.mp4");
        std::os::unix::fs::symlink(&broken, &link).unwrap();
        let named = [reference.clone()];
        for replace in [false, true] {
            for output in [&broken, &reference, &link] {
                let error = settle(&broken, &named, &to(output, replace)).unwrap_err();
                assert!(matches!(error, Error::OntoItself { .. }), "{error}");
                assert!(error.is_refusal());
            }
        }
        let error = settle(&broken, &named, &to(&other, false)).unwrap_err();
        let exists = matches!(error, Error::Io(tapo_io::Error::Exists { .. }));
        assert!(exists, "{error}");
        assert!(settle(&broken, &named, &to(&other, true)).is_ok());
        assert!(same_as_reference(&link, &broken).is_err());
    }

    #[test]
    fn a_file_that_somebody_holds_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let broken = dir.path().join("a.mp4");
        std::fs::write(&broken, b"x").unwrap();
        let held = PreadFile::open(&broken).unwrap();
        let lock = Lock::exclusive(held.file(), &broken).unwrap();
        for (in_place, dry_run) in [(false, false), (true, false), (true, true)] {
            let options = Options {
                in_place,
                dry_run,
                ..Options::default()
            };
            let error = settle(&broken, &[], &options).unwrap_err();
            let held = matches!(error, Error::Io(tapo_io::Error::InUse { .. }));
            assert!(held, "{error}");
        }
        drop((lock, held));
        let options = Options {
            in_place: true,
            ..Options::default()
        };
        let settled = settle(&broken, &[], &options).unwrap();
        assert!(lock_holder(&broken).is_some(), "{settled:?}");
    }
}
