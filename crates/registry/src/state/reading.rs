//! What is asked of a registry: instances, lists, counts. Nothing here changes what is registered.
//!
//! Reading takes `&mut self` where it brings the lease that an instance shows up to date.

use std::sync::Arc;
use std::time::Duration;

use wellspring_wire::Millis;
use wellspring_wire::eureka::{Application, InstanceInfo, Status, StatusCounts};

use super::registry::Registry;
use super::{History, Lease, Renewals, Rules};

/// State of an application in a list: equal while the list shows the same of it.
pub type Made = (u64, u64);

/// An application for a list that may know it already.
#[derive(Debug)]
pub struct Shown {
    pub name: String,
    pub made: Made,
    /// Absent when it is as it was known.
    pub instances: Option<Vec<Arc<InstanceInfo>>>,
}

impl Registry {
    /// False while a registry that started empty, and expects nobody, waits for its clients.
    pub fn answers_lists(&self, now: Millis) -> bool {
        now > self.closed_until()
    }

    /// Until when it waits for its clients.
    pub fn closed_until(&self) -> Millis {
        let waiting = self.opened.filter(|opened| opened.empty);
        waiting.map_or(Millis(i64::MIN), |opened| opened.at + self.rules.wait_when_sync_empty)
    }

    /// Whether leases end at all at present.
    pub fn expiry_enabled(&mut self, now: Millis) -> bool {
        let threshold = self.renewals.threshold();
        !self.rules.self_preservation || (threshold > 0 && self.renewals.last_minute(now) > threshold)
    }

    /// One instance, unless its lease has ended.
    pub fn instance(&mut self, app: &str, id: &str, now: Millis) -> Option<Arc<InstanceInfo>> {
        let expiry = self.expiry_enabled(now);
        let lease = self.lease_mut(app, id)?;
        (!expiry || !lease.is_expired(now, Duration::ZERO)).then(|| lease.show())
    }

    /// One instance of whatever application.
    pub fn find(&mut self, id: &str, now: Millis) -> Option<Arc<InstanceInfo>> {
        let expiry = self.expiry_enabled(now);
        self.apps
            .values_mut()
            .filter_map(|app| app.leases.get_mut(id))
            .find(|lease| !expiry || !lease.is_expired(now, Duration::ZERO))
            .map(Lease::show)
    }

    /// Every instance of every application, expired or not.
    pub fn applications(&mut self) -> Vec<Application> {
        self.apps.iter_mut().map(|(name, app)| app.list(name, |_| true)).collect()
    }

    /// One application and its version.
    pub fn application(&mut self, name: &str) -> Option<Application> {
        self.apps.get_mut(name).map(|app| app.list(name, |_| true))
    }

    /// The applications with those instances that pass.
    pub fn matching(&mut self, passes: impl Fn(&InstanceInfo) -> bool) -> Vec<Application> {
        let lists = self.apps.iter_mut().map(|(name, app)| app.list(name, &passes));
        lists.filter(|list| !list.instances.is_empty()).collect()
    }

    /// The instances changed lately, as they are now.
    pub fn delta(&mut self) -> Vec<Application> {
        let lists = self.delta_since(|_| None).into_iter();
        lists
            .filter_map(|shown| Some(Application { name: shown.name, instances: shown.instances? }))
            .collect()
    }

    /// All applications by name; of those that are as `known` says, only that they are there.
    pub fn applications_since(&mut self, known: impl Fn(&str) -> Option<Made>) -> Vec<Shown> {
        let apps = self.apps.iter_mut();
        apps.map(|(name, app)| {
            let made = (app.version, 0);
            let instances = (known(name) != Some(made)).then(|| app.list(name, |_| true).instances);
            Shown { name: name.clone(), made, instances }
        })
        .collect()
    }

    /// As [`Registry::applications_since`], of those instances that changed lately.
    pub fn delta_since(&mut self, known: impl Fn(&str) -> Option<Made>) -> Vec<Shown> {
        let mut lists = Vec::new();
        for (name, recent) in self.recent.apps() {
            let mut app = self.apps.get_mut(name);
            let made = (app.as_ref().map_or(0, |app| app.version), recent.made);
            let instances = (known(name) != Some(made)).then(|| {
                let present = recent.iter().filter_map(|(id, removed)| match removed {
                    Some(instance) => Some(Arc::clone(instance)),
                    None => app.as_mut()?.leases.get_mut(id).map(Lease::show),
                });
                present.collect::<Vec<_>>()
            });
            if instances.as_ref().is_none_or(|instances| !instances.is_empty()) {
                lists.push(Shown { name: name.to_owned(), made, instances });
            }
        }
        lists
    }

    /// Something outside of the registry, that lists show as well, is another now.
    pub fn touch(&mut self) {
        self.version += 1;
    }

    pub fn version(&self) -> u64 {
        self.version
    }

    /// The version at which an application changed last.
    pub fn app_version(&self, name: &str) -> Option<u64> {
        self.apps.get(name).map(|app| app.version)
    }

    /// `APP(id)` of those who have not renewed for longer than they said they would.
    pub fn overdue(&self, now: Millis) -> Vec<String> {
        let mut overdue = Vec::new();
        for (name, app) in &self.apps {
            let late = app.leases.iter().filter(|(_, lease)| lease.is_overdue(now));
            overdue.extend(late.map(|(id, _)| format!("{name}({id})")));
        }
        overdue
    }

    /// Leases, ended or not.
    pub fn len(&self) -> usize {
        self.size
    }

    pub fn is_empty(&self) -> bool {
        self.size == 0
    }

    pub fn counts(&self) -> StatusCounts {
        self.counts
    }

    pub fn renewals(&mut self) -> &mut Renewals {
        &mut self.renewals
    }

    pub fn history(&self) -> &History {
        &self.history
    }

    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// The override of an instance, if there is one.
    pub fn override_of(&mut self, id: &str, now: Millis) -> Option<Status> {
        self.overrides.get(id, now)
    }
}
