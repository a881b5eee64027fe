//! Two trees of a repository, of which one is read while the other is brought up to date.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use tracing::{info, warn};

use super::command::Command;
use crate::error::Error;
use crate::sources::disk::{Disk, Links};
use crate::sources::files::{Files, Stamp};

/// Readers are done with an old tree within milliseconds.
const READERS: Duration = Duration::from_secs(5);

/// A tree at a revision. As long as somebody holds it, nothing in it changes.
#[derive(Debug)]
pub(super) struct Tree {
    disk: Disk,
    revision: String,
    /// Where the original would have it, for names of sources.
    shown: Arc<str>,
}

#[derive(Debug)]
pub(super) struct Checkout {
    home: PathBuf,
    temporary: bool,
    uri: String,
    shown: Arc<str>,
    current: ArcSwapOption<Tree>,
    /// The one before, which may still be read.
    last: ArcSwapOption<Tree>,
}

/// `.svn`, in which Subversion keeps its own things.
pub(super) fn is_administration(path: &str) -> bool {
    path.split('/').any(|part| part.trim_end_matches(['.', ' ']).eq_ignore_ascii_case(".svn"))
}

impl Tree {
    pub(super) fn revision(&self) -> &str {
        &self.revision
    }
}

impl Files for Tree {
    fn find(&self, path: &str) -> Result<Option<Stamp>, Error> {
        if is_administration(path) { Ok(None) } else { self.disk.find(path) }
    }

    fn read(&self, path: &str, stamp: &Stamp) -> Result<Vec<u8>, Error> {
        self.disk.read(path, stamp)
    }

    fn directories(&self, path: &str) -> Result<Option<Vec<String>>, Error> {
        if is_administration(path) {
            return Ok(None);
        }
        let mut names = self.disk.directories(path)?;
        if let Some(names) = &mut names {
            names.retain(|name| !is_administration(name));
        }
        Ok(names)
    }

    fn modified(&self, path: &str, stamp: &Stamp) -> Option<i64> {
        self.disk.modified(path, stamp)
    }

    fn shown(&self, path: &str) -> String {
        format!("{}/{path}", self.shown)
    }
}

impl Checkout {
    /// What an earlier process has left in `basedir` is served until something newer is there.
    pub(super) fn new(uri: &str, basedir: Option<&str>) -> std::io::Result<Self> {
        let base = match basedir {
            Some(basedir) => std::path::absolute(basedir)?,
            None => std::env::temp_dir().join(format!("config-repo-{}", fastrand::u64(..))),
        };
        let checkout = Self {
            shown: base.display().to_string().into(),
            home: base.join(".wellspring-svn"),
            temporary: basedir.is_none(),
            uri: uri.to_owned(),
            current: ArcSwapOption::empty(),
            last: ArcSwapOption::empty(),
        };
        checkout.load();
        Ok(checkout)
    }

    fn load(&self) {
        let Ok(text) = std::fs::read_to_string(self.home.join("current")) else { return };
        let Some((name, revision)) = text.trim().split_once(' ') else { return };
        if !["0", "1"].contains(&name) || !self.is_ours() || !self.home.join(name).is_dir() {
            return;
        }
        info!(directory = %self.home.display(), revision, "tree found, served until it is brought up to date");
        self.current.store(Some(Arc::new(self.tree(name, revision))));
    }

    fn is_ours(&self) -> bool {
        std::fs::read_to_string(self.home.join("uri")).is_ok_and(|uri| uri == self.uri)
    }

    fn tree(&self, name: &str, revision: &str) -> Tree {
        // Who can commit must not read the server's files: links do not lead out.
        let disk = Disk::new(self.home.join(name), Links::Confined);
        Tree { disk, revision: revision.to_owned(), shown: Arc::clone(&self.shown) }
    }

    pub(super) fn home(&self) -> &Path {
        &self.home
    }

    pub(super) fn current(&self) -> Option<Arc<Tree>> {
        self.current.load_full()
    }

    /// Brings the news in; `true` when there are any.
    pub(super) async fn refresh(&self, command: &Command) -> Result<bool, String> {
        let settings = self.home.join("settings");
        self.prepare(&settings).map_err(|error| format!("{}: {error}", self.home.display()))?;
        let revision = command.revision(&self.uri, &settings).await?;
        let current = self.current.load_full();
        if current.as_ref().is_some_and(|tree| tree.revision == revision) {
            return Ok(false);
        }
        let name = match current {
            Some(tree) if tree.disk.root().ends_with("0") => "1",
            _ => "0",
        };
        let directory = self.home.join(name);
        self.await_readers().await?;
        let updated = match directory.join(".svn").is_dir() {
            true => command.update(&directory, &revision, &settings).await,
            false => Err("nothing there yet".to_owned()),
        };
        if updated.is_err() {
            remove(&directory).map_err(|error| format!("{}: {error}", directory.display()))?;
            command.check_out(&self.uri, &revision, &directory, &settings).await?;
        }
        self.last.store(self.current.load_full());
        self.current.store(Some(Arc::new(self.tree(name, &revision))));
        std::fs::write(self.home.join("current"), format!("{name} {revision}\n"))
            .map_err(|error| format!("{}: {error}", self.home.display()))?;
        Ok(true)
    }

    fn prepare(&self, settings: &Path) -> std::io::Result<()> {
        // A link in place of the directory was made by somebody else.
        if std::fs::symlink_metadata(&self.home).is_ok_and(|metadata| metadata.is_symlink()) {
            return Err(std::io::Error::other("a symbolic link"));
        }
        if self.home.exists() && !self.is_ours() {
            return Err(std::io::Error::other(
                "another repository is kept here; choose another basedir or remove it",
            ));
        }
        if !self.home.exists() {
            std::fs::create_dir_all(&self.home)?;
            std::fs::write(self.home.join("uri"), &self.uri)?;
        }
        std::fs::create_dir_all(settings)
    }

    /// Until nobody reads the tree that is to be changed.
    async fn await_readers(&self) -> Result<(), String> {
        let free = async {
            while self.last.load_full().is_some_and(|last| Arc::strong_count(&last) > 2) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(READERS, free)
            .await
            .map_err(|_| "the old tree is still being read".to_owned())?;
        self.last.store(None);
        Ok(())
    }
}

fn remove(directory: &Path) -> std::io::Result<()> {
    match std::fs::remove_dir_all(directory) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

impl Drop for Checkout {
    fn drop(&mut self) {
        if self.temporary && self.home.exists() {
            let base = self.home.parent().unwrap_or(&self.home);
            if let Err(error) = std::fs::remove_dir_all(base) {
                warn!(directory = %base.display(), %error, "temporary tree could not be removed");
            }
        }
    }
}
