//! A registry at work: the core behind its lock, the clock, the cache, and whoever must hear of changes.

mod lists;

use std::net::IpAddr;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use wellspring_wire::Millis;
use wellspring_wire::eureka::replication::{Action, ReplicationInstance};
use wellspring_wire::eureka::{InstanceInfo, Metadata, Status};

use crate::Clock;
use crate::access::UserId;
use crate::admin::News;
use crate::cache::Cache;
use crate::feed::Feed;
use crate::peers::Peers;
use crate::peers::region::Regions;
use crate::record::EventLog;
use crate::state::{Digest, Line, Registry, Renewed, Rules, Stamp, StatusChanged};

#[derive(Debug)]
pub struct Node {
    state: Mutex<Registry>,
    /// The core's version, readable without its lock.
    version: AtomicU64,
    delta_version: AtomicU64,
    /// Likewise, in milliseconds.
    closed_until: AtomicI64,
    cache: Cache,
    feed: Feed,
    /// The newest pushed change, for all who watch: from, to, bytes.
    pushed: Mutex<(u64, u64, Bytes)>,
    peers: Peers,
    /// How long what is no registration and no heartbeat waits for a peer.
    replication_life: Duration,
    list_expiration: Duration,
    /// Deltas built so far: `versions__delta`.
    deltas: AtomicI64,
    clock: Clock,
    log: OnceLock<EventLog>,
    news: OnceLock<News>,
    regions: Regions,
}

/// Whose call it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller {
    /// Another registry: what it says is not told to further ones.
    pub peer: bool,
    /// Where the call came from; absent when nobody called.
    pub from: Option<IpAddr>,
    /// Who it was, where users are told apart.
    pub user: Option<UserId>,
}

impl Caller {
    pub const CLIENT: Self = Self { peer: false, from: None, user: None };
    pub const PEER: Self = Self { peer: true, from: None, user: None };
}

/// What became of a heartbeat.
#[derive(Debug)]
pub enum Beat {
    Renewed,
    /// The sender should register.
    Unknown,
    /// The sender should adopt this.
    Outdated(Arc<InstanceInfo>),
}

impl Node {
    pub fn new(rules: Rules, replication_life: Duration, clock: Clock) -> Self {
        // So versions, which are the ids of events, go on after a restart.
        let version = u64::try_from(clock.now().0).unwrap_or_default().saturating_mul(1000);
        Self {
            list_expiration: rules.list_expiration,
            state: Mutex::new(Registry::new(rules).beginning_at(version)),
            version: AtomicU64::new(version),
            delta_version: AtomicU64::new(version),
            closed_until: AtomicI64::new(i64::MIN),
            cache: Cache::default(),
            feed: Feed::new(version),
            pushed: Mutex::default(),
            peers: Peers::default(),
            replication_life,
            deltas: AtomicI64::new(0),
            clock,
            log: OnceLock::new(),
            news: OnceLock::new(),
            regions: Regions::default(),
        }
    }

    /// Shows the instances of other regions as well.
    #[must_use]
    pub fn beside(mut self, regions: Regions) -> Self {
        self.regions = regions;
        self
    }

    pub fn regions(&self) -> &Regions {
        &self.regions
    }

    /// Versions go on after `last`, also when the clock was set back since that was given out. Before anything is registered.
    pub fn go_on_after(&self, last: u64) {
        let version = self.with(|state, _| state.go_on_after(last));
        self.feed.begin_at(version);
    }

    /// Changes are recorded there from now on.
    pub fn log_to(&self, log: EventLog) {
        if self.log.set(log).is_err() {
            tracing::warn!("the event log was set already");
        }
    }

    /// The core under its lock. Short calls only.
    pub fn with<T>(&self, call: impl FnOnce(&mut Registry, Millis) -> T) -> T {
        self.call(None, call)
    }

    fn call<T>(&self, caller: Option<Caller>, call: impl FnOnce(&mut Registry, Millis) -> T) -> T {
        let mut state = self.state.lock();
        let now = self.clock.now();
        let result = call(&mut state, now);
        let changes = state.take_changes();
        self.version.store(state.version(), Ordering::Release);
        self.delta_version.store(state.delta_version(), Ordering::Release);
        self.closed_until.store(state.closed_until().0, Ordering::Relaxed);
        if changes.is_empty() {
            return result;
        }
        // Under the lock, so that watchers and the log see changes in their order.
        self.feed.push(&changes);
        if let Some(log) = self.log.get() {
            for change in &changes {
                log.record(change, caller, now);
            }
        }
        if let Some(news) = self.news.get() {
            news.tell(&changes);
        }
        drop(state);
        for change in &changes {
            let instance = &change.instance;
            if change.kind.removes() {
                self.cache.forget(&instance.app);
            }
            tracing::debug!(app = %instance.app, id = instance.id(), status = %instance.status, "{}", change.kind.as_str());
        }
        result
    }

    pub(crate) fn news(&self) -> &OnceLock<News> {
        &self.news
    }

    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    pub fn peers(&self) -> &Peers {
        &self.peers
    }

    pub fn feed(&self) -> &Feed {
        &self.feed
    }

    pub fn register(&self, instance: InstanceInfo, caller: Caller) {
        let stored = self.call(Some(caller), |state, now| state.register(instance, caller.peer, now));
        if let Some(stored) = stored {
            self.replicate(caller, || self.registration(stored));
        }
    }

    /// `overridden` is the override that the sender knows of.
    pub fn renew(
        &self,
        app: &str,
        id: &str,
        stamp: Option<Millis>,
        overridden: Option<Status>,
        caller: Caller,
    ) -> Beat {
        let tells = !caller.peer && !self.peers.is_empty();
        let (renewed, known) = self.call(Some(caller), |state, now| {
            let renewed = state.renew(app, id, stamp, caller.peer, now);
            if let Renewed::Yes(Stamp::SenderNewer) = renewed
                && caller.peer
                && let Some(status) = overridden
            {
                state.adopt_override(app, id, status, now);
            }
            let known = tells.then(|| (state.instance(app, id, now), state.override_of(id, now)));
            (renewed, known)
        });
        let Renewed::Yes(stamp) = renewed else { return Beat::Unknown };
        if let Some((Some(instance), overridden)) = known {
            self.replicate(caller, || heartbeat(&instance, overridden));
        }
        match stamp {
            Stamp::OursNewer(ours) if caller.peer => Beat::Outdated(ours),
            Stamp::SenderNewer => Beat::Unknown,
            Stamp::Agrees | Stamp::OursNewer(_) => Beat::Renewed,
        }
    }

    /// True when there was such an instance.
    pub fn cancel(&self, app: &str, id: &str, caller: Caller) -> bool {
        let known = self.call(Some(caller), |state, now| state.cancel(app, id, caller.peer, now)).is_some();
        if known {
            self.replicate(caller, || (item(Action::Cancel, app, id), self.replication_life));
        }
        known
    }

    /// True when there is such an instance.
    pub fn override_status(
        &self,
        app: &str,
        id: &str,
        status: Status,
        stamp: Option<Millis>,
        caller: Caller,
    ) -> bool {
        let (outcome, ours) = self.call(Some(caller), |state, now| {
            (state.override_status(app, id, status, stamp, now), state.instance(app, id, now))
        });
        self.overridden(&outcome, Action::StatusUpdate, status, ours, caller)
    }

    /// True when there is such an instance.
    pub fn lift_override(
        &self,
        app: &str,
        id: &str,
        status: Status,
        stamp: Option<Millis>,
        caller: Caller,
    ) -> bool {
        let (outcome, ours) = self.call(Some(caller), |state, now| {
            (state.lift_override(app, id, status, stamp, now), state.instance(app, id, now))
        });
        self.overridden(&outcome, Action::DeleteStatusOverride, status, ours, caller)
    }

    fn overridden(
        &self,
        outcome: &StatusChanged,
        action: Action,
        status: Status,
        ours: Option<Arc<InstanceInfo>>,
        caller: Caller,
    ) -> bool {
        if let Some(ours) = ours {
            self.replicate(caller, || {
                let item = ReplicationInstance {
                    last_dirty: ours.last_dirty,
                    status: Some(status.to_string()),
                    ..item(action, &ours.app, ours.id())
                };
                (item, self.replication_life)
            });
        }
        !matches!(outcome, StatusChanged::Unknown)
    }

    /// True when there is such an instance.
    pub fn merge_metadata(&self, app: &str, id: &str, pairs: Metadata, caller: Caller) -> bool {
        let Some(stored) = self.call(Some(caller), |state, now| state.merge_metadata(app, id, pairs, now))
        else {
            return false;
        };
        self.replicate(caller, || self.registration(stored));
        true
    }

    /// Takes over what a peer knows better.
    pub fn adopt(&self, theirs: InstanceInfo) {
        if theirs.overridden_status != Status::Unknown {
            let (app, id) = (theirs.app.clone(), theirs.id().to_owned());
            self.with(|state, now| state.adopt_override(&app, &id, theirs.overridden_status, now));
        }
        self.register(theirs, Caller::PEER);
    }

    /// Applications of which another registry knows something else.
    pub fn differences(&self, theirs: &Digest) -> Vec<String> {
        let ours = self.with(|state, now| state.digest(now));
        theirs.iter().filter(|(app, sum)| ours.get(*app) != Some(sum)).map(|(app, _)| app.clone()).collect()
    }

    /// Takes over an instance as another registry of this kind has it.
    pub fn heal(&self, mut theirs: InstanceInfo, line: &Line) {
        // The list that it came in may be older than the line.
        theirs.lease.last_renewal = line.last_renewal;
        theirs.lease.registration = line.registration;
        self.with(|state, now| state.heal(theirs, now));
    }

    /// One run of the evictor. Peers decide for themselves.
    pub fn evict(&self) {
        for instance in self.with(|state, now| state.evict(&mut fastrand::Rng::new(), now)) {
            tracing::info!(app = %instance.app, id = instance.id(), "evicted: its lease has ended");
        }
    }

    fn replicate(&self, caller: Caller, task: impl FnOnce() -> (ReplicationInstance, Duration)) {
        if !caller.peer && !self.peers.is_empty() {
            let (item, life) = task();
            self.peers.offer(&item, life);
        }
    }

    /// A registration for a peer, and how long it may wait.
    pub fn registration(&self, instance: Arc<InstanceInfo>) -> (ReplicationInstance, Duration) {
        let life = renewal_interval(&instance);
        let item = ReplicationInstance {
            last_dirty: instance.last_dirty,
            status: Some(instance.status.to_string()),
            ..item(Action::Register, &instance.app, instance.id())
        };
        (ReplicationInstance { instance: Some(instance), ..item }, life)
    }

    pub fn instance(&self, app: &str, id: &str) -> Option<Arc<InstanceInfo>> {
        self.with(|state, now| state.instance(app, id, now))
    }

    /// An instance of whatever application, here or in another region.
    pub fn find(&self, id: &str) -> Option<Arc<InstanceInfo>> {
        let ours = self.with(|state, now| state.find(id, now));
        ours.or_else(|| self.regions.instance(|instance| instance.id() == id))
    }

    pub fn answers_lists(&self) -> bool {
        self.clock.now().0 > self.closed_until.load(Ordering::Relaxed)
    }
}

fn item(action: Action, app: &str, id: &str) -> ReplicationInstance {
    ReplicationInstance {
        app_name: Some(app.to_owned()),
        id: Some(id.to_owned()),
        action: Some(action),
        ..ReplicationInstance::default()
    }
}

fn heartbeat(instance: &InstanceInfo, overridden: Option<Status>) -> (ReplicationInstance, Duration) {
    let item = ReplicationInstance {
        last_dirty: instance.last_dirty,
        overridden_status: overridden.map(|status| status.to_string()),
        status: Some(instance.status.to_string()),
        ..item(Action::Heartbeat, &instance.app, instance.id())
    };
    (item, renewal_interval(instance))
}

fn renewal_interval(instance: &InstanceInfo) -> Duration {
    Duration::from_secs(u64::try_from(instance.lease.renewal_interval).unwrap_or(30).max(1))
}
