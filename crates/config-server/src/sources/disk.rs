//! Files of a directory on disk.
//!
//! `Confined` follows no symbolic link that leads out of the directory: who can push to a repository must not read the
//! server's files. A native search location is the operator's own, whose links are followed as in the original.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::files::{Files, Stamp, is_clean};
use crate::error::Error;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Links {
    Followed,
    Confined,
}

#[derive(Debug, Clone)]
pub(crate) struct Disk {
    root: PathBuf,
    links: Links,
}

impl Disk {
    /// `root`: absolute.
    pub(crate) fn new(root: PathBuf, links: Links) -> Self {
        Self { root, links }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    fn metadata(&self, path: &str) -> Option<Metadata> {
        if path.is_empty() {
            return std::fs::metadata(&self.root).ok();
        }
        if !is_clean(path) {
            return None;
        }
        let mut full = self.root.clone();
        let mut found = None;
        for part in path.split('/') {
            full.push(part);
            let metadata = std::fs::symlink_metadata(&full).ok()?;
            if metadata.is_symlink() {
                return self.behind_links(path);
            }
            found = Some(metadata);
        }
        // Without a link on its way a clean path leads nowhere else.
        found
    }

    fn behind_links(&self, path: &str) -> Option<Metadata> {
        let full = self.root.join(path);
        let metadata = std::fs::metadata(&full).ok()?;
        self.is_inside(&full).then_some(metadata)
    }

    /// Links never lead into a `.git`, whoever made them.
    fn is_inside(&self, full: &Path) -> bool {
        let Ok(real) = full.canonicalize() else { return false };
        let outer = match self.root.canonicalize() {
            Ok(root) => match real.strip_prefix(&root) {
                Ok(inner) => inner.to_path_buf(),
                Err(_) if self.links == Links::Confined => return false,
                Err(_) => real,
            },
            Err(_) => return false,
        };
        !outer.components().any(|part| part.as_os_str().eq_ignore_ascii_case(".git"))
    }
}

fn stamp(metadata: &Metadata) -> Stamp {
    Stamp::Disk {
        device: metadata.dev(),
        inode: metadata.ino(),
        length: metadata.len(),
        seconds: metadata.mtime(),
        nanoseconds: metadata.mtime_nsec(),
    }
}

impl Files for Disk {
    fn find(&self, path: &str) -> Result<Option<Stamp>, Error> {
        Ok(self.metadata(path).filter(Metadata::is_file).map(|metadata| stamp(&metadata)))
    }

    fn read(&self, path: &str, _stamp: &Stamp) -> Result<Vec<u8>, Error> {
        let full = self.root.join(path);
        std::fs::read(&full)
            .map_err(|error| Error::Internal(format!("cannot read {}: {error}", full.display())))
    }

    fn directories(&self, path: &str) -> Result<Option<Vec<String>>, Error> {
        if self.metadata(path).is_none_or(|metadata| !metadata.is_dir()) {
            return Ok(None);
        }
        let Ok(entries) = std::fs::read_dir(self.root.join(path)) else { return Ok(None) };
        let mut names: Vec<String> = entries
            .filter_map(Result::ok)
            .filter(|entry| entry.path().is_dir())
            .filter_map(|entry| entry.file_name().into_string().ok())
            .filter(|name| is_clean(name))
            .collect();
        names.sort_unstable();
        Ok(Some(names))
    }

    fn modified(&self, _path: &str, stamp: &Stamp) -> Option<i64> {
        match stamp {
            Stamp::Disk { seconds, .. } => Some(*seconds),
            Stamp::Blob(_) => None,
        }
    }

    fn shown(&self, path: &str) -> String {
        self.root.join(path).display().to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_outside_and_no_git_directory_is_found() {
        let home = tempfile::tempdir().unwrap();
        let root = home.path().join("repo");
        std::fs::create_dir_all(root.join(".git")).unwrap();
        std::fs::create_dir_all(root.join("sub")).unwrap();
        for file in ["secret.txt", "repo/.git/config", "repo/a.yml", "repo/sub/b.yml"] {
            std::fs::write(home.path().join(file), "x").unwrap();
        }
        for (link, target) in
            [("out.txt", "../secret.txt"), ("in.yml", "a.yml"), ("git", ".git"), ("up", "..")]
        {
            std::os::unix::fs::symlink(target, root.join(link)).unwrap();
        }
        for links in [Links::Followed, Links::Confined] {
            let disk = Disk::new(root.clone(), links);
            let found = |path: &str| disk.find(path).unwrap().is_some();
            for path in ["a.yml", "sub/b.yml", "in.yml"] {
                assert!(found(path), "{path}");
            }
            for path in [
                "",
                "sub",
                ".git/config",
                ".GIT/config",
                "git/config",
                "../secret.txt",
                "sub/../a.yml",
                "/etc/passwd",
                "sub//b.yml",
                "a.yml\0",
            ] {
                assert!(!found(path), "{path}");
            }
            for path in ["out.txt", "up/secret.txt"] {
                assert_eq!(found(path), links == Links::Followed, "{path}");
            }
            assert!(!found("up/repo/.git/config"));
            assert_eq!(disk.directories(".git").unwrap(), None);
        }
    }
}
