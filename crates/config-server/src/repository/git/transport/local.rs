//! A remote on this machine: libgit2 copies the objects, after a first clone has taken over what is packed already.

use std::io;
use std::path::Path;

use git2::Direction;

use tracing::debug;

use crate::repository::git::refs::Refs;

pub(super) fn fetch(mirror: &Path, remote: &Path) -> Result<Refs, String> {
    if let Err(error) = take_over(mirror, remote) {
        debug!(remote = %remote.display(), %error, "packs cannot be taken over, all is packed anew");
    }
    copy(mirror, remote).map_err(|error| error.message().to_owned())
}

/// Packs and single objects as they are, into a mirror that has none: to pack a long history anew takes minutes.
fn take_over(mirror: &Path, remote: &Path) -> io::Result<()> {
    let (inner, bare) = (remote.join(".git/objects"), remote.join("objects"));
    let (from, to) = (if inner.is_dir() { inner } else { bare }, mirror.join("objects"));
    let has_packs = |folder: &Path| folder.join("pack").read_dir().is_ok_and(|mut all| all.next().is_some());
    // Objects that lie elsewhere are for libgit2 to find.
    if has_packs(&to) || !has_packs(&from) || from.join("info/alternates").exists() {
        return Ok(());
    }
    for folder in from.read_dir()?.flatten() {
        let name = folder.file_name();
        let is_wanted = name.len() == 2 || name == "pack";
        if !is_wanted || !folder.file_type()?.is_dir() {
            continue;
        }
        std::fs::create_dir_all(to.join(&name))?;
        let mut files: Vec<_> = folder.path().read_dir()?.flatten().collect();
        // A pack counts once its index is there.
        files.sort_by_key(|file| file.path().extension().is_some_and(|extension| extension == "idx"));
        for file in files {
            let is_temporary = file.file_name().to_string_lossy().starts_with("tmp_");
            if file.file_type()?.is_file() && !is_temporary {
                std::fs::copy(file.path(), to.join(&name).join(file.file_name()))?;
            }
        }
    }
    Ok(())
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
