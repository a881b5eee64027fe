//! What a label stands for: a branch, a tag, a full or short commit id, `HEAD`.

use git2::Oid;

use super::store::{Commit, Store};
use crate::error::Error;

/// Looks one name up; `None`: there is none.
pub(crate) trait Names {
    /// By full name, `refs/heads/main`.
    fn reference(&self, name: &str) -> Result<Option<Oid>, Error>;
    /// What `HEAD` names.
    fn head(&self) -> Result<Option<Oid>, Error>;
}

const SHORTEST_ID: usize = 4;

pub(crate) fn commit(store: &Store, names: &dyn Names, label: &str) -> Result<Commit, Error> {
    let missing = || Error::NotFound(format!("no such label: {label}"));
    if label.is_empty() {
        return Err(missing());
    }
    if label == "HEAD" {
        let id = names.head()?.ok_or_else(missing)?;
        return store.commit(id)?.ok_or_else(missing);
    }
    // What cannot be a reference is the asker's mistake, which the original answers with 500.
    if !git2::Reference::is_valid_name(&format!("refs/heads/{label}")) {
        return Err(Error::Internal(format!("label `{label}` cannot be the name of a branch or tag")));
    }
    let branch = label.strip_prefix("origin/").unwrap_or(label);
    let candidates = [
        format!("refs/heads/{label}"),
        format!("refs/tags/{label}"),
        format!("refs/heads/{branch}"),
        format!("refs/{label}"),
        label.to_owned(),
    ];
    for name in candidates.iter().filter(|name| name.starts_with("refs/")) {
        if let Some(id) = names.reference(name)? {
            return store.commit(id)?.ok_or_else(missing);
        }
    }
    if label.len() >= SHORTEST_ID && label.len() <= 40 && label.bytes().all(|b| b.is_ascii_hexdigit()) {
        let found = match Oid::from_str(label) {
            Ok(id) if label.len() == 40 => store.commit(id)?,
            _ => store.commit_by_prefix(label)?,
        };
        return found.ok_or_else(missing);
    }
    Err(missing())
}
