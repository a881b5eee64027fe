//! A `file:` repository, read where it is.

use std::path::Path;
use std::sync::Arc;

use git2::{ErrorCode, Oid};

use super::SharedFiles;
use super::label::{self, Names};
use super::store::{Commit, Directories, Store};
use super::tree::CommitFiles;
use super::work_tree::{Other, WorkTree};
use crate::error::Error;
use crate::sources::disk::{Disk, Links};

#[derive(Debug)]
pub(crate) struct InPlace {
    store: Arc<Store>,
    disk: Disk,
    has_work_tree: bool,
}

impl InPlace {
    pub(crate) fn open(directory: &Path, directories: &Arc<Directories>) -> Result<Self, Error> {
        let store = Store::open(directory, directories).map_err(|error| {
            Error::NotFound(format!("no Git repository at {}: {}", directory.display(), error.message()))
        })?;
        let has_work_tree = store.with(|repository| Ok(!repository.is_bare())).unwrap_or(false);
        Ok(Self {
            store: Arc::new(store),
            disk: Disk::new(directory.to_owned(), Links::Confined),
            has_work_tree,
        })
    }

    /// Whether the directory still is the repository that was opened.
    pub(crate) fn is_there(&self) -> bool {
        self.disk.root().join(".git").exists()
            || (!self.has_work_tree && self.disk.root().join("HEAD").exists())
    }

    pub(crate) fn store(&self) -> &Arc<Store> {
        &self.store
    }

    pub(crate) fn commit(&self, label: &str) -> Result<Commit, Error> {
        label::commit(&self.store, self, label)
    }

    pub(crate) fn files(&self, commit: Commit) -> Result<SharedFiles, Error> {
        let shown: Arc<str> = self.disk.root().display().to_string().into();
        let asked = CommitFiles::new(Arc::clone(&self.store), commit, Arc::clone(&shown));
        if !self.has_work_tree {
            return Ok(Arc::new(asked));
        }
        let head = match self.head()? {
            Some(id) => self.store.commit(id)?,
            None => None,
        };
        let other = head.is_none_or(|head| head.id != commit.id).then(|| Other {
            asked,
            checked_out: head.map(|head| CommitFiles::new(Arc::clone(&self.store), head, shown)),
        });
        Ok(Arc::new(WorkTree { disk: self.disk.clone(), other }))
    }

    fn find(&self, name: &str) -> Result<Option<Oid>, Error> {
        match self.store.with(|repository| repository.refname_to_id(name)) {
            Ok(id) => Ok(Some(id)),
            Err(error)
                if matches!(
                    error.code(),
                    ErrorCode::NotFound | ErrorCode::InvalidSpec | ErrorCode::UnbornBranch
                ) =>
            {
                Ok(None)
            }
            Err(error) => Err(Error::Internal(format!("git: {}", error.message()))),
        }
    }
}

impl Names for InPlace {
    fn reference(&self, name: &str) -> Result<Option<Oid>, Error> {
        self.find(name)
    }

    fn head(&self) -> Result<Option<Oid>, Error> {
        self.find("HEAD")
    }
}
