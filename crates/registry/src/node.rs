//! A registry at work: the core behind its lock, the clock, the cache, and whoever must hear of changes.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use bytes::Bytes;
use parking_lot::Mutex;
use wellspring_wire::Millis;
use wellspring_wire::eureka::{Applications, Form, InstanceInfo, Metadata, Status, hashcode};

use crate::cache::{Cache, Payload};
use crate::state::{Change, Registry, Renewed, Rules, Stamp, StatusChanged};
use crate::view::{Format, Part, Whole};

#[derive(Debug)]
pub struct Node {
    state: Mutex<Registry>,
    /// The core's version, readable without its lock.
    version: AtomicU64,
    cache: Cache,
    /// Deltas built so far: `versions__delta`.
    deltas: AtomicI64,
}

/// Whose call it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caller {
    Client,
    /// Another registry: what it says is not told to further ones.
    Peer,
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
    pub fn new(rules: Rules) -> Self {
        Self {
            state: Mutex::new(Registry::new(rules)),
            version: AtomicU64::new(0),
            cache: Cache::default(),
            deltas: AtomicI64::new(0),
        }
    }

    /// The core under its lock. Short calls only.
    pub fn with<T>(&self, call: impl FnOnce(&mut Registry, Millis) -> T) -> T {
        let mut state = self.state.lock();
        let result = call(&mut state, Millis::now());
        self.version.store(state.version(), Ordering::Release);
        result
    }

    pub fn register(&self, instance: InstanceInfo, caller: Caller) {
        let change = self.with(|state, now| state.register(instance, caller == Caller::Peer, now));
        self.tell(&change, caller);
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
        let (renewed, sender_newer) = self.with(|state, now| {
            let renewed = state.renew(app, id, stamp, caller == Caller::Peer, now);
            let sender_newer = matches!(&renewed, Renewed::Yes { stamp: Stamp::SenderNewer, .. });
            if sender_newer
                && caller == Caller::Peer
                && let Some(status) = overridden
            {
                state.adopt_override(app, id, status, now);
            }
            (renewed, sender_newer)
        });
        let Renewed::Yes { change, stamp } = renewed else { return Beat::Unknown };
        if let Some(change) = change {
            self.tell(&change, Caller::Peer);
        }
        match stamp {
            Stamp::OursNewer(ours) if caller == Caller::Peer => Beat::Outdated(ours),
            _ if sender_newer => Beat::Unknown,
            Stamp::Agrees | Stamp::SenderNewer | Stamp::OursNewer(_) => Beat::Renewed,
        }
    }

    /// True when there was such an instance.
    pub fn cancel(&self, app: &str, id: &str, caller: Caller) -> bool {
        let change = self.with(|state, now| state.cancel(app, id, now));
        if let Some(change) = &change {
            if self.with(|state, _| state.app_version(app).is_none()) {
                self.cache.forget(app);
            }
            self.tell(change, caller);
        }
        change.is_some()
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
        self.told(self.with(|state, now| state.override_status(app, id, status, stamp, now)), caller)
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
        self.told(self.with(|state, now| state.lift_override(app, id, status, stamp, now)), caller)
    }

    fn told(&self, outcome: StatusChanged, caller: Caller) -> bool {
        match outcome {
            StatusChanged::Unknown => false,
            StatusChanged::Same => true,
            StatusChanged::Changed(change) => {
                self.tell(&change, caller);
                true
            }
        }
    }

    /// True when there is such an instance.
    pub fn merge_metadata(&self, app: &str, id: &str, pairs: Metadata, caller: Caller) -> bool {
        let change = self.with(|state, now| state.merge_metadata(app, id, pairs, now));
        if let Some(change) = &change {
            self.tell(change, caller);
        }
        change.is_some()
    }

    /// One run of the evictor.
    pub fn evict(&self) {
        let changes = self.with(|state, now| state.evict(&mut fastrand::Rng::new(), now));
        for change in &changes {
            tracing::info!(app = %change.instance.app, id = change.instance.id(), "evicted: its lease has ended");
            self.tell(change, Caller::Peer);
        }
    }

    fn tell(&self, change: &Change, _caller: Caller) {
        tracing::debug!(
            app = %change.instance.app,
            id = change.instance.id(),
            status = %change.instance.status,
            "{}",
            change.kind.as_str()
        );
    }

    pub fn instance(&self, app: &str, id: &str) -> Option<Arc<InstanceInfo>> {
        self.with(|state, now| state.instance(app, id, now))
    }

    pub fn find(&self, id: &str) -> Option<Arc<InstanceInfo>> {
        self.with(|state, now| state.find(id, now))
    }

    pub fn answers_lists(&self) -> bool {
        self.with(|state, now| state.answers_lists(now))
    }

    /// All applications, or those instances that changed lately.
    pub fn whole(&self, whole: Whole, format: Format, form: Form) -> Arc<Payload> {
        self.cache.whole(whole, format, form, self.version.load(Ordering::Acquire), || {
            let (version, list) = self.snapshot(whole);
            (version, format.applications(&list, form))
        })
    }

    /// A list with the version that it shows. Encoding it is the caller's, outside of the lock.
    pub fn snapshot(&self, whole: Whole) -> (u64, Applications) {
        self.with(|state, _| {
            let (version, applications) = match whole {
                Whole::Apps => (1, state.applications()),
                Whole::Delta => (self.deltas.fetch_add(1, Ordering::Relaxed) + 1, state.delta()),
            };
            let hashcode = state.counts().to_string();
            (state.version(), Applications { version, hashcode, applications })
        })
    }

    /// One application, or who answers to a virtual address; `None` for an application that is not there.
    pub fn part(&self, part: Part, format: Format, form: Form) -> Option<Bytes> {
        let key = (part, format, form);
        let unchanged = |made| match &key.0 {
            Part::App(name) => {
                self.with(|state, _| state.app_version(name).is_some_and(|version| version <= made))
            }
            Part::Vip(_) | Part::SecureVip(_) => false,
        };
        if let Some(bytes) = self.cache.part(&key, self.version.load(Ordering::Acquire), unchanged) {
            return Some(bytes);
        }
        let (version, bytes) = match &key.0 {
            Part::App(name) => {
                let (version, list) = self.with(|state, _| (state.version(), state.application(name)));
                (version, format.application(&list?, form))
            }
            Part::Vip(vip) => self.by_vip(format, form, |instance| instance.has_vip(vip)),
            Part::SecureVip(vip) => self.by_vip(format, form, |instance| instance.has_secure_vip(vip)),
        };
        Some(self.cache.keep_part(key, version, bytes))
    }

    fn by_vip(&self, format: Format, form: Form, passes: impl Fn(&InstanceInfo) -> bool) -> (u64, Vec<u8>) {
        let (version, applications) = self.with(|state, _| (state.version(), state.matching(passes)));
        let hashcode = hashcode(applications.iter().flat_map(|app| &app.instances).map(AsRef::as_ref));
        let list = Applications { version: -1, hashcode, applications };
        (version, format.applications(&list, form))
    }
}
