//! Git repositories: one by default, others by pattern, and those whose uri holds placeholders.

mod flight;
pub(crate) mod gate;
mod history;
mod home;
mod in_place;
mod label;
pub(crate) mod locate;
mod mirror;
mod modules;
pub(crate) mod refs;
mod schema;
pub(crate) mod store;
pub(crate) mod transport;
pub(crate) mod tree;
mod vacuum;
mod validate;
pub(crate) mod work_tree;

use std::path::PathBuf;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use tracing::{debug, warn};
use wellspring_properties::Problem;

use super::{Found, Freshness, Parts, Query, Repository, expand};
use crate::config::Git as Settings;
use crate::error::Error;
use crate::sources::documents::Documents;
use crate::sources::files::Files;
use crate::sources::search::{self, Failure, Location, Naming};
use locate::{Choice, Place, Places};
use store::Commit;
use transport::Shown;

#[derive(Debug)]
pub(crate) struct Git {
    places: Places,
    /// `repos.*`, in order.
    by_pattern: Vec<Choice>,
    default: Choice,
    documents: Arc<Documents>,
}

/// A label and the commit that a commit-ish stands for.
#[derive(Debug)]
pub(crate) struct Meant {
    /// Without credentials.
    pub(crate) repository: String,
    pub(crate) label: String,
    pub(crate) commit: git2::Oid,
}

/// One label of one repository, ready to be read.
struct Opened {
    place: Arc<Place>,
    commit: Commit,
    label: String,
}

pub(crate) fn build(parts: &Parts<'_>) -> Result<Arc<dyn Repository>, Problem> {
    let settings: Settings = parts.env().bind(&parts.prefix)?;
    if settings.uri.as_deref().is_none_or(str::is_empty) {
        let key = format!("{}.uri", parts.prefix);
        return Err(Problem::new("WS-1412", format!("{key} is missing: the repository to be served"))
            .hint("a uri (https, ssh, file, a path), or spring.profiles.active=native for directories"));
    }
    let basedir = settings.basedir.as_ref().map(PathBuf::from);
    let places = Places::new(parts, basedir);
    let server_label = parts.settings.default_label.as_deref();
    let mut by_pattern = Vec::new();
    for (key, repo) in &settings.repos {
        by_pattern.push(Choice::new(Some(key), repo.0.clone().inherit(&settings), server_label)?);
    }
    let default = Choice::new(None, settings, server_label)?;
    Ok(Arc::new(Git { places, by_pattern, default, documents: Arc::clone(&parts.documents) }))
}

impl Git {
    /// The repositories to be tried, the default one last.
    fn choices(&self, query: &Query) -> impl Iterator<Item = &Choice> {
        self.by_pattern
            .iter()
            .filter(|choice| choice.matches(&query.name, &query.profiles))
            .chain([&self.default])
    }

    /// Runs `work` on the first repository that can answer.
    async fn first<'a, T, F>(&'a self, query: &'a Query, work: impl Fn(&'a Choice) -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        if let Some(profile) = query.invalid_profile() {
            return Err(Error::NotFound(format!("profile `{profile}` is not valid")));
        }
        let mut last = Error::NotFound("no repository".to_owned());
        for choice in self.choices(query) {
            match work(choice).await {
                Ok(found) => return Ok(found),
                Err(error) => {
                    // A repository chosen by pattern that fails is not the last word, whatever the failure.
                    debug!(repository = choice.name(), %error, "repository cannot answer");
                    last = error;
                }
            }
        }
        Err(last)
    }

    async fn open(&self, choice: &Choice, query: &Query, label: Option<&str>) -> Result<Opened, Error> {
        let place = self.places.place(choice, query, label).await?;
        let wanted = label.unwrap_or(&choice.default_label);
        place.fresh().await?;
        match place.commit(wanted) {
            Ok(commit) => Ok(Opened { place, commit, label: wanted.to_owned() }),
            Err(error) => {
                if error.falls_through() && choice.falls_back(wanted) {
                    let commit = place.commit("master").map_err(|_| error)?;
                    return Ok(Opened { place, commit, label: "master".to_owned() });
                }
                Err(error)
            }
        }
    }

    fn version_in(&self, choice: &Choice, query: &Query) -> Option<String> {
        let labels = query.label.as_deref().filter(|label| !label.is_empty());
        let labels =
            labels.map_or(vec![None], |list| list.split(',').map(|label| Some(label.trim())).collect());
        let mut versions = Vec::new();
        for label in labels {
            let place = self.places.known(choice, query, label)?;
            let wanted = label.unwrap_or(&choice.default_label);
            let commit = place.commit(wanted).ok();
            let commit = commit.or_else(|| choice.falls_back(wanted).then(|| place.commit("master").ok())?);
            match commit {
                Some(commit) => versions.push(commit.id.to_string()),
                None if choice.settings.continue_on_multiple_label_failure => {}
                None => return None,
            }
        }
        Some(versions.join(","))
    }

    /// What a pin would hold: a label of the repository at `uri` (without credentials; the default one without), and the commit that
    /// `commit` names, which may go back in time: `main~1`.
    pub(crate) async fn meant(
        &self,
        uri: Option<&str>,
        label: Option<&str>,
        commit: Option<&str>,
    ) -> Result<Meant, Error> {
        let query = Query { name: "application".into(), profiles: "default".into(), ..Query::default() };
        let mut last = Error::NotFound(format!("no repository {}", uri.unwrap_or("by default")));
        for choice in [&self.default].into_iter().chain(&self.by_pattern) {
            let Ok(opened) = self.open(choice, &query, label).await.inspect_err(|error| {
                if uri.is_none() {
                    last = error.clone();
                }
            }) else {
                continue;
            };
            let repository = Shown(&opened.place.uri).to_string();
            if uri.is_some_and(|uri| uri != repository) {
                continue;
            }
            let commit = match commit {
                None => opened.commit.id,
                Some(text) => opened.place.resolved(text, &opened.label)?,
            };
            return Ok(Meant { repository, label: opened.label, commit });
        }
        Err(last)
    }

    async fn find_in(&self, choice: &Choice, query: &Query) -> Result<Found, Error> {
        let labels: Vec<Option<&str>> = match query.label.as_deref().filter(|label| !label.is_empty()) {
            None => vec![None],
            Some(list) => list.split(',').map(|label| Some(label.trim())).collect(),
        };
        let several = labels.len() > 1;
        let mut versions = Vec::new();
        let mut sources = Vec::new();
        let (mut rejected, mut stale_since) = (None, None);
        // The last label has the highest precedence; versions are told in the order of the list.
        for label in labels.into_iter().rev() {
            match self.find_label(choice, query, label).await {
                Ok(found) => {
                    versions.insert(0, found.version.unwrap_or_default());
                    sources.extend(found.sources);
                    rejected = rejected.or(found.rejected);
                    stale_since = stale_since.or(found.stale_since);
                }
                Err(error) if several && choice.settings.continue_on_multiple_label_failure => {
                    warn!(label, %error, "label left out");
                }
                Err(error) => return Err(error),
            }
        }
        let (version, state) = (Some(versions.join(",")), Some(String::new()));
        Ok(Found { version, state, sources, rejected, stale_since })
    }

    async fn find_label(&self, choice: &Choice, query: &Query, label: Option<&str>) -> Result<Found, Error> {
        let opened = self.open(choice, query, label).await?;
        let locations = self.locations_in(choice, &opened, query)?;
        let sources = search::search(&self.documents, &locations, &query.applications(), &query.profiles())
            .map_err(|failure| match failure {
            // Instead of a broken `main` the original looks for a `master`.
            Failure::Syntax(problem) | Failure::Refused(problem) if choice.falls_back(&opened.label) => {
                Error::Broken(problem)
            }
            Failure::Syntax(problem) | Failure::Refused(problem) => Error::Internal(problem.line()),
            Failure::Other(error) => error,
        })?;
        Ok(Found {
            version: Some(opened.commit.id.to_string()),
            sources,
            rejected: opened.place.rejected(&opened.label).map(|rejected| rejected.commit.to_string()),
            stale_since: opened.place.stale_since(),
            ..Found::default()
        })
    }

    fn locations_in(&self, choice: &Choice, opened: &Opened, query: &Query) -> Result<Vec<Location>, Error> {
        let files = opened.place.files(opened.commit)?;
        let mut directories = vec![String::new()];
        for path in &choice.settings.search_paths {
            for expanded in expand(path.trim(), query, Some(&opened.label)) {
                for directory in locate::directories(&*files, &expanded)? {
                    if !directories.contains(&directory) {
                        directories.push(directory);
                    }
                }
            }
        }
        let uri = &opened.place.uri;
        Ok(directories
            .into_iter()
            .map(|directory| Location {
                files: Arc::clone(&files),
                directory,
                naming: Naming::Git { uri: Arc::clone(uri) },
            })
            .collect())
    }
}

impl Repository for Git {
    fn find<'a>(&'a self, query: &'a Query) -> BoxFuture<'a, Result<Found, Error>> {
        Box::pin(self.first(query, |choice| self.find_in(choice, query)))
    }

    fn locations<'a>(&'a self, query: &'a Query) -> BoxFuture<'a, Result<Vec<Location>, Error>> {
        Box::pin(self.first(query, |choice| async {
            let opened = self.open(choice, query, query.label.as_deref()).await?;
            self.locations_in(choice, &opened, query)
        }))
    }

    fn start(&self) -> BoxFuture<'_, Result<(), Problem>> {
        Box::pin(async {
            for choice in self.by_pattern.iter().chain([&self.default]) {
                self.places.start(choice).await?;
            }
            Ok(())
        })
    }

    fn refresh(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.places.refresh())
    }

    fn version(&self, query: &Query) -> Option<String> {
        self.choices(query).find_map(|choice| self.version_in(choice, query))
    }

    fn repositories(&self) -> Vec<&Self> {
        vec![self]
    }

    fn freshness(&self) -> Vec<Freshness> {
        self.places.freshness()
    }
}

/// Files of a commit, or of a work tree.
pub(crate) type SharedFiles = Arc<dyn Files>;
