//! The map of leases and the rules of every call on it.
//!
//! Calls by peers (`replicated`) obey slightly other rules than calls by clients; what goes on to the peers is
//! decided outside, from the outcome.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use wellspring_wire::Millis;
use wellspring_wire::eureka::{
    ActionType, Application, InstanceInfo, LeaseInfo, Metadata, Status, StatusCounts,
};

use super::overrides::Overrides;
use super::recent::Recent;
use super::tombstones::Tombstones;
use super::{Change, ChangeKind, History, Lease, Renewals, Rules, eviction, status_rules};

#[derive(Debug)]
pub struct Registry {
    pub(super) rules: Rules,
    pub(super) apps: BTreeMap<String, App>,
    pub(super) overrides: Overrides,
    pub(super) recent: Recent,
    pub(super) tombstones: Tombstones,
    pub(super) renewals: Renewals,
    pub(super) history: History,
    pub(super) eviction: eviction::Eviction,
    pub(super) counts: StatusCounts,
    pub(super) size: usize,
    pub(super) version: u64,
    pub(super) sweeps: u64,
    pub(super) opened: Option<Opened>,
    /// What changed since it was taken last.
    changes: Vec<Change>,
}

#[derive(Debug)]
pub(super) struct App {
    pub(super) leases: BTreeMap<String, Lease>,
    /// The registry's version when this application last changed.
    pub(super) version: u64,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Opened {
    pub(super) at: Millis,
    pub(super) empty: bool,
}

/// What became of a renewal.
#[derive(Debug)]
pub enum Renewed {
    /// No such lease, or one whose status went UNKNOWN: the sender should register.
    Unknown,
    Yes(Stamp),
}

/// How the sender's lastDirtyTimestamp compares with ours.
#[derive(Debug)]
pub enum Stamp {
    Agrees,
    /// The sender knows more: it should register.
    SenderNewer,
    /// We know more: a peer should adopt this.
    OursNewer(Arc<InstanceInfo>),
}

/// What became of a status set or lifted from outside.
#[derive(Debug)]
pub enum StatusChanged {
    Unknown,
    Same,
    Changed(Arc<InstanceInfo>),
}

impl Registry {
    pub fn new(rules: Rules) -> Self {
        Self {
            rules,
            apps: BTreeMap::new(),
            overrides: Overrides::default(),
            recent: Recent::default(),
            tombstones: Tombstones::default(),
            renewals: Renewals::new(),
            history: History::default(),
            eviction: eviction::Eviction::default(),
            counts: StatusCounts::default(),
            size: 0,
            version: 0,
            sweeps: 0,
            opened: None,
            changes: Vec::new(),
        }
    }

    /// Counts versions from here on, so that those of an earlier life are all smaller.
    #[must_use]
    pub fn beginning_at(mut self, version: u64) -> Self {
        self.version = version;
        self
    }

    /// Counts on from `last`, if that is further; says where that is.
    pub fn go_on_after(&mut self, last: u64) -> u64 {
        self.version = self.version.max(last.saturating_add(1));
        self.version
    }

    /// What changed since the last call, oldest first. Whoever owns a registry takes it now and then.
    pub fn take_changes(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.changes)
    }

    /// Registers, or registers again: the lease starts afresh in any case.
    ///
    /// An entry with a newer lastDirtyTimestamp than the one sent stays what it is. `None`: a peer told of a state
    /// from before a cancellation.
    pub fn register(
        &mut self,
        mut sent: InstanceInfo,
        replicated: bool,
        now: Millis,
    ) -> Option<Arc<InstanceInfo>> {
        let id = sent.id().to_owned();
        let name = sent.app.clone();
        if replicated && self.tombstones.outdates(&name, &id, sent.last_dirty, sent.lease.registration) {
            return None;
        }
        self.tombstones.forget(&name, &id);
        let duration = positive(sent.lease.duration, LeaseInfo::DEFAULT_DURATION);
        sent.last_dirty.get_or_insert(now);
        if let Some(center) = &mut sent.data_center_info
            && let Some(amazon) = &mut center.amazon
            && amazon.get("instance-id").is_none_or(String::is_empty)
        {
            amazon.insert("instance-id".to_owned(), id.clone());
        }
        let existing = self.apps.get(&name).and_then(|app| app.leases.get(&id));
        let before = existing.map(|lease| (lease.holder.status, lease.service_up));
        let mut holder = match existing {
            Some(lease) if lease.holder.last_dirty > sent.last_dirty => Arc::clone(&lease.holder),
            _ => Arc::new(sent),
        };
        if before.is_none() && self.renewals.expected() > 0 {
            self.expect(self.renewals.expected() + 1);
        }
        self.history.registered(&name, &id, now);

        if holder.overridden_status != Status::Unknown && self.overrides.get(&id, now).is_none() {
            self.overrides.set(&id, holder.overridden_status, now);
        }
        let overridden = self.overrides.get(&id, now);
        let instance = Arc::make_mut(&mut holder);
        if let Some(status) = overridden {
            instance.overridden_status = status;
        }
        instance.status = status_rules::effective(
            instance.status,
            overridden,
            before.map(|(status, _)| status),
            replicated,
        );
        instance.action_type = Some(ActionType::Added);
        instance.last_updated = Some(now);
        instance.is_coordinating_discovery_server = id == self.rules.own_id;
        let status = instance.status;

        let mut lease = Lease::new(holder, duration, now);
        if let Some((_, service_up)) = before {
            lease.service_up = service_up;
        }
        if status == Status::Up {
            lease.service_up(now);
        }
        let shown = lease.show();
        self.recount(before.map(|(status, _)| status), Some(status));
        self.recent.changed(&name, &id, now);
        self.version += 1;
        let app = self.apps.entry(name).or_insert_with(App::new);
        app.version = self.version;
        app.leases.insert(id, lease);
        self.check();
        self.changed(ChangeKind::Registered, Arc::clone(&shown));
        Some(shown)
    }

    fn changed(&mut self, kind: ChangeKind, instance: Arc<InstanceInfo>) {
        self.changes.push(Change { version: self.version, kind, instance });
    }

    /// Renews a lease; then compares the timestamp sent with ours.
    pub fn renew(
        &mut self,
        app: &str,
        id: &str,
        stamp: Option<Millis>,
        replicated: bool,
        now: Millis,
    ) -> Renewed {
        let Some(entry) = self.apps.get_mut(app) else { return Renewed::Unknown };
        let Some(lease) = entry.leases.get_mut(id) else { return Renewed::Unknown };
        let before = lease.holder.status;
        let status = status_rules::effective(before, self.overrides.get(id, now), Some(before), replicated);
        if status == Status::Unknown {
            return Renewed::Unknown;
        }
        self.renewals.count(now);
        lease.renew(now);
        let stamp = match stamp {
            Some(stamp) if self.rules.sync_when_timestamp_differs => {
                let ours = lease.holder.last_dirty.unwrap_or_default();
                if stamp > ours {
                    Stamp::SenderNewer
                } else if stamp < ours {
                    Stamp::OursNewer(lease.show())
                } else {
                    Stamp::Agrees
                }
            }
            _ => Stamp::Agrees,
        };
        if status != before {
            Arc::make_mut(&mut lease.holder).status = status;
            let instance = lease.show();
            self.version += 1;
            entry.version = self.version;
            self.recount(Some(before), Some(status));
            self.changed(ChangeKind::StatusFollowed, instance);
        }
        self.check();
        Renewed::Yes(stamp)
    }

    /// Adopts the override that a peer knows and we do not.
    pub fn adopt_override(&mut self, app: &str, id: &str, status: Status, now: Millis) {
        if self.overrides.get(id, now) == Some(status) {
            return;
        }
        self.overrides.set(id, status, now);
        if let Some(entry) = self.apps.get_mut(app)
            && let Some(lease) = entry.leases.get_mut(id)
        {
            Arc::make_mut(&mut lease.holder).overridden_status = status;
            self.version += 1;
            entry.version = self.version;
        }
    }

    /// Takes an instance off the list, with its override.
    pub fn cancel(
        &mut self,
        app: &str,
        id: &str,
        replicated: bool,
        now: Millis,
    ) -> Option<Arc<InstanceInfo>> {
        let removed = self.remove(app, id, ChangeKind::Cancelled, now)?;
        self.tombstones.bury(&removed, !replicated, now);
        Some(removed)
    }

    fn remove(&mut self, app: &str, id: &str, kind: ChangeKind, now: Millis) -> Option<Arc<InstanceInfo>> {
        self.history.cancelled(app, id, now);
        self.overrides.remove(id, now);
        let entry = self.apps.get_mut(app)?;
        let mut lease = entry.leases.remove(id)?;
        self.version += 1;
        entry.version = self.version;
        if entry.leases.is_empty() {
            self.apps.remove(app);
        }
        self.recount(Some(lease.holder.status), None);
        lease.cancel(now);
        let holder = Arc::make_mut(&mut lease.holder);
        holder.action_type = Some(ActionType::Deleted);
        holder.last_updated = Some(now);
        let instance = lease.show();
        self.recent.removed(Arc::clone(&instance), now);
        if self.renewals.expected() > 0 {
            self.expect(self.renewals.expected() - 1);
        }
        self.check();
        self.changed(kind, Arc::clone(&instance));
        Some(instance)
    }

    /// Sets a status from outside. Renews the lease, also when nothing changes.
    pub fn override_status(
        &mut self,
        app: &str,
        id: &str,
        status: Status,
        stamp: Option<Millis>,
        now: Millis,
    ) -> StatusChanged {
        let Some(lease) = self.lease_mut(app, id) else { return StatusChanged::Unknown };
        lease.renew(now);
        if lease.holder.status == status {
            return StatusChanged::Same;
        }
        if status == Status::Up {
            lease.service_up(now);
        }
        self.overrides.set(id, status, now);
        self.modify(app, id, status, status, stamp, ChangeKind::Overridden, now)
    }

    /// Lifts what was set from outside; the status becomes `status`. Renews the lease, also when nothing changes.
    pub fn lift_override(
        &mut self,
        app: &str,
        id: &str,
        status: Status,
        stamp: Option<Millis>,
        now: Millis,
    ) -> StatusChanged {
        let Some(lease) = self.lease_mut(app, id) else { return StatusChanged::Unknown };
        lease.renew(now);
        if self.overrides.remove(id, now).is_none() {
            return StatusChanged::Same;
        }
        self.modify(app, id, status, Status::Unknown, stamp, ChangeKind::Lifted, now)
    }

    #[expect(clippy::too_many_arguments, reason = "one caller each for set and lift, and all of it differs")]
    fn modify(
        &mut self,
        app: &str,
        id: &str,
        status: Status,
        overridden: Status,
        stamp: Option<Millis>,
        kind: ChangeKind,
        now: Millis,
    ) -> StatusChanged {
        let Some(entry) = self.apps.get_mut(app) else { return StatusChanged::Unknown };
        let Some(lease) = entry.leases.get_mut(id) else { return StatusChanged::Unknown };
        let holder = Arc::make_mut(&mut lease.holder);
        let before = std::mem::replace(&mut holder.status, status);
        holder.overridden_status = overridden;
        holder.last_dirty = holder.last_dirty.max(stamp);
        holder.action_type = Some(ActionType::Modified);
        holder.last_updated = Some(now);
        let instance = lease.show();
        self.version += 1;
        entry.version = self.version;
        self.recount(Some(before), Some(status));
        self.recent.changed(app, id, now);
        self.check();
        self.changed(kind, Arc::clone(&instance));
        StatusChanged::Changed(instance)
    }

    /// Merges pairs into the metadata, which is a registration of the instance by a client.
    pub fn merge_metadata(
        &mut self,
        app: &str,
        id: &str,
        pairs: Metadata,
        now: Millis,
    ) -> Option<Arc<InstanceInfo>> {
        let mut instance = InstanceInfo::clone(&self.apps.get(app)?.leases.get(id)?.holder);
        instance.metadata.extend(pairs);
        self.register(instance, false, now)
    }

    /// One run of the evictor.
    pub fn evict(&mut self, random: &mut fastrand::Rng, now: Millis) -> Vec<Arc<InstanceInfo>> {
        self.overrides.sweep(now);
        self.tombstones.sweep(now);
        let compensation = self.eviction.compensation(self.rules.eviction_interval, now);
        if !self.expiry_enabled(now) {
            return Vec::new();
        }
        let mut expired: Vec<(String, String)> = Vec::new();
        for (name, app) in &self.apps {
            let gone = app.leases.iter().filter(|(_, lease)| lease.is_expired(now, compensation));
            expired.extend(gone.map(|(id, _)| (name.clone(), id.clone())));
        }
        eviction::choose(&mut expired, eviction::limit(self.size, &self.rules), random);
        expired.iter().filter_map(|(app, id)| self.remove(app, id, ChangeKind::Evicted, now)).collect()
    }

    /// Forgets changes older than the retention time; true when the delta is another now.
    pub fn sweep_recent(&mut self, now: Millis) -> bool {
        let swept = self.recent.sweep(self.rules.delta_retention, now);
        self.sweeps += u64::from(swept);
        swept
    }

    /// As [`Registry::version`], and greater as well when a change was forgotten.
    pub fn delta_version(&self) -> u64 {
        self.version + self.sweeps
    }

    /// Begins to answer for real: `copied` instances came from peers.
    pub fn open(&mut self, copied: usize, now: Millis) {
        let expected = if copied > 0 { copied } else { self.rules.default_open_for_traffic };
        self.opened = Some(Opened { at: now, empty: expected == 0 });
        self.expect(expected);
    }

    /// Compares the expectation with the number of instances that this server's own client knows.
    #[expect(clippy::cast_precision_loss, reason = "compared with a share")]
    pub fn update_expectation(&mut self, known: usize) {
        let floor = self.rules.renewal_percent_threshold * self.renewals.expected() as f64;
        if known as f64 > floor || !self.rules.self_preservation {
            self.expect(known);
        }
    }

    /// Expects those who are here, as an operator says, whatever was expected before.
    pub fn accept_size(&mut self) {
        self.expect(self.size);
    }

    pub(super) fn lease_mut(&mut self, app: &str, id: &str) -> Option<&mut Lease> {
        self.apps.get_mut(app)?.leases.get_mut(id)
    }

    fn expect(&mut self, expected: usize) {
        let rules = &self.rules;
        self.renewals.expect(expected, rules.expected_renewal_interval, rules.renewal_percent_threshold);
    }

    fn recount(&mut self, before: Option<Status>, after: Option<Status>) {
        if let Some(status) = before {
            self.counts.remove(status);
            self.size -= 1;
        }
        if let Some(status) = after {
            self.counts.add(status);
            self.size += 1;
        }
    }

    /// The invariants, in debug builds.
    fn check(&self) {
        debug_assert!(
            self.size > 512 || {
                let all = || self.apps.values().flat_map(|app| app.leases.values());
                StatusCounts::of(all().map(|lease| lease.holder.as_ref())) == self.counts
                    && all().count() == self.size
                    && self.apps.iter().all(|(name, app)| {
                        !app.leases.is_empty()
                            && app.version <= self.version
                            && app
                                .leases
                                .iter()
                                .all(|(id, lease)| lease.holder.app == *name && lease.holder.id() == id)
                    })
            }
        );
    }
}

impl App {
    fn new() -> Self {
        Self { leases: BTreeMap::new(), version: 0 }
    }

    pub(super) fn list(&mut self, name: &str, passes: impl Fn(&InstanceInfo) -> bool) -> Application {
        let leases = self.leases.values_mut().filter(|lease| passes(&lease.holder));
        Application { name: name.to_owned(), instances: leases.map(Lease::show).collect() }
    }
}

fn positive(seconds: i32, default: i32) -> Duration {
    let seconds = if seconds > 0 { seconds } else { default };
    Duration::from_secs(u64::try_from(seconds).unwrap_or_default())
}
