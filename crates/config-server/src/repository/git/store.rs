//! Reads commits, trees and blobs of a Git directory. There is no work tree and no checkout, so readers wait for nobody.
//!
//! libgit2's handles are not shared between threads; a few are kept and lent. Directories are remembered by tree id:
//! commits share most of theirs.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use git2::{ErrorCode, ObjectType, Oid};
use parking_lot::Mutex;

use crate::cache::Cache;
use crate::error::Error;

/// Bytes of directories that are remembered.
const DIRECTORIES: usize = 8 << 20;
/// Handles that are kept when idle.
const HANDLES: usize = 8;
/// Uses after which all handles are opened anew: with the last of them libgit2 lets go of the pieces of packs that it has mapped, and
/// of what it has unpacked on its way through them, which is up to 16 MiB for each pack.
const USES: u32 = 8;

/// Directories by the id of their content, which is the same in any repository: one store for all.
pub(crate) type Directories = Cache<Oid, Arc<Directory>>;

pub(crate) fn directories() -> Arc<Directories> {
    Arc::new(Cache::new(DIRECTORIES))
}

/// Objects of a Git directory.
#[derive(Debug)]
pub(crate) struct Store {
    directory: PathBuf,
    handles: Handles,
    directories: Arc<Directories>,
    commits: Cache<Oid, Commit>,
}

/// Idle handles, and how often they were renewed: packs that were removed must not be looked for.
struct Handles(Mutex<Idle>);

#[derive(Default)]
struct Idle {
    generation: u64,
    uses: u32,
    kept: Vec<git2::Repository>,
}

impl Idle {
    /// The handles so far are not used any more; they are returned to be closed outside of the lock.
    fn renew(&mut self) -> Vec<git2::Repository> {
        self.generation += 1;
        self.uses = 0;
        std::mem::take(&mut self.kept)
    }
}

impl std::fmt::Debug for Handles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Handles")
    }
}

/// A commit, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Commit {
    pub(crate) id: Oid,
    pub(crate) tree: Oid,
    /// Unix seconds.
    pub(crate) time: i64,
}

/// Names in one directory of a commit.
#[derive(Debug, Default)]
pub(crate) struct Directory {
    pub(crate) entries: HashMap<Box<str>, Entry>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) id: Oid,
    pub(crate) kind: EntryKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EntryKind {
    File,
    Directory,
    Link,
    /// The commit of another repository.
    Module,
}

impl Store {
    /// `directory`: a bare repository or one with a `.git` in it.
    pub(crate) fn open(directory: &Path, directories: &Arc<Directories>) -> Result<Self, git2::Error> {
        let first = open(directory)?;
        Ok(Self {
            directory: directory.to_owned(),
            handles: Handles(Mutex::new(Idle { kept: vec![first], ..Idle::default() })),
            directories: Arc::clone(directories),
            commits: Cache::new(64 * 1024),
        })
    }

    /// Runs `work` with a handle of its own; once more when packs were put in order meanwhile and it failed.
    pub(crate) fn with<T>(
        &self,
        work: impl Fn(&git2::Repository) -> Result<T, git2::Error>,
    ) -> Result<T, git2::Error> {
        loop {
            let (generation, kept, worn) = {
                let mut idle = self.handles.0.lock();
                idle.uses += 1;
                let worn = if idle.uses > USES { idle.renew() } else { Vec::new() };
                (idle.generation, idle.kept.pop(), worn)
            };
            drop(worn);
            let handle = match kept {
                Some(handle) => handle,
                None => open(&self.directory)?,
            };
            let result = work(&handle);
            let mut idle = self.handles.0.lock();
            if idle.generation == generation {
                if idle.kept.len() < HANDLES {
                    idle.kept.push(handle);
                }
                return result;
            }
            drop(idle);
            if result.is_ok() {
                return result;
            }
        }
    }

    /// Handles are opened anew: the packs on disk are other ones now.
    pub(crate) fn renew(&self) {
        let old = self.handles.0.lock().renew();
        drop(old);
        self.commits.clear();
    }

    /// The commit with this id, or the one that a tag object with this id names; `None`: no such commit.
    pub(crate) fn commit(&self, id: Oid) -> Result<Option<Commit>, Error> {
        if let Some(commit) = self.commits.get(&id) {
            return Ok(Some(commit));
        }
        let commit = optional(self.with(|repository| {
            let commit = repository.find_object(id, None)?.peel_to_commit()?;
            Ok(Commit { id: commit.id(), tree: commit.tree_id(), time: commit.time().seconds() })
        }))?;
        if let Some(commit) = commit {
            self.commits.put(id, commit, 64);
        }
        Ok(commit)
    }

    /// The tree of a submodule's commit, if that was fetched.
    pub(crate) fn module(&self, commit: Oid) -> Result<Option<Oid>, Error> {
        Ok(self.commit(commit)?.map(|commit| commit.tree))
    }

    /// The one commit whose id begins with these digits.
    pub(crate) fn commit_by_prefix(&self, digits: &str) -> Result<Option<Commit>, Error> {
        let id = optional(self.with(|repository| Ok(repository.find_commit_by_prefix(digits)?.id())))?;
        id.map_or(Ok(None), |id| self.commit(id))
    }

    pub(crate) fn directory(&self, tree: Oid) -> Result<Arc<Directory>, Error> {
        if let Some(directory) = self.directories.get(&tree) {
            return Ok(directory);
        }
        let directory = self
            .with(|repository| {
                let tree = repository.find_tree(tree)?;
                let mut entries = HashMap::with_capacity(tree.len());
                for entry in &tree {
                    let kind = match entry.kind() {
                        Some(ObjectType::Tree) => EntryKind::Directory,
                        Some(ObjectType::Blob) if entry.filemode() & 0o170_000 == 0o120_000 => {
                            EntryKind::Link
                        }
                        Some(ObjectType::Blob) => EntryKind::File,
                        Some(ObjectType::Commit) => EntryKind::Module,
                        _ => continue,
                    };
                    // Names that are not UTF-8 cannot be asked for.
                    if let Ok(name) = entry.name() {
                        entries.insert(name.into(), Entry { id: entry.id(), kind });
                    }
                }
                Ok(Directory { entries })
            })
            .map_err(|error| internal(&error))?;
        let weight = 64 + directory.entries.keys().map(|name| name.len() + 64).sum::<usize>();
        let directory = Arc::new(directory);
        self.directories.put(tree, Arc::clone(&directory), weight);
        Ok(directory)
    }

    pub(crate) fn blob(&self, id: Oid) -> Result<Vec<u8>, Error> {
        self.with(|repository| Ok(repository.find_blob(id)?.content().to_vec()))
            .map_err(|error| internal(&error))
    }
}

fn open(directory: &Path) -> Result<git2::Repository, git2::Error> {
    // Never a repository further up: a missing `.git` must not serve the one around it.
    git2::Repository::open_ext(directory, git2::RepositoryOpenFlags::NO_SEARCH, std::iter::empty::<&Path>())
}

fn internal(error: &git2::Error) -> Error {
    // A commit that no branch reaches any more was asked for by its id, and is gone since.
    if error.code() == ErrorCode::NotFound {
        return Error::NotFound(format!("git: {}", error.message()));
    }
    Error::Internal(format!("git: {}", error.message()))
}

/// What is not there is no error.
fn optional<T>(result: Result<T, git2::Error>) -> Result<Option<T>, Error> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error)
            if matches!(
                error.code(),
                ErrorCode::NotFound | ErrorCode::Ambiguous | ErrorCode::InvalidSpec | ErrorCode::Peel
            ) =>
        {
            Ok(None)
        }
        Err(error) => Err(internal(&error)),
    }
}
