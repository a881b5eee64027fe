//! Where files come from: the tree of a commit, or a directory.

use std::fmt;

use crate::error::Error;

/// Identity of a file's content: equal stamps, equal bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Stamp {
    /// A Git blob.
    Blob([u8; 20]),
    /// A file on disk, as its metadata tell it apart.
    Disk { device: u64, inode: u64, length: u64, seconds: i64, nanoseconds: i64 },
}

/// Read access to files by path relative to the root (`a/b.yml`, no leading slash). Nothing outside the root, and no
/// `.git`, is ever found.
pub(crate) trait Files: fmt::Debug + Send + Sync {
    /// The regular file at `path`.
    fn find(&self, path: &str) -> Result<Option<Stamp>, Error>;
    fn read(&self, path: &str, stamp: &Stamp) -> Result<Vec<u8>, Error>;
    /// Names of the directories directly in `path` (empty: the root), sorted; `None` when that is no directory.
    fn directories(&self, path: &str) -> Result<Option<Vec<String>>, Error>;
    /// Unix seconds of the last change, for `Last-Modified`.
    fn modified(&self, path: &str, stamp: &Stamp) -> Option<i64>;
    /// Absolute path that the original would show for the file.
    fn shown(&self, path: &str) -> String;
}

/// Whether every part of the path is a plain name: none is empty, `.`, `..` or `.git`.
pub(crate) fn is_clean(path: &str) -> bool {
    path.split('/').all(|part| {
        !part.is_empty() && part != "." && part != ".." && !is_git_directory(part) && !part.contains('\0')
    })
}

/// `.git` in any case, also with the dots and blanks at its end that some file systems drop.
pub(crate) fn is_git_directory(part: &str) -> bool {
    part.trim_end_matches(['.', ' ']).eq_ignore_ascii_case(".git")
}
