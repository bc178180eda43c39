//! The recordings in and below a folder, however many: no list of them is made.

use std::fs::ReadDir;
use std::path::{Path, PathBuf};

/// Folders below the first that are looked into.
const DEPTH: usize = 8;

/// The files with `.mp4` in and below `folder`, in any order. Symbolic links are not followed, and what
/// cannot be read is passed over.
pub(crate) fn files(folder: &Path) -> impl Iterator<Item = PathBuf> {
    Walk {
        open: std::fs::read_dir(folder).into_iter().collect(),
    }
}

/// Folders that are being read, the outermost first.
struct Walk {
    open: Vec<ReadDir>,
}

impl Iterator for Walk {
    type Item = PathBuf;

    fn next(&mut self) -> Option<PathBuf> {
        loop {
            let Some(entry) = self.open.last_mut()?.next() else {
                self.open.pop();
                continue;
            };
            let Ok(entry) = entry else {
                continue;
            };
            let Ok(kind) = entry.file_type() else {
                continue;
            };
            let path = entry.path();
            if kind.is_dir() && self.open.len() <= DEPTH {
                self.open.extend(std::fs::read_dir(path));
            } else if kind.is_file() && is_mp4(&path) {
                return Some(path);
            }
        }
    }
}

fn is_mp4(path: &Path) -> bool {
    path.extension()
        .is_some_and(|e| e.eq_ignore_ascii_case("mp4"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_found_some_folders_deep_and_links_are_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let deep = dir.path().join("1/2/3/4/5/6/7/8");
        std::fs::create_dir_all(deep.join("9")).unwrap();
        for name in ["a.mp4", "b.MP4", "c.txt", "1/d.mp4"] {
            std::fs::write(dir.path().join(name), b"x").unwrap();
        }
        std::fs::write(deep.join("e.mp4"), b"x").unwrap();
        std::fs::write(deep.join("9/f.mp4"), b"x").unwrap();
        std::os::unix::fs::symlink(&deep, dir.path().join("link")).unwrap();
        std::os::unix::fs::symlink(deep.join("e.mp4"), dir.path().join("g.mp4")).unwrap();
        let mut names: Vec<_> = files(dir.path())
            .map(|p| p.file_name().unwrap().to_owned())
            .collect();
        names.sort();
        assert_eq!(names, ["a.mp4", "b.MP4", "d.mp4", "e.mp4"]);
        assert_eq!(files(&dir.path().join("none")).count(), 0);
    }
}
