//! The gate between what was fetched and what is served: a branch or tag whose new commit is not fit stays at its last good one.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwap;
use git2::Oid;
use tracing::error;
use wellspring_wire::Millis;

use super::refs::{BRANCHES, Refs, TAGS};
use super::store::Store;
use super::transport::Shown;
use super::validate::{self, Rules};
use crate::metrics::Instruments;
use crate::news::News;

/// What is wrong with a commit, told once each.
const TOLD: usize = 20;

/// A commit that is not served, and why.
#[derive(Debug, Clone)]
pub(crate) struct Rejected {
    pub(crate) commit: Oid,
    /// What is served in its place.
    pub(crate) serving: Oid,
    /// One line each, with file, line and column.
    pub(crate) problems: Vec<String>,
    pub(crate) at: Millis,
}

#[derive(Debug)]
pub(super) struct Gate {
    open: bool,
    rules: Arc<Rules>,
    instruments: Instruments,
    news: News,
    /// By full name of the branch or tag.
    rejected: ArcSwap<BTreeMap<String, Rejected>>,
}

impl Gate {
    /// `open`: everything passes.
    pub(super) fn new(open: bool, rules: Rules, instruments: Instruments, news: News) -> Self {
        Self { open, rules: Arc::new(rules), instruments, news, rejected: ArcSwap::default() }
    }

    /// `refs` with what is not fit held back at what is `known`.
    pub(super) async fn admit(
        &self,
        uri: &str,
        git: &Path,
        store: &Arc<Store>,
        known: &Refs,
        mut refs: Refs,
    ) -> Result<Refs, String> {
        if self.open {
            return Ok(refs);
        }
        let before = self.rejected.load_full();
        let mut rejected = BTreeMap::new();
        for (name, good) in &known.names {
            let Some(new) = refs.names.get(name).copied().filter(|new| new != good) else { continue };
            if let Some(same) = before.get(name).filter(|same| same.commit == new && same.serving == *good) {
                refs.names.insert(name.clone(), *good);
                rejected.insert(name.clone(), same.clone());
                continue;
            }
            let problems = self.check(git, store, *good, new).await?;
            if problems.is_empty() {
                continue;
            }
            let told = Rejected { commit: new, serving: *good, problems, at: Millis::now() };
            self.tell(uri, name, &told);
            refs.names.insert(name.clone(), *good);
            rejected.insert(name.clone(), told);
        }
        self.rejected.store(Arc::new(rejected));
        Ok(refs)
    }

    fn tell(&self, uri: &str, name: &str, rejected: &Rejected) {
        let Rejected { commit, serving, problems, .. } = rejected;
        for problem in problems.iter().take(TOLD) {
            error!(uri = %Shown(uri), branch = name, %commit, problem, %serving, "commit cannot be served, the last good one stays");
        }
        self.instruments.rejected.increment();
        self.news.rejected(uri, short(name), rejected);
    }

    async fn check(
        &self,
        git: &Path,
        store: &Arc<Store>,
        good: Oid,
        new: Oid,
    ) -> Result<Vec<String>, String> {
        let (git, store, rules) = (git.to_owned(), Arc::clone(store), Arc::clone(&self.rules));
        let problems = tokio::task::spawn_blocking(move || validate::check(&git, &store, &rules, good, new))
            .await
            .map_err(|error| error.to_string())?
            .map_err(|error| error.message().to_owned())?;
        let mut lines: Vec<String> = problems.iter().map(wellspring_properties::Problem::line).collect();
        if lines.len() > TOLD {
            let more = lines.split_off(TOLD).len();
            lines.push(format!("and {more} more"));
        }
        Ok(lines)
    }

    /// Nothing is held back any more: the remote went back to what is served.
    pub(super) fn settle(&self) {
        if !self.rejected.load().is_empty() {
            self.rejected.store(Arc::default());
        }
    }

    /// The newer commit of a branch or tag that is not served.
    pub(super) fn rejected(&self, label: &str) -> Option<Rejected> {
        let rejected = self.rejected.load();
        if rejected.is_empty() {
            return None;
        }
        [BRANCHES, TAGS].iter().find_map(|kind| rejected.get(&format!("{kind}{label}"))).cloned()
    }

    /// All of them, by branch or tag.
    pub(super) fn all(&self) -> Vec<(String, Rejected)> {
        let rejected = self.rejected.load();
        rejected.iter().map(|(name, rejected)| (short(name).to_owned(), rejected.clone())).collect()
    }
}

/// `refs/heads/main` → `main`
pub(super) fn short(name: &str) -> &str {
    name.strip_prefix(BRANCHES).or_else(|| name.strip_prefix(TAGS)).unwrap_or(name)
}
