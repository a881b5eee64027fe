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
    fn shown_without_credentials() {
        assert_eq!(Shown("https://user:secret@h/x@y").to_string(), "https://h/x@y");
        assert_eq!(Shown("/srv/x").to_string(), "/srv/x");
    }
}
