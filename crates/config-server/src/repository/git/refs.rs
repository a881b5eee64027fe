//! Branches and tags of a mirror: one immutable snapshot, kept in the mirror's `packed-refs`.
//!
//! A label is looked up in memory. The file is written whole and renamed, so a crash leaves the old or the new state, and
//! a branch `a/b` may follow a branch `a` without a conflict of directories.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use git2::Oid;

/// What a remote says it has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Refs {
    /// Full name (`refs/heads/main`) → object.
    pub(crate) names: BTreeMap<String, Oid>,
    /// The remote's own branch, full name.
    pub(crate) head: Option<String>,
}

const FILE: &str = "packed-refs";
pub(super) const BRANCHES: &str = "refs/heads/";
pub(super) const TAGS: &str = "refs/tags/";

impl Refs {
    /// Whether a remote's name is mirrored; pull requests and notes are not.
    pub(crate) fn is_mirrored(name: &str) -> bool {
        (name.starts_with(BRANCHES) || name.starts_with(TAGS)) && !name.ends_with("^{}")
    }

    /// This state with what the remote says. Branches that are gone stay, unless `prune`.
    pub(crate) fn updated(&self, news: &Self, prune: bool) -> Self {
        let mut names = if prune { BTreeMap::new() } else { self.names.clone() };
        names.extend(news.names.iter().map(|(name, id)| (name.clone(), *id)));
        Self { names, head: news.head.clone().or_else(|| self.head.clone()) }
    }

    pub(crate) fn load(directory: &Path) -> io::Result<Self> {
        let mut refs = Self::default();
        let text = match std::fs::read_to_string(directory.join(FILE)) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(refs),
            Err(error) => return Err(error),
        };
        for line in text.lines() {
            if let Some((id, name)) = line.split_once(' ')
                && let Ok(id) = Oid::from_str(id)
            {
                refs.names.insert(name.to_owned(), id);
            }
        }
        let head = std::fs::read_to_string(directory.join("HEAD")).unwrap_or_default();
        refs.head = head.trim().strip_prefix("ref: ").map(str::to_owned);
        Ok(refs)
    }

    pub(crate) fn save(&self, directory: &Path) -> io::Result<()> {
        let mut text = String::from("# pack-refs with: sorted \n");
        for (name, id) in &self.names {
            text.push_str(&format!("{id} {name}\n"));
        }
        replace(&directory.join(FILE), &text)?;
        if let Some(head) = &self.head {
            replace(&directory.join("HEAD"), &format!("ref: {head}\n"))?;
        }
        Ok(())
    }
}

fn replace(file: &Path, text: &str) -> io::Result<()> {
    let new = file.with_extension("new");
    std::fs::write(&new, text)?;
    std::fs::rename(&new, file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn saved_and_loaded_again() {
        let home = tempfile::tempdir().unwrap();
        let id = Oid::from_str("425db627a9d7069e16c1dbcde1ea78f511927f4c").unwrap();
        let mut refs = Refs { head: Some("refs/heads/main".into()), ..Refs::default() };
        refs.names.insert("refs/heads/main".into(), id);
        refs.names.insert("refs/heads/main/sub".into(), id);
        refs.save(home.path()).unwrap();
        assert_eq!(Refs::load(home.path()).unwrap(), refs);
    }

    #[test]
    fn branches_that_are_gone_stay_unless_pruned() {
        let id = Oid::from_str("425db627a9d7069e16c1dbcde1ea78f511927f4c").unwrap();
        let old = Refs { names: [("refs/heads/old".to_owned(), id)].into(), head: None };
        let news = Refs { names: [("refs/heads/new".to_owned(), id)].into(), head: None };
        assert_eq!(old.updated(&news, false).names.len(), 2);
        assert_eq!(old.updated(&news, true).names.len(), 1);
    }
}
