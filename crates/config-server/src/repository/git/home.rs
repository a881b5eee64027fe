//! Where a mirror is kept on disk.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tracing::warn;

use super::store::Store;

const ORIGIN: &str = "remote.origin.url";

/// The mirror's directories.
#[derive(Debug)]
pub(super) struct Home {
    /// Shown in names of sources: where the original would check files out.
    pub(super) work_tree: Arc<str>,
    pub(super) git: PathBuf,
    /// Removed when the mirror is dropped.
    temporary: bool,
}

impl Home {
    /// `None`: a fresh temporary directory.
    pub(super) fn new(basedir: Option<PathBuf>) -> Self {
        let temporary = basedir.is_none();
        let base = basedir
            .unwrap_or_else(|| std::env::temp_dir().join(format!("config-repo-{}", fastrand::u64(..))));
        let base = std::path::absolute(&base).unwrap_or(base);
        Self { work_tree: base.display().to_string().into(), git: base.join(".git"), temporary }
    }

    /// An empty bare repository that knows its remote. What else lies in its place is not touched.
    pub(super) fn prepare(git: &Path, uri: &str) -> Result<(), String> {
        let place = |error: &dyn std::fmt::Display| format!("{}: {error}", git.display());
        if git.join("HEAD").exists() {
            let known =
                git2::Repository::open(git).and_then(|repository| repository.config()?.get_string(ORIGIN));
            return match known.ok() {
                Some(known) if known == uri => Ok(()),
                _ => Err(place(&"another repository is kept here; choose another basedir or remove it")),
            };
        }
        // Links in place of the directory are refused: somebody else made them.
        if std::fs::symlink_metadata(git).is_ok_and(|metadata| metadata.is_symlink()) {
            return Err(place(&"a symbolic link"));
        }
        std::fs::create_dir_all(git).map_err(|error| place(&error))?;
        let repository = git2::Repository::init_bare(git).map_err(|error| place(&error.message()))?;
        let mut config = repository.config().map_err(|error| place(&error.message()))?;
        config.set_str(ORIGIN, uri).map_err(|error| place(&error.message()))?;
        Ok(())
    }

    /// The remote that a mirror on disk is of.
    pub(super) fn origin(store: &Store) -> Option<String> {
        store.with(|repository| repository.config()?.get_string(ORIGIN)).ok()
    }

    /// Removes a mirror that never held anything: names that nobody has must leave nothing behind.
    pub(super) fn discard(&self) {
        if self.temporary || self.git.join("packed-refs").exists() {
            return;
        }
        if self.git.exists() {
            remove(&self.git);
        }
        // Only if nothing else is in it.
        if let Some(base) = self.git.parent() {
            drop(std::fs::remove_dir(base));
        }
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if self.temporary && self.git.exists() {
            remove(self.git.parent().unwrap_or(&self.git));
        }
    }
}

fn remove(directory: &Path) {
    if let Err(error) = std::fs::remove_dir_all(directory) {
        warn!(directory = %directory.display(), %error, "mirror could not be removed");
    }
}

/// Bytes of all files below a directory.
pub(super) fn size(directory: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(directory) else { return 0 };
    entries
        .filter_map(Result::ok)
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => size(&entry.path()),
            Ok(metadata) => metadata.len(),
            Err(_) => 0,
        })
        .sum()
}
