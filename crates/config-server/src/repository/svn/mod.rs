//! A Subversion repository, by the installed `svn`. A label is a directory of it: `trunk`, else one below `branches` or `tags`.
//!
//! The whole tree is checked out, so nothing that a client sends ever becomes an argument of a command.

mod checkout;
mod command;
mod flight;

use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde::Deserialize;
use serde::de::IgnoredAny;
use wellspring_properties::Problem;

use super::git::locate::directories;
use super::{Found, Freshness, Parts, Query, Repository, expand};
use crate::config::Secret;
use crate::error::Error;
use crate::sources::documents::Documents;
use crate::sources::files::{Files, is_clean};
use crate::sources::search::{self, Failure, Location, Naming, Source};
use checkout::{Tree, is_administration};
use flight::Remote;

const CODE: &str = "WS-1433";

/// `spring.cloud.config.server.svn`
#[derive(Debug, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct Settings {
    uri: Option<String>,
    username: Option<String>,
    password: Option<Secret>,
    default_label: String,
    search_paths: Vec<String>,
    /// Where the tree is kept; a fresh temporary directory by default.
    basedir: Option<String>,
    /// Seconds for a command. The original waits for ever.
    timeout: u64,
    /// `false`: any certificate of an https server is taken.
    strict_host_key_checking: bool,
    continue_on_multiple_label_failure: bool,
    order: Option<i32>,
    #[serde(rename = "type")]
    kind: IgnoredAny,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            uri: None,
            username: None,
            password: None,
            default_label: "trunk".to_owned(),
            search_paths: Vec::new(),
            basedir: None,
            timeout: 60,
            strict_host_key_checking: true,
            continue_on_multiple_label_failure: false,
            order: None,
            kind: IgnoredAny,
        }
    }
}

#[derive(Debug)]
struct Svn {
    remote: Arc<Remote>,
    uri: Arc<str>,
    default_label: String,
    search_paths: Vec<String>,
    skips_failing_labels: bool,
    documents: Arc<Documents>,
}

pub(super) fn build(parts: &Parts<'_>) -> Result<Arc<dyn Repository>, Problem> {
    let settings: Settings = super::settings(parts)?;
    let key = format!("{}.uri", parts.prefix);
    let Some(uri) = settings.uri.as_deref().filter(|uri| !uri.is_empty()) else {
        return Err(Problem::new(CODE, format!("{key} is missing: the repository to be served"))
            .hint("svn://host/repository, https://host/svn/repository, file:///path"));
    };
    let uri = uri.trim_end_matches('/');
    if !["svn://", "svn+ssh://", "http://", "https://", "file:///"].iter().any(|start| uri.starts_with(start))
    {
        return Err(Problem::new(CODE, format!("{key} is no Subversion address"))
            .at(parts.env().origin(&key))
            .hint("svn://, svn+ssh://, http://, https:// or file:///"));
    }
    let command = command::Command::new(
        settings.username.clone(),
        settings.password.clone(),
        std::time::Duration::from_secs(settings.timeout.max(1)),
        !settings.strict_host_key_checking,
    );
    let remote = Remote::new(uri, settings.basedir.as_deref(), command, parts)?;
    Ok(Arc::new(Svn {
        remote,
        uri: uri.into(),
        default_label: parts.settings.default_label.clone().unwrap_or(settings.default_label),
        search_paths: settings.search_paths,
        skips_failing_labels: settings.continue_on_multiple_label_failure,
        documents: Arc::clone(&parts.documents),
    }))
}

impl Svn {
    /// The directory of a label.
    fn directory(tree: &Arc<Tree>, label: &str) -> Result<String, Error> {
        let unknown = || Error::NotFound(format!("no such label: {label}"));
        if !is_clean(label) || is_administration(label) || label.contains(['*', '?']) {
            return Err(unknown());
        }
        for directory in [label.to_owned(), format!("branches/{label}"), format!("tags/{label}")] {
            if tree.directories(&directory)?.is_some() {
                return Ok(directory);
            }
        }
        Err(unknown())
    }

    fn locations_at(&self, tree: &Arc<Tree>, query: &Query, label: &str) -> Result<Vec<Location>, Error> {
        let root = Self::directory(tree, label)?;
        let mut found = vec![format!("{root}/")];
        for path in &self.search_paths {
            for expanded in expand(path.trim(), query, Some(label)) {
                for directory in directories(&**tree, &format!("{root}/{expanded}"))? {
                    if !found.contains(&directory) {
                        found.push(directory);
                    }
                }
            }
        }
        let files = Arc::clone(tree) as Arc<dyn Files>;
        let location = |directory| Location {
            files: Arc::clone(&files),
            directory,
            naming: Naming::Git { uri: Arc::clone(&self.uri) },
        };
        Ok(found.into_iter().map(location).collect())
    }

    fn sources(&self, tree: &Arc<Tree>, query: &Query, label: &str) -> Result<Vec<Source>, Error> {
        let locations = self.locations_at(tree, query, label)?;
        search::search(&self.documents, &locations, &query.applications(), &query.profiles()).map_err(
            |failure| match failure {
                // As the original: 404 is for labels that are not there.
                Failure::Syntax(problem) | Failure::Refused(problem) => Error::Internal(problem.line()),
                Failure::Other(error) => error,
            },
        )
    }

    fn label<'q>(&'q self, query: &'q Query) -> &'q str {
        query.label.as_deref().filter(|label| !label.is_empty()).unwrap_or(&self.default_label)
    }

    fn checked(query: &Query) -> Result<(), Error> {
        match query.invalid_profile() {
            Some(profile) => Err(Error::NotFound(format!("profile `{profile}` is not valid"))),
            None => Ok(()),
        }
    }
}

impl Repository for Svn {
    fn find<'a>(&'a self, query: &'a Query) -> BoxFuture<'a, Result<Found, Error>> {
        Box::pin(async move {
            Self::checked(query)?;
            let tree = self.remote.fresh().await?;
            let labels: Vec<&str> = self.label(query).split(',').map(str::trim).collect();
            let mut versions = Vec::new();
            let mut sources = Vec::new();
            // The last label has the highest precedence.
            for label in labels.iter().rev() {
                match self.sources(&tree, query, label) {
                    Ok(found) => {
                        versions.push(tree.revision().to_owned());
                        sources.extend(found);
                    }
                    Err(error) if labels.len() > 1 && self.skips_failing_labels => {
                        tracing::warn!(label, %error, "label left out");
                    }
                    Err(error) => return Err(error),
                }
            }
            let (version, state) = (Some(versions.join(",")), Some(String::new()));
            let stale_since = self.remote.stale_since();
            Ok(Found { version, state, sources, stale_since, ..Found::default() })
        })
    }

    fn locations<'a>(&'a self, query: &'a Query) -> BoxFuture<'a, Result<Vec<Location>, Error>> {
        Box::pin(async move {
            Self::checked(query)?;
            let tree = self.remote.fresh().await?;
            self.locations_at(&tree, query, self.label(query))
        })
    }

    fn refresh(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            // What went wrong is in the log and in health.
            drop(self.remote.fresh().await);
        })
    }

    fn freshness(&self) -> Vec<Freshness> {
        vec![self.remote.freshness()]
    }
}
