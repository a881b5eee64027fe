//! How a remote is reached. Each way brings the objects in and says what the remote's branches and tags are.

mod local;

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
}

impl Transport {
    pub(crate) fn new(uri: &str, _settings: &Settings) -> Result<Self, Problem> {
        Ok(Self::Local(PathBuf::from(uri)))
    }

    /// A disk does not hang, so requests may wait for it.
    pub(crate) fn is_local(&self) -> bool {
        matches!(self, Self::Local(_))
    }

    /// `known`: what the mirror has. The error is a cause for the log, free of secrets.
    pub(crate) async fn fetch(&self, mirror: &Path, known: &Refs, timeout: Duration) -> Result<Refs, String> {
        let _ = (known, timeout);
        match self {
            Self::Local(path) => {
                let (mirror, path) = (mirror.to_owned(), path.clone());
                tokio::task::spawn_blocking(move || local::fetch(&mirror, &path))
                    .await
                    .map_err(|error| error.to_string())?
            }
        }
    }
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
