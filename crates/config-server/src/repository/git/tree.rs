//! The files of one commit.

use std::sync::Arc;

use git2::Oid;

use super::store::{Commit, Entry, EntryKind, Store};
use crate::error::Error;
use crate::sources::files::{Files, Stamp, is_clean};

/// Symbolic links that are followed on one path.
const LINKS: usize = 8;

#[derive(Debug, Clone)]
pub(crate) struct CommitFiles {
    store: Arc<Store>,
    commit: Commit,
    /// Where the original would have checked the files out.
    work_tree: Arc<str>,
}

impl CommitFiles {
    pub(crate) fn new(store: Arc<Store>, commit: Commit, work_tree: Arc<str>) -> Self {
        Self { store, commit, work_tree }
    }

    /// What is at `path`, links inside the repository followed. Links that lead out of it lead nowhere.
    fn entry(&self, path: &str) -> Result<Option<Entry>, Error> {
        if path.is_empty() {
            return Ok(Some(Entry { id: self.commit.tree, kind: EntryKind::Directory }));
        }
        if !is_clean(path) {
            return Ok(None);
        }
        self.follow(path, LINKS)
    }

    fn follow(&self, path: &str, links: usize) -> Result<Option<Entry>, Error> {
        let mut directory = self.store.directory(self.commit.tree)?;
        let mut done = 0;
        for part in path.split('/') {
            let Some(entry) = directory.entries.get(part).copied() else { return Ok(None) };
            let last = done + part.len() >= path.len();
            match entry.kind {
                EntryKind::Link if links > 0 => {
                    let target = String::from_utf8(self.store.blob(entry.id)?).unwrap_or_default();
                    let rest = path.get(done + part.len()..).unwrap_or_default();
                    let base = path.get(..done).unwrap_or_default();
                    return match joined(base, &target) {
                        Some(target) => self.follow(&format!("{target}{rest}"), links - 1),
                        None => Ok(None),
                    };
                }
                EntryKind::Module => {
                    let Some(tree) = self.store.module(entry.id)? else { return Ok(None) };
                    if last {
                        return Ok(Some(Entry { id: tree, kind: EntryKind::Directory }));
                    }
                    directory = self.store.directory(tree)?;
                }
                EntryKind::Directory if !last => directory = self.store.directory(entry.id)?,
                EntryKind::File | EntryKind::Directory if last => return Ok(Some(entry)),
                EntryKind::File | EntryKind::Directory | EntryKind::Link => return Ok(None),
            }
            done += part.len() + 1;
        }
        Ok(None)
    }
}

/// `target` of a link in directory `base` (`a/b/`); `None` when it leads out or is absolute.
fn joined(base: &str, target: &str) -> Option<String> {
    if target.starts_with('/') {
        return None;
    }
    let mut parts: Vec<&str> = base.split('/').filter(|part| !part.is_empty()).collect();
    for part in target.trim_end_matches('/').split('/') {
        match part {
            "." | "" => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    let path = parts.join("/");
    is_clean(&path).then_some(path)
}

impl Files for CommitFiles {
    fn find(&self, path: &str) -> Result<Option<Stamp>, Error> {
        let entry = self.entry(path)?.filter(|entry| entry.kind == EntryKind::File);
        Ok(entry.and_then(|entry| entry.id.as_bytes().try_into().ok()).map(Stamp::Blob))
    }

    fn read(&self, _path: &str, stamp: &Stamp) -> Result<Vec<u8>, Error> {
        match stamp {
            Stamp::Blob(id) => {
                let id = Oid::from_bytes(id).map_err(|error| Error::Internal(error.message().to_owned()))?;
                self.store.blob(id)
            }
            Stamp::Disk { .. } => Err(Error::Internal("a file on disk is in no commit".to_owned())),
        }
    }

    fn directories(&self, path: &str) -> Result<Option<Vec<String>>, Error> {
        let Some(entry) = self.entry(path)?.filter(|entry| entry.kind == EntryKind::Directory) else {
            return Ok(None);
        };
        let directory = self.store.directory(entry.id)?;
        let mut names = Vec::new();
        for (name, entry) in &directory.entries {
            let is_directory = match entry.kind {
                EntryKind::Directory => true,
                EntryKind::File => false,
                EntryKind::Link | EntryKind::Module => {
                    let full = if path.is_empty() { name.to_string() } else { format!("{path}/{name}") };
                    self.entry(&full)?.is_some_and(|entry| entry.kind == EntryKind::Directory)
                }
            };
            if is_directory {
                names.push(name.to_string());
            }
        }
        names.sort_unstable();
        Ok(Some(names))
    }

    fn modified(&self, _path: &str, _stamp: &Stamp) -> Option<i64> {
        // Files of a commit have no time of their own; the commit's is the latest that they can have.
        Some(self.commit.time)
    }

    fn shown(&self, path: &str) -> String {
        format!("{}/{path}", self.work_tree)
    }
}
