//! Keeps the local copy of the registry: everything once, then deltas, everything again when the hash code differs.
//!
//! A stock server is asked every 30 s. One of ours rings when something changed (`push`); it is then asked at once,
//! and otherwise only now and then, in case a ring was lost.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use reqwest::{Method, StatusCode};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};
use url::Url;
use wellspring_wire::eureka::{Listed, Status, json};

use super::copy::{Applied, Copy, Told};
use super::push::{Push, Ring};
use super::servers::Server;
use super::settings::ClientSettings;
use super::transport::{Call, Reply, Transport, TransportError};
use crate::Instance;
use crate::discovery::Eureka;

/// First wait after a failure; doubled up to the interval.
const FIRST_RETRY: Duration = Duration::from_millis(500);
/// With push, the registry is asked this many times less often.
const PUSHED_SLOWER: u32 = 10;

/// A registry that was away may have forgotten who was registered; they register again with their next heartbeat. Until
/// then the instances that it does not name any more are kept, for as long as a lease without heartbeats lasts.
const GRACE: Duration = Duration::from_secs(90);

/// What was known before the registry was away.
struct Kept {
    until: Instant,
    lists: HashMap<String, Vec<Instance>>,
    names: Vec<String>,
}

/// The task that fetches, and what it knows.
pub(crate) struct Fetch {
    transport: Arc<Transport>,
    settings: ClientSettings,
    push: Option<reqwest::Client>,
    copy: Arc<Mutex<Copy>>,
    discovery: Arc<Eureka>,
    /// A fetch failed, or the stream ended, since the last full list.
    away: AtomicBool,
    kept: Mutex<Option<Kept>>,
    /// Whether anything was fetched yet; the error of the last attempt until then.
    first: watch::Sender<Option<Result<(), String>>>,
}

/// What others may ask a fetch that runs.
#[derive(Debug, Clone)]
pub(crate) struct Fetched {
    copy: Arc<Mutex<Copy>>,
    first: watch::Receiver<Option<Result<(), String>>>,
}

impl Fetched {
    /// The status that the registry has for an instance.
    pub(crate) fn status_of(&self, application: &str, id: &str) -> Option<Status> {
        self.copy.lock().status_of(application, id)
    }

    /// Waits for the end of the first attempt.
    pub(crate) async fn first_attempt(&self) -> Result<(), String> {
        let mut first = self.first.clone();
        match first.wait_for(Option::is_some).await {
            Ok(outcome) => outcome.clone().unwrap_or(Ok(())),
            Err(_) => Err("fetching was stopped".to_owned()),
        }
    }
}

impl Fetch {
    /// `push` is the client for streams, without a read time-out of a few seconds; `None`: only poll.
    pub(crate) fn new(
        transport: Arc<Transport>,
        settings: ClientSettings,
        push: Option<reqwest::Client>,
        discovery: Arc<Eureka>,
    ) -> Self {
        Self {
            transport,
            settings,
            push,
            copy: Arc::default(),
            discovery,
            away: AtomicBool::new(false),
            kept: Mutex::new(None),
            first: watch::Sender::new(None),
        }
    }

    pub(crate) fn fetched(&self) -> Fetched {
        Fetched { copy: Arc::clone(&self.copy), first: self.first.subscribe() }
    }

    pub(crate) async fn run(self, stop: CancellationToken) {
        let interval = self.settings.fetch_interval();
        let slowest = interval * self.settings.cache_refresh_executor_exponential_back_off_bound.max(1);
        let mut delay = interval;
        let mut retry = FIRST_RETRY;
        let mut stream: Option<Push> = None;
        let mut without_push: HashSet<Url> = HashSet::new();
        loop {
            self.let_go();
            let outcome = tokio::select! {
                outcome = tokio::time::timeout(interval.max(Duration::from_secs(10)), self.refresh()) => outcome,
                () = stop.cancelled() => return,
            };
            let (server, timed_out) = match outcome {
                Ok(Ok(server)) => {
                    (delay, retry) = (interval, FIRST_RETRY);
                    (Some(server), false)
                }
                Ok(Err(error)) => {
                    self.report(&error.to_string());
                    (None, matches!(error, TransportError::TimedOut { .. }))
                }
                Err(_) => {
                    self.report("no answer within the interval");
                    (None, true)
                }
            };
            let failed = server.is_none();
            if stream.is_none() {
                stream = self.open(server, &mut without_push).await;
            }
            let wait = if timed_out {
                delay = (delay * 2).min(slowest);
                delay
            } else if failed {
                // Refused or refusing: asked again soon, then less and less often.
                let wait = retry;
                retry = (retry * 2).min(interval);
                wait
            } else if stream.is_some() {
                delay * PUSHED_SLOWER
            } else {
                delay
            };
            let kept = self.kept.lock().as_ref().map(|kept| kept.until);
            let until = kept.map_or(Instant::now() + wait, |kept| kept.min(Instant::now() + wait));
            if !self.wait(until, &mut stream, &stop).await {
                return;
            }
        }
    }

    /// The registry is to be asked from now on.
    fn push_ended(&self, stream: &mut Option<Push>) -> bool {
        debug!("registry's push ended");
        self.away.store(true, Ordering::Relaxed);
        *stream = None;
        true
    }

    /// Waits until the registry is to be asked; false: stop.
    async fn wait(&self, until: Instant, stream: &mut Option<Push>, stop: &CancellationToken) -> bool {
        loop {
            tokio::select! {
                () = stop.cancelled() => return false,
                () = sleep_until(until) => return true,
                ring = Push::next(stream) => match ring {
                    // The list came along: no need to ask.
                    Some(Ring::Snapshot(all)) => self.replace(all),
                    Some(Ring::Ask) => return true,
                    Some(Ring::Delta(delta)) => {
                        if self.apply(delta) == Applied::Differs {
                            return self.push_ended(stream);
                        }
                    }
                    None => return self.push_ended(stream),
                },
            }
        }
    }

    async fn open(&self, server: Option<Server>, without_push: &mut HashSet<Url>) -> Option<Push> {
        let (http, server) = (self.push.as_ref()?, server?);
        if without_push.contains(&server.base) {
            return None;
        }
        match Push::open(http, &server).await {
            Ok(None) => {
                without_push.insert(server.base);
                None
            }
            Ok(push) => push,
            Err(()) => None,
        }
    }

    fn is_new(&self) -> bool {
        !matches!(*self.first.borrow(), Some(Ok(())))
    }

    fn report(&self, error: &str) {
        if self.is_new() {
            self.first.send_replace(Some(Err(error.to_owned())));
        }
        self.away.store(true, Ordering::Relaxed);
        warn!(error, "registry not fetched, the last list is kept");
    }

    /// One fetch; gives the server that answered.
    async fn refresh(&self) -> Result<Server, TransportError> {
        let full = self.settings.disable_delta
            || self.settings.registry_refresh_single_vip_address.is_some()
            || self.copy.lock().needs_everything();
        if !full {
            let reply = self.get(Call::Delta, &["apps", "delta"]).await?;
            if reply.status == StatusCode::OK && self.apply(read(&reply)?) != Applied::Differs {
                return Ok(reply.server);
            }
            // No delta is given, or it does not lead to what the registry has.
            debug!(status = %reply.status, "delta not usable, fetching everything");
        }
        let vip = self.settings.registry_refresh_single_vip_address.as_deref();
        let path: &[&str] = match &vip {
            Some(vip) => &["vips", vip],
            None => &["apps", ""],
        };
        let reply = self.get(Call::Other, path).await?;
        self.replace(read(&reply)?);
        if self.is_new() {
            info!(server = %reply.server.base, "registry fetched");
        }
        self.first.send_replace(Some(Ok(())));
        Ok(reply.server)
    }

    async fn get(&self, call: Call, path: &[&str]) -> Result<Reply, TransportError> {
        let regions =
            self.settings.fetch_remote_regions_registry.as_deref().filter(|text| !text.trim().is_empty());
        let query: Vec<(&str, &str)> = regions.map(|regions| ("regions", regions)).into_iter().collect();
        self.transport.send(call, Method::GET, path, &query, None).await
    }

    fn replace(&self, all: Listed<Told>) {
        if self.away.swap(false, Ordering::Relaxed) && self.kept.lock().is_none() {
            let (lists, names) = self.copy.lock().lists(self.settings.filter_only_up_instances);
            *self.kept.lock() = Some(Kept { until: Instant::now() + GRACE, lists, names });
        }
        self.copy.lock().replace(all);
        self.publish();
    }

    /// Forgets the instances that did not come back in time.
    fn let_go(&self) {
        let over = self.kept.lock().take_if(|kept| Instant::now() >= kept.until).is_some();
        if over {
            self.publish();
        }
    }

    fn apply(&self, delta: Listed<Told>) -> Applied {
        let applied = self.copy.lock().apply(delta);
        if matches!(applied, Applied::Whole { changed: true }) {
            self.publish();
        }
        applied
    }

    fn publish(&self) {
        let (mut lists, mut names) = self.copy.lock().lists(self.settings.filter_only_up_instances);
        if let Some(kept) = &*self.kept.lock() {
            kept.fill(&mut lists, &mut names);
        }
        self.discovery.publish(lists, names);
    }
}

impl Kept {
    fn fill(&self, lists: &mut HashMap<String, Vec<Instance>>, names: &mut Vec<String>) {
        for (service, known) in &self.lists {
            let list = lists.entry(service.clone()).or_default();
            let missing: Vec<Instance> = known
                .iter()
                .filter(|one| !list.iter().any(|listed| listed.instance_id() == one.instance_id()))
                .cloned()
                .collect();
            list.extend(missing);
            list.sort_by(|a, b| a.instance_id().cmp(b.instance_id()));
        }
        names.extend(self.names.iter().cloned());
        names.sort();
        names.dedup();
    }
}

fn read(reply: &Reply) -> Result<Listed<Told>, TransportError> {
    json::read_listed(&reply.body).map_err(|error| TransportError::Body {
        server: reply.server.base.clone(),
        message: error.to_string(),
    })
}
