//! A remote on this machine: libgit2 copies the objects.

use std::path::Path;

use git2::Direction;

use crate::repository::git::refs::Refs;

pub(super) fn fetch(mirror: &Path, remote: &Path) -> Result<Refs, String> {
    copy(mirror, remote).map_err(|error| error.message().to_owned())
}

fn copy(mirror: &Path, path: &Path) -> Result<Refs, git2::Error> {
    let repository = git2::Repository::open(mirror)?;
    let mut remote = repository.remote_anonymous(&path.display().to_string())?;
    remote.connect(Direction::Fetch)?;
    let mut refs = Refs::default();
    let mut missing = Vec::new();
    let objects = repository.odb()?;
    for head in remote.list()? {
        let name = head.name();
        if name == "HEAD" {
            refs.head = head.symref_target().map(str::to_owned);
        }
        if Refs::is_mirrored(name) {
            if !objects.exists(head.oid()) {
                missing.push(format!("+{name}:{name}"));
            }
            refs.names.insert(name.to_owned(), head.oid());
        }
    }
    if !missing.is_empty() {
        remote.download(&missing, None)?;
    }
    remote.disconnect()?;
    Ok(refs)
}
