//! A bare mirror of a remote, and when it is brought up to date.
//!
//! Requests read the last known state. Where the settings promise more (`refresh-rate: 0`), a request waits for a fetch that
//! began after it came, one fetch for all who wait; but never long for a remote that is known not to answer.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption};
use git2::Oid;
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::Instant;
use tracing::{error, info, warn};
use wellspring_daemon::Tasks;
use wellspring_wire::Millis;

use super::SharedFiles;
use super::label::{self, Names};
use super::refs::Refs;
use super::store::{Commit, Store};
use super::transport::{Shown, Transport};
use super::tree::CommitFiles;
use super::validate;
use crate::config::Git as Settings;
use crate::error::Error;
use crate::metrics::Instruments;
use crate::repository::{Freshness, Parts};
use crate::sources::documents::Documents;

/// A request waits this long for a remote that answered last time, or three times as long as that took. Who comes later than that
/// finds a remote that hangs, and does not wait at all until it has answered again.
const PATIENCE: Duration = Duration::from_secs(1);
const DEFAULT_TIMEOUT: u64 = 5;

#[derive(Debug)]
pub(crate) struct Mirror {
    uri: String,
    transport: Transport,
    /// Seconds; 0: for each request, below 0: never again.
    rate: i64,
    prune: bool,
    timeout: Duration,
    home: Home,
    /// The last state that was fetched or found on disk.
    refs: ArcSwapOption<Refs>,
    store: OnceLock<Arc<Store>>,
    /// Branches (full names) whose newest commit does not parse; what is served is in `refs`.
    rejected: ArcSwap<HashMap<String, Rejected>>,
    searched: Vec<String>,
    around: Surroundings,
    flight: Mutex<Flight>,
    landed: watch::Sender<u64>,
}

/// What all mirrors share.
#[derive(Debug, Clone)]
pub(crate) struct Surroundings {
    tasks: Tasks,
    documents: Arc<Documents>,
    instruments: Instruments,
    /// `wellspring.config.keep-last-good`
    keeps_last_good: bool,
    /// Rung at news.
    bell: watch::Sender<u64>,
}

impl Surroundings {
    pub(crate) fn new(parts: &Parts<'_>) -> Self {
        Self {
            tasks: parts.context.tasks.clone(),
            documents: Arc::clone(&parts.documents),
            instruments: Instruments::bind(&parts.context.meters),
            keeps_last_good: parts.env().get("wellspring.config.keep-last-good").as_deref() != Some("false"),
            bell: parts.bell.clone(),
        }
    }
}

/// A commit that is not served, and why.
#[derive(Debug, Clone)]
struct Rejected {
    commit: Oid,
    problem: String,
}

/// Where the mirror is kept.
#[derive(Debug)]
struct Home {
    /// Shown in names of sources: where the original would check files out.
    work_tree: Arc<str>,
    git: PathBuf,
    /// Removed when the mirror is dropped.
    temporary: bool,
}

#[derive(Debug, Default)]
struct Flight {
    /// Fetches that were begun.
    begun: u64,
    running: bool,
    /// Somebody came while one was running: one more follows.
    queued: bool,
    started: Option<Instant>,
    /// How long the last good one took.
    typical: Option<Duration>,
    failure: Option<Failure>,
    succeeded: Option<Millis>,
}

/// Why the remote's state is not known.
#[derive(Debug, Clone)]
struct Failure {
    cause: String,
    since: Millis,
}

impl Mirror {
    /// `basedir`: `None` for a fresh temporary directory. What lies there from before is served at once.
    pub(crate) fn new(
        uri: &str,
        settings: &Settings,
        transport: Transport,
        basedir: Option<PathBuf>,
        around: &Surroundings,
    ) -> Arc<Self> {
        let home = Home::new(basedir);
        let mirror = Self {
            uri: uri.to_owned(),
            transport,
            rate: settings.refresh_rate.unwrap_or(0),
            prune: settings.delete_untracked_branches,
            timeout: Duration::from_secs(settings.timeout.filter(|t| *t > 0).unwrap_or(DEFAULT_TIMEOUT)),
            refs: ArcSwapOption::empty(),
            rejected: ArcSwap::default(),
            around: around.clone(),
            searched: validate::patterns(&settings.search_paths),
            store: OnceLock::new(),
            flight: Mutex::default(),
            landed: watch::Sender::new(0),
            home,
        };
        mirror.load();
        Arc::new(mirror)
    }

    /// Takes over what an earlier process has fetched.
    fn load(&self) {
        if !self.home.git.join("packed-refs").exists() {
            return;
        }
        match (Refs::load(&self.home.git), Store::open(&self.home.git)) {
            (Ok(refs), Ok(store))
                if !refs.names.is_empty() && origin(&store).as_deref() == Some(self.uri.as_str()) =>
            {
                info!(uri = %Shown(&self.uri), directory = %self.home.git.display(), "mirror found, served until it is fetched");
                // The only place that sets it before it is shared.
                if self.store.set(Arc::new(store)).is_ok() {
                    self.refs.store(Some(Arc::new(refs)));
                }
            }
            _ => warn!(directory = %self.home.git.display(), "not a mirror of this repository, cloned anew"),
        }
    }

    /// Brings the news in, as far as the settings want it. An error only when there is nothing to serve.
    pub(crate) async fn fresh(self: &Arc<Self>) -> Result<(), Error> {
        let cloned = self.refs.load().is_some();
        let (ticket, deadline) = {
            let mut flight = self.flight.lock();
            if cloned && !flight.is_due(self.rate) {
                return Ok(());
            }
            let deadline = cloned.then(|| flight.deadline(self.transport.is_local(), self.timeout));
            // Who has nothing takes what comes; who wants the newest waits for a fetch that begins after now.
            let ticket = if flight.running && !(cloned && self.rate == 0) {
                flight.begun
            } else {
                self.board(&mut flight)
            };
            (ticket, deadline)
        };
        let waits_for_nothing =
            cloned && (self.rate > 0 || deadline.is_some_and(|deadline| deadline <= Instant::now()));
        if !waits_for_nothing {
            self.wait(ticket, deadline).await;
        }
        self.served()
    }

    /// Fetches now, whatever the refresh rate.
    pub(crate) async fn refresh(self: &Arc<Self>) {
        let ticket = self.board(&mut self.flight.lock());
        self.wait(ticket, Some(Instant::now() + self.timeout)).await;
    }

    /// Fetches in the background from time to time, so that no request has to.
    pub(crate) fn keep_fresh(self: &Arc<Self>) {
        let mirror = Arc::clone(self);
        let Ok(rate) = u64::try_from(self.rate) else { return };
        self.around.tasks.spawn(async move {
            if mirror.refs.load().is_some() || rate > 0 {
                mirror.refresh().await;
            }
            if rate == 0 {
                return;
            }
            loop {
                tokio::time::sleep(Duration::from_secs(rate)).await;
                mirror.refresh().await;
            }
        });
    }

    async fn wait(&self, ticket: u64, deadline: Option<Instant>) {
        let mut landed = self.landed.subscribe();
        let arrival = landed.wait_for(|last| *last >= ticket);
        match deadline {
            // The sender lives as long as `self`, and who is late serves what there is.
            Some(deadline) => drop(tokio::time::timeout_at(deadline, arrival).await),
            None => drop(arrival.await),
        }
    }

    /// Starts a fetch, or has one more follow the one that is running. Returns its number.
    fn board(self: &Arc<Self>, flight: &mut Flight) -> u64 {
        if flight.running {
            flight.queued = true;
            return flight.begun + 1;
        }
        flight.begin();
        let mirror = Arc::clone(self);
        self.around.tasks.spawn(async move { while mirror.fly().await {} });
        flight.begun
    }

    /// One fetch; `true` when another one is wanted.
    async fn fly(self: &Arc<Self>) -> bool {
        let began = Instant::now();
        let result = self.fetch().await;
        self.around.instruments.fetched(result.is_ok(), began.elapsed());
        let (number, again) = {
            let mut flight = self.flight.lock();
            let number = flight.begun;
            match result {
                Ok(()) => {
                    if let Some(failure) = flight.failure.take() {
                        info!(uri = %Shown(&self.uri), failing_since = %failure.since, "repository answers again");
                    }
                    flight.typical = Some(began.elapsed());
                    flight.succeeded = Some(Millis::now());
                }
                Err(cause) => {
                    if flight.failure.as_ref().is_none_or(|known| known.cause != cause) {
                        let serving =
                            if self.refs.load().is_some() { "the last known state" } else { "nothing" };
                        warn!(uri = %Shown(&self.uri), cause, serving, "repository cannot be fetched");
                    }
                    let since = flight.failure.as_ref().map_or_else(Millis::now, |known| known.since);
                    flight.failure = Some(Failure { cause, since });
                }
            }
            flight.running = flight.queued;
            if flight.queued {
                flight.queued = false;
                flight.begin();
            }
            (number, flight.running)
        };
        self.landed.send_replace(number);
        again
    }

    async fn fetch(&self) -> Result<(), String> {
        let known = self.refs.load_full().unwrap_or_default();
        let git = self.home.git.clone();
        let uri = self.uri.clone();
        tokio::task::spawn_blocking(move || prepare(&git, &uri))
            .await
            .map_err(|error| error.to_string())??;
        let news = self.transport.fetch(&self.home.git, &known, self.timeout).await?;
        let refs = self.without_broken(&known, known.updated(&news, self.prune)).await?;
        if self.store.get().is_none() {
            let store = Store::open(&self.home.git).map_err(|error| error.message().to_owned())?;
            // A second fetch cannot have set it: there is one at a time.
            self.store.get_or_init(|| Arc::new(store));
        }
        if refs != *known || self.refs.load().is_none() {
            refs.save(&self.home.git).map_err(|error| format!("{}: {error}", self.home.git.display()))?;
            self.refs.store(Some(Arc::new(refs)));
            self.around.bell.send_modify(|rung| *rung += 1);
        }
        Ok(())
    }

    /// Branches whose new commit does not parse stay at the last good one.
    async fn without_broken(&self, known: &Arc<Refs>, mut refs: Refs) -> Result<Refs, String> {
        if !self.around.keeps_last_good {
            return Ok(refs);
        }
        let before = self.rejected.load_full();
        let mut rejected = HashMap::new();
        for (name, good) in known.names.iter().filter(|(name, _)| name.starts_with("refs/heads/")) {
            let Some(new) = refs.names.get(name).copied().filter(|new| new != good) else { continue };
            let problem = match before.get(name).filter(|known| known.commit == new) {
                Some(known) => Some(known.problem.clone()),
                None => self.check(*good, new).await?,
            };
            if let Some(problem) = problem {
                if before.get(name).is_none_or(|known| known.commit != new) {
                    error!(uri = %Shown(&self.uri), branch = name, commit = %new, problem, serving = %good, "commit cannot be served, the last good one stays");
                    self.around.instruments.rejected.increment();
                }
                refs.names.insert(name.clone(), *good);
                rejected.insert(name.clone(), Rejected { commit: new, problem });
            }
        }
        self.rejected.store(Arc::new(rejected));
        Ok(refs)
    }

    async fn check(&self, good: Oid, new: Oid) -> Result<Option<String>, String> {
        let (git, documents, searched) =
            (self.home.git.clone(), Arc::clone(&self.around.documents), self.searched.clone());
        tokio::task::spawn_blocking(move || validate::check(&git, &documents, &searched, good, new))
            .await
            .map_err(|error| error.to_string())?
            .map(Result::err)
            .map_err(|error| error.message().to_owned())
    }

    pub(crate) fn rejected(&self, label: &str) -> Option<String> {
        let rejected = self.rejected.load();
        if rejected.is_empty() {
            return None;
        }
        rejected.get(&format!("refs/heads/{label}")).map(|rejected| rejected.commit.to_string())
    }

    fn served(&self) -> Result<(), Error> {
        if self.refs.load().is_some() {
            return Ok(());
        }
        let flight = self.flight.lock();
        let cause =
            flight.failure.as_ref().map_or("it has not answered yet", |failure| failure.cause.as_str());
        Err(Error::NotFound(format!("repository {} cannot be cloned: {cause}", Shown(&self.uri))))
    }

    pub(crate) fn commit(&self, label: &str) -> Result<Commit, Error> {
        let refs = self.refs.load();
        let (Some(store), Some(refs)) = (self.store.get(), refs.as_ref()) else {
            self.served()?;
            return Err(Error::NotFound(format!("no such label: {label}")));
        };
        label::commit(store, &**refs, label)
    }

    pub(crate) fn files(&self, commit: Commit) -> Result<SharedFiles, Error> {
        let Some(store) = self.store.get() else {
            return Err(Error::NotFound("nothing was fetched yet".to_owned()));
        };
        Ok(Arc::new(CommitFiles::new(Arc::clone(store), commit, Arc::clone(&self.home.work_tree))))
    }

    pub(crate) fn freshness(&self) -> Freshness {
        let flight = self.flight.lock();
        Freshness {
            uri: Shown(&self.uri).to_string(),
            last_fetch: flight.succeeded,
            failing_since: flight.failure.as_ref().map(|failure| failure.since),
            error: flight.failure.as_ref().map(|failure| failure.cause.clone()),
            rejected: self
                .rejected
                .load()
                .iter()
                .map(|(branch, rejected)| format!("{branch} {}: {}", rejected.commit, rejected.problem))
                .collect(),
        }
    }
}

impl Flight {
    fn begin(&mut self) {
        self.begun += 1;
        self.running = true;
        self.started = Some(Instant::now());
    }

    fn is_due(&self, rate: i64) -> bool {
        match u64::try_from(rate) {
            Err(_) => false,
            Ok(0) => true,
            Ok(rate) => self.started.is_none_or(|started| started.elapsed() >= Duration::from_secs(rate)),
        }
    }

    /// Until when a request that has something to serve waits for something newer.
    fn deadline(&self, local: bool, timeout: Duration) -> Instant {
        let now = Instant::now();
        if local {
            return now + timeout;
        }
        let patience = self.typical.map_or(PATIENCE, |typical| (typical * 3).max(PATIENCE)).min(timeout);
        if self.failure.is_some() {
            return now;
        }
        match self.started.filter(|_| self.running) {
            // The running one is late already: the remote hangs.
            Some(started) if started + patience <= now => now,
            Some(started) => started + patience * 2,
            None => now + patience,
        }
    }
}

impl Names for Refs {
    fn reference(&self, name: &str) -> Result<Option<Oid>, Error> {
        Ok(self.names.get(name).copied())
    }

    fn head(&self) -> Result<Option<Oid>, Error> {
        Ok(self.head.as_ref().and_then(|head| self.names.get(head)).copied())
    }
}

const ORIGIN: &str = "remote.origin.url";

fn origin(store: &Store) -> Option<String> {
    store.with(|repository| repository.config()?.get_string(ORIGIN)).ok()
}

/// An empty bare repository that knows its remote. What else lies in its place is not touched.
fn prepare(git: &std::path::Path, uri: &str) -> Result<(), String> {
    let place = |error: &dyn std::fmt::Display| format!("{}: {error}", git.display());
    if git.join("HEAD").exists() {
        let store = Store::open(git).map_err(|error| place(&error.message()))?;
        return match origin(&store) {
            Some(known) if known == uri => Ok(()),
            _ => Err(place(&"another repository is kept here; choose another basedir or remove it")),
        };
    }
    // Links in place of the directory are refused: somebody else made them.
    if std::fs::symlink_metadata(git).is_ok_and(|metadata| metadata.is_symlink()) {
        return Err(place(&"a symbolic link"));
    }
    std::fs::create_dir_all(git).map_err(|error| place(&error))?;
    let repository = git2::Repository::init_bare(git).map_err(|error| place(&error.message()))?;
    let mut config = repository.config().map_err(|error| place(&error.message()))?;
    config.set_str(ORIGIN, uri).map_err(|error| place(&error.message()))?;
    Ok(())
}

impl Home {
    fn new(basedir: Option<PathBuf>) -> Self {
        let temporary = basedir.is_none();
        let base = basedir
            .unwrap_or_else(|| std::env::temp_dir().join(format!("config-repo-{}", fastrand::u64(..))));
        let base = std::path::absolute(&base).unwrap_or(base);
        Self { work_tree: base.display().to_string().into(), git: base.join(".git"), temporary }
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if self.temporary && self.git.exists() {
            let base = self.git.parent().unwrap_or(&self.git);
            if let Err(error) = std::fs::remove_dir_all(base) {
                warn!(directory = %base.display(), %error, "temporary mirror could not be removed");
            }
        }
    }
}
