//! Many files and folders, found within bounds.

use std::path::{Path, PathBuf};

/// Folders inside folders that are followed.
const DEPTH: usize = 32;

/// Files found in one call.
const FILES: usize = 1_000_000;

/// Endings of names that are taken out of a folder. A recorder that died often
/// leaves another ending behind them (`.mp4.part`).
const ENDINGS: [&str; 10] = [
    ".mp4", ".mov", ".m4v", ".m4a", ".m4b", ".3gp", ".3g2", ".qt", ".m4s", ".cmfv",
];

/// A file, or why a folder could not be looked into.
#[derive(Debug)]
pub(crate) enum Found {
    /// A file.
    File(PathBuf),
    /// A folder, or an entry of it, that could not be read.
    Failed(PathBuf, std::io::Error),
}

/// Expands `paths`: what is no folder is taken as it is, of folders all files
/// whose names look like MP4s, sorted by name, down to 32 levels. Links to
/// folders inside folders are not followed.
pub(crate) fn files(paths: &[PathBuf]) -> Vec<Found> {
    let mut found = Vec::new();
    for path in paths {
        if path.is_dir() {
            walk(path, &mut found);
        } else {
            found.push(Found::File(path.clone()));
        }
    }
    found
}

fn walk(root: &Path, found: &mut Vec<Found>) {
    let mut folders = vec![(root.to_owned(), 0)];
    while let Some((folder, depth)) = folders.pop() {
        let entries = match std::fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(e) => {
                found.push(Found::Failed(folder, e));
                continue;
            }
        };
        let (mut files, mut inner) = (Vec::new(), Vec::new());
        for entry in entries {
            match entry.and_then(|e| Ok((e.file_type()?, e.path()))) {
                Ok((kind, path)) if kind.is_dir() => inner.push(path),
                Ok((kind, path)) if kind.is_file() && looks_like_mp4(&path) => files.push(path),
                Ok(_) => {}
                Err(e) => found.push(Found::Failed(folder.clone(), e)),
            }
        }
        files.sort_unstable();
        let room = FILES.saturating_sub(found.len());
        found.extend(files.into_iter().take(room).map(Found::File));
        if depth < DEPTH && room > 0 {
            inner.sort_unstable_by(|a, b| b.cmp(a));
            folders.extend(inner.into_iter().map(|f| (f, depth + 1)));
        }
    }
}

fn looks_like_mp4(path: &Path) -> bool {
    let Some(name) = path.file_name() else {
        return false;
    };
    let name = name.to_string_lossy().to_ascii_lowercase();
    let ends = |name: &str| ENDINGS.iter().any(|e| name.ends_with(e));
    let without_last = name.rsplit_once('.').map_or("", |(stem, _)| stem);
    ends(&name) || ends(without_last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_give_their_videos_sorted_and_links_lead_nowhere() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::create_dir_all(at("b/c")).unwrap();
        for name in ["z.MP4", "a.mp4.part", "b/c/x.mov", "b/readme.txt", "b/mp4"] {
            std::fs::write(at(name), b"").unwrap();
        }
        std::os::unix::fs::symlink(dir.path(), at("b/loop.mp4")).unwrap();
        // What stands elsewhere is not what the folder was named for.
        let elsewhere = tempfile::NamedTempFile::new().unwrap();
        std::os::unix::fs::symlink(elsewhere.path(), at("b/link.mp4")).unwrap();
        let names: Vec<_> = files(&[dir.path().to_owned(), at("gone")])
            .into_iter()
            .map(|f| match f {
                Found::File(path) => path,
                Found::Failed(path, e) => panic!("{}: {e}", path.display()),
            })
            .collect();
        let want = ["a.mp4.part", "z.MP4", "b/c/x.mov", "gone"].map(at);
        assert_eq!(names, want);
    }
}
