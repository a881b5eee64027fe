//! A bare mirror of a remote, and how it is brought up to date.
//!
//! Requests read the last known state. Where the settings promise more (`refresh-rate: 0`), a request waits for a fetch that
//! began after it came, one fetch for all who wait; but never long for a remote that is known not to answer.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use git2::Oid;
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use tracing::{info, warn};
use wellspring_daemon::Tasks;
use wellspring_wire::Millis;

use super::SharedFiles;
use super::flight::Flight;
use super::gate::{Gate, Rejected, short};
use super::home::{Home, size};
use super::label::{self, Names};
use super::modules::Modules;
use super::refs::Refs;
use super::store::{Commit, Directories, Store};
use super::transport::{Shown, Transport};
use super::tree::CommitFiles;
use super::vacuum;
use super::validate::Rules;
use crate::config::Git as Settings;
use crate::error::Error;
use crate::metrics::Instruments;
use crate::news::News;
use crate::pins::Pins;
use crate::policy::Policy;
use crate::repository::{Freshness, Parts};
use crate::sources::documents::Documents;

const DEFAULT_TIMEOUT: u64 = 5;
/// Who told of a change waits for the fetch, but not as long as the sender's own patience.
const TOLD: Duration = Duration::from_secs(5);

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
    gate: Gate,
    modules: Option<Modules>,
    around: Surroundings,
    flight: Mutex<Flight>,
    landed: watch::Sender<u64>,
    /// Somebody insists on a fetch, though the last one failed a moment ago.
    insisted: Notify,
    /// Bytes of the packs when they were last put in order.
    settled: Mutex<u64>,
}

/// What all mirrors share.
#[derive(Debug, Clone)]
pub(crate) struct Surroundings {
    tasks: Tasks,
    documents: Arc<Documents>,
    directories: Arc<Directories>,
    instruments: Instruments,
    policy: Arc<Policy>,
    pins: Arc<Pins>,
    news: News,
}

impl Surroundings {
    pub(crate) fn new(parts: &Parts<'_>) -> Self {
        Self {
            tasks: parts.context.tasks.clone(),
            documents: Arc::clone(&parts.documents),
            directories: Arc::clone(&parts.directories),
            instruments: Instruments::bind(&parts.context.meters),
            policy: Arc::clone(&parts.policy),
            pins: Arc::clone(&parts.pins),
            news: parts.news.clone(),
        }
    }
}

impl Surroundings {
    pub(crate) fn directories(&self) -> &Arc<Directories> {
        &self.directories
    }
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
        let policy = &around.policy;
        let rules = Rules::new(&around.documents, &settings.search_paths, &policy.schema_path);
        let mirror = Self {
            uri: uri.to_owned(),
            transport,
            rate: settings.refresh_rate.unwrap_or(0),
            prune: settings.delete_untracked_branches,
            timeout: Duration::from_secs(settings.timeout.filter(|t| *t > 0).unwrap_or(DEFAULT_TIMEOUT)),
            refs: ArcSwapOption::empty(),
            gate: Gate::new(!policy.keep_last_good, rules, around.instruments.clone(), around.news.clone()),
            modules: Modules::new(uri, settings),
            around: around.clone(),
            store: OnceLock::new(),
            flight: Mutex::default(),
            landed: watch::Sender::new(0),
            insisted: Notify::new(),
            settled: Mutex::default(),
            home: Home::new(basedir),
        };
        mirror.load();
        Arc::new(mirror)
    }

    /// Takes over what an earlier process has fetched.
    fn load(&self) {
        if !self.home.git.join("packed-refs").exists() {
            return;
        }
        match (Refs::load(&self.home.git), Store::open(&self.home.git, &self.around.directories)) {
            (Ok(refs), Ok(store))
                if !refs.names.is_empty() && Home::origin(&store).as_deref() == Some(self.uri.as_str()) =>
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
            let now = Instant::now();
            let mut flight = self.flight.lock();
            if cloned && !flight.is_due(self.rate, now) {
                return Ok(());
            }
            let patience = self.around.policy.patience;
            let local = self.transport.is_local();
            let deadline = cloned.then(|| flight.deadline(local, patience, self.timeout, now));
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
        self.insisted.notify_one();
        self.wait(ticket, Some(Instant::now() + self.timeout.min(TOLD))).await;
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
        flight.begin(Instant::now());
        let mirror = Arc::clone(self);
        self.around.tasks.spawn(async move { while mirror.fly().await {} });
        flight.begun
    }

    /// One fetch; `true` when another one is wanted, after the pause that a failure asks for.
    async fn fly(self: &Arc<Self>) -> bool {
        let began = Instant::now();
        let result = self.fetch().await;
        self.around.instruments.fetched(result.is_ok(), began.elapsed());
        let (number, again, pause) = {
            let mut flight = self.flight.lock();
            self.tell(&flight, &result);
            flight.landed(result, began.elapsed(), Millis::now());
            flight.running = flight.queued;
            let pause = flight.failure.as_ref().map(super::flight::Failure::pause);
            if flight.queued && pause.is_none() {
                flight.begin(Instant::now());
                (flight.begun - 1, true, None)
            } else {
                (flight.begun, flight.queued, pause)
            }
        };
        self.landed.send_replace(number);
        if let (true, Some(pause)) = (again, pause.filter(|_| !self.transport.is_local())) {
            // Requests go on with what there is; a remote that is down is not asked thousands of times a second.
            drop(tokio::time::timeout(pause, self.insisted.notified()).await);
        }
        if again && pause.is_some() {
            self.flight.lock().begin(Instant::now());
        }
        again
    }

    /// Changes between good and bad, once each.
    fn tell(&self, flight: &Flight, result: &Result<(), String>) {
        match (result, &flight.failure) {
            (Ok(()), Some(failure)) => {
                info!(uri = %Shown(&self.uri), failing_since = %failure.since, "repository answers again");
                self.around.news.fresh(&self.uri);
            }
            (Err(cause), known) if known.as_ref().is_none_or(|known| known.cause != *cause) => {
                let serving = if self.refs.load().is_some() { "the last known state" } else { "nothing" };
                warn!(uri = %Shown(&self.uri), cause, serving, "repository cannot be fetched");
                if known.is_none() {
                    self.around.news.stale(&self.uri, cause);
                }
            }
            _ => {}
        }
    }

    async fn fetch(&self) -> Result<(), String> {
        let known = self.refs.load_full().unwrap_or_default();
        let git = &self.home.git;
        let mut lost = false;
        if self.store.get().is_none() || !git.join("HEAD").exists() {
            let (git, uri) = (git.clone(), self.uri.clone());
            tokio::task::spawn_blocking(move || Home::prepare(&git, &uri))
                .await
                .map_err(|error| error.to_string())??;
            // Somebody has removed the directory of a running server.
            lost = self.store.get().is_some();
        }
        let nothing = Refs::default();
        let here = if lost { &nothing } else { &*known };
        let news = self.transport.fetch(git, here, self.timeout).await?;
        let store = match self.store.get() {
            Some(store) => store,
            None => {
                let store =
                    Store::open(git, &self.around.directories).map_err(|error| error.message().to_owned())?;
                // A second fetch cannot have set it: there is one at a time.
                self.store.get_or_init(|| Arc::new(store))
            }
        };
        if lost {
            store.renew();
        }
        let refs = known.updated(&news, self.prune);
        if refs == *known && self.refs.load().is_some() && !lost {
            self.gate.settle();
            return Ok(());
        }
        if let Some(modules) = &self.modules {
            let new = refs.names.iter().filter(|(name, id)| known.names.get(*name) != Some(*id));
            modules.fetch(git, new.map(|(_, id)| *id).collect(), self.timeout).await;
        }
        let refs = self.gate.admit(&self.uri, git, store, &known, refs).await?;
        if refs != *known || self.refs.load().is_none() || lost {
            refs.save(git).map_err(|error| format!("{}: {error}", git.display()))?;
            let refs = Arc::new(refs);
            self.refs.store(Some(Arc::clone(&refs)));
            self.around.news.ring();
            self.announce(&known, &refs);
            self.put_in_order(store, &known, &refs).await;
        }
        Ok(())
    }

    /// Each branch and tag that moved; nothing at the first clone.
    fn announce(&self, before: &Refs, now: &Refs) {
        if before.names.is_empty() {
            return;
        }
        for (name, id) in now.names.iter().filter(|(name, id)| before.names.get(*name) != Some(*id)) {
            let from = before.names.get(name).map(Oid::to_string);
            self.around.news.moved(&self.uri, short(name), from.as_deref(), &id.to_string());
        }
    }

    /// Removes what nobody can reach any more, when enough has come in since the last time.
    async fn put_in_order(&self, store: &Arc<Store>, before: &Refs, now: &Refs) {
        let (git, store, settled) = (self.home.git.clone(), Arc::clone(store), *self.settled.lock());
        // What was served until now is still being read.
        let mut roots: Vec<Oid> = before.names.values().chain(now.names.values()).copied().collect();
        roots.extend(self.around.pins.commits(&self.uri));
        let swept = tokio::task::spawn_blocking(move || {
            vacuum::is_due(&git, settled).then(|| vacuum::sweep(&git, &store, &roots))
        });
        match swept.await {
            Ok(Some(Ok(bytes))) => *self.settled.lock() = bytes,
            Ok(Some(Err(error))) => warn!(uri = %Shown(&self.uri), error, "mirror could not be put in order"),
            Ok(None) | Err(_) => {}
        }
    }

    /// The commit that is not served in spite of being the newest of its branch.
    pub(crate) fn rejected(&self, label: &str) -> Option<Rejected> {
        self.gate.rejected(label)
    }

    /// Since when what is served may be older than what the remote has.
    pub(crate) fn stale_since(&self) -> Option<Millis> {
        self.flight.lock().failure.as_ref().map(|failure| failure.since)
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

    pub(crate) fn store(&self) -> Result<&Arc<Store>, Error> {
        self.store.get().ok_or_else(|| Error::NotFound("nothing was fetched yet".to_owned()))
    }

    pub(crate) fn files(&self, commit: Commit) -> Result<SharedFiles, Error> {
        let store = Arc::clone(self.store()?);
        Ok(Arc::new(CommitFiles::new(store, commit, Arc::clone(&self.home.work_tree))))
    }

    /// A mirror that never held anything is not kept.
    pub(crate) fn discard(&self) {
        if self.refs.load().is_none() {
            self.home.discard();
        }
    }

    pub(crate) fn freshness(&self) -> Freshness {
        let flight = self.flight.lock();
        Freshness {
            uri: Shown(&self.uri).to_string(),
            last_fetch: flight.succeeded,
            failing_since: flight.failure.as_ref().map(|failure| failure.since),
            error: flight.failure.as_ref().map(|failure| failure.cause.clone()),
            rejected: self.gate.all(),
            directory: self.home.git.clone(),
        }
    }
}

impl Freshness {
    /// Bytes on disk; walks the directory.
    pub(crate) fn bytes(&self) -> u64 {
        size(&self.directory)
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
