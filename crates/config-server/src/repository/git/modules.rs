//! `clone-submodules`: repositories inside a repository.
//!
//! Their objects go into the mirror's own store, where a tree names the commit of a submodule; so reading a file below one is nothing
//! special. A submodule is fetched only when the commit that is named is missing. Its address comes from whoever can push: credentials
//! go to the host of the repository itself and no other, and nothing on this machine is opened for a remote repository.

use std::path::Path;
use std::time::Duration;

use git2::{ObjectType, Oid, Repository};
use tracing::warn;
use url::Url;

use super::refs::Refs;
use super::transport::{Shown, Transport};
use crate::config::Git as Settings;

/// Submodules in submodules.
const DEPTH: usize = 4;

#[derive(Debug)]
pub(super) struct Modules {
    uri: String,
    settings: Settings,
}

/// A submodule whose commit is not here.
#[derive(Debug)]
struct Missing {
    url: String,
    commit: Oid,
}

impl Modules {
    pub(super) fn new(uri: &str, settings: &Settings) -> Option<Self> {
        settings.clone_submodules.then(|| Self { uri: uri.to_owned(), settings: settings.clone() })
    }

    /// Brings in what the commits `tips` name. What cannot be had is told and left out.
    pub(super) async fn fetch(&self, git: &Path, tips: Vec<Oid>, timeout: Duration) {
        let mut open: Vec<(String, Oid)> = tips.into_iter().map(|tip| (self.uri.clone(), tip)).collect();
        for _ in 0..DEPTH {
            let mut next = Vec::new();
            for (uri, tip) in open {
                let (git_directory, parent) = (git.to_owned(), uri.clone());
                let named = tokio::task::spawn_blocking(move || named(&git_directory, &parent, tip)).await;
                for (module, missing) in named.ok().and_then(Result::ok).unwrap_or_default() {
                    if missing && let Err(cause) = self.one(git, &module, timeout).await {
                        warn!(uri = %Shown(&module.url), cause, "submodule cannot be fetched");
                        continue;
                    }
                    next.push((module.url, module.commit));
                }
            }
            if next.is_empty() {
                return;
            }
            open = next;
        }
    }

    async fn one(&self, git: &Path, module: &Missing, timeout: Duration) -> Result<(), String> {
        let own = |uri: &str| Url::parse(uri).ok().and_then(|url| url.host_str().map(str::to_owned));
        let mut settings = self.settings.clone();
        if own(&module.url) != own(&self.uri) {
            (settings.username, settings.password, settings.passphrase, settings.private_key) =
                (None, None, None, None);
        }
        let transport = Transport::new(&module.url, &settings).map_err(|problem| problem.line())?;
        let parent = Transport::new(&self.uri, &self.settings).map_err(|problem| problem.line())?;
        if transport.is_local() && !parent.is_local() {
            return Err("a path on this machine is not opened for a remote repository".to_owned());
        }
        let known = git.join("wellspring-modules").join(address(&module.url)?);
        std::fs::create_dir_all(&known).map_err(|error| error.to_string())?;
        let before = Refs::load(&known).map_err(|error| error.to_string())?;
        let refs = transport.fetch(git, &before, timeout).await?;
        refs.save(&known).map_err(|error| error.to_string())?;
        let (git, commit) = (git.to_owned(), module.commit);
        let there = tokio::task::spawn_blocking(move || {
            Repository::open(&git).and_then(|repository| Ok(repository.odb()?.exists(commit)))
        });
        match there.await {
            Ok(Ok(true)) => Ok(()),
            _ => Err(format!("commit {commit} is on none of its branches and tags")),
        }
    }
}

/// A directory's name for an address.
fn address(url: &str) -> Result<String, String> {
    Oid::hash_object(ObjectType::Blob, url.as_bytes())
        .map(|id| id.to_string())
        .map_err(|error| error.message().to_owned())
}

/// The submodules of a commit, and whether theirs are missing.
fn named(git: &Path, parent: &str, tip: Oid) -> Result<Vec<(Missing, bool)>, git2::Error> {
    let repository = Repository::open(git)?;
    let Ok(tree) = repository.find_object(tip, None).and_then(|object| object.peel_to_tree()) else {
        return Ok(Vec::new());
    };
    let Ok(file) = tree.get_path(Path::new(".gitmodules")).and_then(|entry| repository.find_blob(entry.id()))
    else {
        return Ok(Vec::new());
    };
    let objects = repository.odb()?;
    let mut out = Vec::new();
    for (path, url) in sections(&String::from_utf8_lossy(file.content())) {
        let Ok(entry) = tree.get_path(Path::new(&path)) else { continue };
        if entry.kind() == Some(ObjectType::Commit)
            && let Some(url) = absolute(parent, &url)
        {
            out.push((Missing { url, commit: entry.id() }, !objects.exists(entry.id())));
        }
    }
    Ok(out)
}

/// `path` and `url` of each section of a `.gitmodules`.
fn sections(text: &str) -> Vec<(String, String)> {
    let mut out = Vec::new();
    let (mut path, mut url) = (None, None);
    for line in text.lines().map(str::trim).chain(["["]) {
        if line.starts_with('[') {
            if let (Some(path), Some(url)) = (path.take(), url.take()) {
                out.push((path, url));
            }
            (path, url) = (None, None);
        } else if let Some((name, value)) = line.split_once('=') {
            let value = value.trim().trim_matches('"').to_owned();
            match name.trim() {
                "path" => path = Some(value),
                "url" => url = Some(value),
                _ => {}
            }
        }
    }
    out
}

/// `../other.git` seen from the repository that says so.
fn absolute(parent: &str, url: &str) -> Option<String> {
    if !url.starts_with("./") && !url.starts_with("../") {
        return Some(url.to_owned());
    }
    let mut base = parent.trim_end_matches('/');
    let mut rest = url;
    loop {
        if let Some(after) = rest.strip_prefix("./") {
            rest = after;
        } else if let Some(after) = rest.strip_prefix("../") {
            let at = base.rfind(['/', ':'])?;
            let (shorter, _) = base.split_at(if base.get(at..=at) == Some(":") { at + 1 } else { at });
            base = shorter;
            rest = after;
        } else {
            let slash = if base.ends_with(':') { "" } else { "/" };
            return Some(format!("{base}{slash}{rest}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_relative_to_the_repository_that_names_them() {
        for (parent, url, expected) in [
            ("https://h/team/config.git", "../shared.git", "https://h/team/shared.git"),
            ("https://h/team/config.git/", "../../x/y", "https://h/x/y"),
            ("git@h:team/config.git", "../shared.git", "git@h:team/shared.git"),
            ("git@h:config.git", "../shared.git", "git@h:shared.git"),
            ("/srv/config.git", "../shared.git", "/srv/shared.git"),
            ("https://h/x", "https://other/y", "https://other/y"),
        ] {
            assert_eq!(absolute(parent, url).as_deref(), Some(expected), "{parent} {url}");
        }
    }

    #[test]
    fn sections_have_a_path_and_an_address() {
        let text = "[submodule \"a\"]\n\tpath = common\n\turl = ../a.git\n[submodule \"b\"]\n\tpath = x\n[submodule \"c\"]\n url=\"u\"\n path=p/q\n";
        let expected = [("common", "../a.git"), ("p/q", "u")].map(|(p, u)| (p.to_owned(), u.to_owned()));
        assert_eq!(sections(text), expected);
    }
}
