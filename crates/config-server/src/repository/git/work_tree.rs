//! A repository that is used in place (`file:` uri): what lies in the work tree counts, committed or not.
//!
//! The original checks labels out in that very directory. We leave the directory alone: for the label that is checked out the work
//! tree is read, for any other one its commit, and files that Git does not know are found under each label, as a checkout leaves them.

use super::tree::CommitFiles;
use crate::error::Error;
use crate::sources::disk::Disk;
use crate::sources::files::{Files, Stamp};

#[derive(Debug)]
pub(crate) struct WorkTree {
    pub(crate) disk: Disk,
    /// The commit that is asked for, when it is not the one that is checked out.
    pub(crate) other: Option<Other>,
}

#[derive(Debug)]
pub(crate) struct Other {
    pub(crate) asked: CommitFiles,
    pub(crate) checked_out: Option<CommitFiles>,
}

impl WorkTree {
    /// Whether Git does not know the file.
    fn is_untracked(&self, other: &Other, path: &str) -> Result<bool, Error> {
        Ok(match &other.checked_out {
            Some(head) => head.find(path)?.is_none(),
            None => true,
        } && self.disk.find(path)?.is_some())
    }
}

impl Files for WorkTree {
    fn find(&self, path: &str) -> Result<Option<Stamp>, Error> {
        let Some(other) = &self.other else { return self.disk.find(path) };
        match other.asked.find(path)? {
            Some(stamp) => Ok(Some(stamp)),
            None if self.is_untracked(other, path)? => self.disk.find(path),
            None => Ok(None),
        }
    }

    fn read(&self, path: &str, stamp: &Stamp) -> Result<Vec<u8>, Error> {
        match (stamp, &self.other) {
            (Stamp::Blob(_), Some(other)) => other.asked.read(path, stamp),
            _ => self.disk.read(path, stamp),
        }
    }

    fn directories(&self, path: &str) -> Result<Option<Vec<String>>, Error> {
        match &self.other {
            Some(other) => other.asked.directories(path),
            None => self.disk.directories(path),
        }
    }

    fn modified(&self, path: &str, stamp: &Stamp) -> Option<i64> {
        match (stamp, &self.other) {
            (Stamp::Blob(_), Some(other)) => other.asked.modified(path, stamp),
            _ => self.disk.modified(path, stamp),
        }
    }

    fn shown(&self, path: &str) -> String {
        self.disk.shown(path)
    }
}
