//! How a remote is reached. Each way brings the objects in and says what the remote's branches and tags are.
//!
//! A path is libgit2's; http, ssh and git speak the pack protocol over our own connections, so there is one TLS stack, the user's own
//! OpenSSH client, and a time-out for each byte. No `git` program is needed.

mod daemon;
mod http;
mod local;
mod pack;
mod packet;
mod ssh;

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use wellspring_properties::Problem;

use super::refs::Refs;
use crate::config::Git as Settings;

#[derive(Debug)]
pub(crate) enum Transport {
    /// A path on this machine.
    Local(PathBuf),
    Http(http::Http),
    Ssh(ssh::Ssh),
    /// `git:`, without encryption.
    Daemon(daemon::Daemon),
}

impl Transport {
    pub(crate) fn new(uri: &str, settings: &Settings) -> Result<Self, Problem> {
        if uri.starts_with("http://") || uri.starts_with("https://") {
            return http::Http::new(uri, settings).map(Self::Http);
        }
        if uri.starts_with("git://") {
            return daemon::Daemon::new(uri).map(Self::Daemon);
        }
        if uri.starts_with("ssh://") || is_scp(uri) {
            return ssh::Ssh::new(uri, settings).map(Self::Ssh);
        }
        if let Some((scheme, _)) = uri.split_once("://") {
            return Err(Problem::new("WS-1414", format!("git repositories cannot be reached by {scheme}"))
                .found(Shown(uri).to_string())
                .hint("https://…, ssh://…, user@host:path, file:///…, or a path"));
        }
        Ok(Self::Local(PathBuf::from(uri)))
    }

    /// A disk does not hang, so requests may wait for it.
    pub(crate) fn is_local(&self) -> bool {
        matches!(self, Self::Local(_))
    }

    /// `known`: what the mirror has. The error is a cause for the log, free of secrets.
    pub(crate) async fn fetch(&self, mirror: &Path, known: &Refs, timeout: Duration) -> Result<Refs, String> {
        match self {
            Self::Local(path) => {
                let (mirror, path) = (mirror.to_owned(), path.clone());
                tokio::task::spawn_blocking(move || local::fetch(&mirror, &path))
                    .await
                    .map_err(|error| error.to_string())?
            }
            Self::Http(remote) => remote.fetch(mirror, known, timeout).await,
            Self::Ssh(remote) => remote.fetch(mirror, known, timeout).await,
            Self::Daemon(remote) => remote.fetch(mirror, known, timeout).await,
        }
    }
}

/// What of the settings has no effect on a repository, or not the expected one; to be told at the start.
pub(crate) fn remarks(uri: &str, settings: &Settings) -> Vec<&'static str> {
    let mut out = Vec::new();
    let ssh = uri.starts_with("ssh://") || (is_scp(uri) && !uri.contains("://"));
    if uri.contains("://git-codecommit") {
        out.push("AWS CodeCommit: requests are not signed with AWS keys; username and password must be Git credentials of IAM");
    }
    if uri.contains("://source.developers.google.com") {
        out.push("Google Cloud Source: no credentials are taken from the machine; username and password must be set");
    }
    if settings.force_pull {
        out.push("force-pull has no effect: a mirror has no work tree that could be changed");
    }
    let keys = settings.private_key.is_some() || settings.host_key.is_some();
    if ssh && !settings.ignore_local_ssh_settings && keys {
        out.push("private-key and host-key have no effect without ignore-local-ssh-settings: true");
    }
    if ssh && !settings.proxy.is_empty() {
        out.push("proxy has no effect on ssh; use ProxyJump or ProxyCommand in the ssh settings");
    }
    if uri.starts_with("file:") && (settings.clone_submodules || settings.delete_untracked_branches) {
        out.push("clone-submodules and delete-untracked-branches have no effect on a file: repository, which is read where it is");
    }
    out
}

/// `user@host:path`, also without the user; a colon after a slash belongs to a path.
fn is_scp(uri: &str) -> bool {
    uri.split_once(':').is_some_and(|(host, path)| {
        !host.is_empty() && !host.contains('/') && !path.is_empty() && !path.starts_with("//")
    })
}

/// A uri without the user and password in it.
pub(crate) struct Shown<'a>(pub(crate) &'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.split_once("://") {
            Some((scheme, rest)) => {
                let end = rest.find('/').unwrap_or(rest.len());
                let (authority, path) = rest.split_at(end);
                let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
                write!(f, "{scheme}://{host}{path}")
            }
            None => f.write_str(self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uris_and_how_they_are_reached() {
        for (uri, expected) in [
            ("https://h/x.git", "Http"),
            ("http://h:8080/x", "Http"),
            ("ssh://git@h:2222/x", "Ssh"),
            ("git@github.com:org/x.git", "Ssh"),
            ("h:x", "Ssh"),
            ("git://h/x", "Daemon"),
            ("/srv/x.git", "Local"),
            ("./a:b", "Local"),
        ] {
            let made = format!("{:?}", Transport::new(uri, &Settings::default()).unwrap());
            assert!(made.starts_with(expected), "{uri}: {made}");
        }
        for uri in ["ftp://h/x", "ssh://-oProxyCommand=x/y", "-oProxyCommand=x:y"] {
            assert!(Transport::new(uri, &Settings::default()).is_err(), "{uri}");
        }
    }

    #[test]
    fn settings_without_effect_are_told() {
        let forced = Settings { force_pull: true, ..Settings::default() };
        let keyed = Settings { private_key: Some(crate::config::Secret("k".into())), ..Settings::default() };
        for (uri, settings, expected) in [
            ("https://h/x", Settings::default(), None),
            (
                "https://git-codecommit.eu-west-1.amazonaws.com/v1/repos/x",
                Settings::default(),
                Some("CodeCommit"),
            ),
            ("https://source.developers.google.com/p/x/r/y", Settings::default(), Some("Google")),
            ("https://h/x", forced, Some("force-pull")),
            ("git@h:x", keyed.clone(), Some("private-key")),
            ("git@h:x", Settings { ignore_local_ssh_settings: true, ..keyed }, None),
            (
                "file:///x",
                Settings { clone_submodules: true, ..Settings::default() },
                Some("clone-submodules"),
            ),
        ] {
            let told = remarks(uri, &settings);
            assert_eq!(told.len(), usize::from(expected.is_some()), "{uri} {told:?}");
            assert!(expected.is_none_or(|part| told[0].contains(part)), "{uri} {told:?}");
        }
    }

    #[test]
    fn shown_without_credentials() {
        assert_eq!(Shown("https://user:secret@h/x@y").to_string(), "https://h/x@y");
        assert_eq!(Shown("/srv/x").to_string(), "/srv/x");
    }
}
