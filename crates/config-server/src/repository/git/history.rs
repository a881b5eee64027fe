//! The commits of a label, newest first, along the first parents: the states that the branch had.
//!
//! For an application only those count that changed a file which it gets: a few lookups by id in two trees, no diff.

use std::path::Path;
use std::sync::Arc;

use git2::{Oid, Repository};
use wellspring_wire::Millis;

use super::gate::Rejected;
use super::{Choice, Git};
use crate::error::Error;
use crate::pins::Pin;
use crate::repository::Query;
use crate::sources::search::candidates;

/// Commits that are looked at for one page.
const SEEN: usize = 5_000;

/// A page of a label's history.
#[derive(Debug)]
pub(crate) struct History {
    pub(crate) uri: Arc<str>,
    pub(crate) label: String,
    pub(crate) served: Oid,
    pub(crate) pin: Option<Pin>,
    pub(crate) rejected: Option<Rejected>,
    pub(crate) steps: Vec<Step>,
    /// The last commit that was looked at, when there are more.
    pub(crate) next: Option<Oid>,
}

#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) id: Oid,
    pub(crate) at: Millis,
    pub(crate) author: String,
    pub(crate) message: String,
    pub(crate) files: Vec<String>,
}

/// Which commits are wanted.
struct Page {
    start: Oid,
    /// `start` was on the page before.
    after_start: bool,
    /// `None`: all commits.
    paths: Option<Vec<String>>,
    limit: usize,
}

impl Git {
    /// `query.name` empty: all commits. `before`: those older than this one.
    pub(crate) async fn history(
        &self,
        query: &Query,
        before: Option<&str>,
        limit: usize,
    ) -> Result<History, Error> {
        self.first(query, |choice| self.history_in(choice, query, before, limit)).await
    }

    async fn history_in(
        &self,
        choice: &Choice,
        query: &Query,
        before: Option<&str>,
        limit: usize,
    ) -> Result<History, Error> {
        let opened = self.open(choice, query, query.label.as_deref()).await?;
        let (place, label) = (Arc::clone(&opened.place), opened.label.clone());
        let start = place.unpinned(before.unwrap_or(&label))?.id;
        let paths = match query.name.as_str() {
            "" => None,
            _ => Some(self.paths(choice, &opened, query)?),
        };
        let page = Page { start, after_start: before.is_some(), paths, limit };
        let store = Arc::clone(place.store()?);
        let (steps, next) =
            tokio::task::spawn_blocking(move || store.with(|repository| walk(repository, &page)))
                .await
                .map_err(|error| Error::Internal(error.to_string()))?
                .map_err(|error| Error::Internal(format!("git: {}", error.message())))?;
        let pin = place.pin(&label);
        let rejected = place.rejected(&label);
        let uri = Arc::clone(&place.uri);
        Ok(History { uri, served: opened.commit.id, label, pin, rejected, steps, next })
    }

    /// Files that the application would get, if they were there.
    fn paths(&self, choice: &Choice, opened: &super::Opened, query: &Query) -> Result<Vec<String>, Error> {
        let locations = self.locations_in(choice, opened, query)?;
        let profiles = query.profiles();
        let profiles: Vec<Option<&str>> =
            std::iter::once(None).chain(profiles.into_iter().map(Some)).collect();
        let mut paths = Vec::new();
        for location in &locations {
            for profile in &profiles {
                paths.extend(candidates(&location.directory, &query.applications(), *profile));
            }
        }
        Ok(paths)
    }
}

fn walk(repository: &Repository, page: &Page) -> Result<(Vec<Step>, Option<Oid>), git2::Error> {
    let mut walk = repository.revwalk()?;
    walk.simplify_first_parent()?;
    walk.push(page.start)?;
    let mut steps = Vec::new();
    let mut last = None;
    for (at, id) in walk.enumerate() {
        let id = id?;
        if at == 0 && page.after_start {
            continue;
        }
        if at > SEEN || steps.len() == page.limit {
            return Ok((steps, last));
        }
        last = Some(id);
        let commit = repository.find_commit(id)?;
        let files = match &page.paths {
            None => Vec::new(),
            Some(paths) => {
                let files = changed(&commit, paths)?;
                if files.is_empty() {
                    continue;
                }
                files
            }
        };
        let author = commit.author();
        steps.push(Step {
            id,
            at: Millis(commit.time().seconds().saturating_mul(1000)),
            author: String::from_utf8_lossy(author.name_bytes()).into_owned(),
            message: commit
                .summary_bytes()
                .map(|text| String::from_utf8_lossy(text).into_owned())
                .unwrap_or_default(),
            files,
        });
    }
    Ok((steps, None))
}

/// Those of `paths` that differ from the first parent.
fn changed(commit: &git2::Commit<'_>, paths: &[String]) -> Result<Vec<String>, git2::Error> {
    let (new, old) = (commit.tree()?, commit.parent(0).ok().and_then(|parent| parent.tree().ok()));
    if old.as_ref().is_some_and(|old| old.id() == new.id()) {
        return Ok(Vec::new());
    }
    let at = |tree: &git2::Tree<'_>, path: &str| tree.get_path(Path::new(path)).ok().map(|entry| entry.id());
    let differs = |path: &&String| at(&new, path) != old.as_ref().and_then(|old| at(old, path));
    Ok(paths.iter().filter(differs).cloned().collect())
}
