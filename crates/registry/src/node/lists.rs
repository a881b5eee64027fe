//! The lists that readers get: ready-made while nothing changed, with the instances of other regions, and what was pushed.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use wellspring_wire::eureka::{Application, Applications, Form, InstanceInfo, hashcode, json};

use super::Node;
use crate::payload::{Contents, Payload};
use crate::peers::region::{self, NotFetched};
use crate::view::{Format, Part, Whole};

impl Node {
    /// All applications, or those instances that changed lately.
    pub fn whole(&self, whole: Whole, format: Format, form: Form) -> Arc<Payload> {
        let version = match whole {
            Whole::Apps => &self.version,
            Whole::Delta => &self.delta_version,
        };
        let now = self.clock.now();
        let since = now - self.list_expiration;
        self.cache.whole((whole, format, form), version.load(Ordering::Acquire), since, |earlier| {
            let earlier = earlier.filter(|_| self.regions.is_empty());
            if !self.regions.is_empty() {
                let (version, list) = self.snapshot(whole);
                return Payload::of_bytes(version, format.applications(&list, form), now);
            }
            let known = |name: &str| earlier.and_then(|earlier| earlier.made(name, since));
            let contents = self.with(|state, _| {
                let (version, number, applications) = match whole {
                    Whole::Apps => (state.version(), 1, state.applications_since(known)),
                    Whole::Delta => (state.delta_version(), self.next_delta(), state.delta_since(known)),
                };
                let hashcode = state.counts().to_string();
                let head = Applications { version: number, hashcode, applications: Vec::new() };
                Contents { version, head, applications, at: now }
            });
            Payload::new(contents, format, form, earlier)
        })
    }

    fn next_delta(&self) -> i64 {
        self.deltas.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// The core's version, without its lock.
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// A list with the version that it shows. Encoding it is the caller's, outside of the lock.
    pub fn snapshot(&self, whole: Whole) -> (u64, Applications) {
        self.snapshot_beside(whole, &self.regions.unasked())
    }

    fn snapshot_beside(&self, whole: Whole, regions: &[Arc<Vec<Application>>]) -> (u64, Applications) {
        let (version, mut list, mut all) = self.with(|state, _| {
            let (shown, version, applications) = match whole {
                Whole::Apps => (state.version(), 1, state.applications()),
                Whole::Delta => (state.delta_version(), self.next_delta(), state.delta()),
            };
            let hashcode = state.counts().to_string();
            let all = if regions.is_empty() { Vec::new() } else { state.applications() };
            (shown, Applications { version, hashcode, applications }, all)
        });
        if !regions.is_empty() {
            // The delta names only what changed here; that of another region comes to light by the hash code.
            region::merge(&mut all, regions);
            list.hashcode = hashcode(all.iter().flat_map(|app| &app.instances).map(AsRef::as_ref));
            if whole == Whole::Apps {
                list.applications = all;
            }
        }
        (version, list)
    }

    /// A list with the instances of the regions that were asked for.
    pub fn whole_with(
        &self,
        whole: Whole,
        names: &str,
        format: Format,
        form: Form,
    ) -> Result<Vec<u8>, NotFetched> {
        let (_, list) = self.snapshot_beside(whole, &self.regions.asked(names)?);
        Ok(format.applications(&list, form))
    }

    /// What changed after `known` as JSON, empty when nothing did; `None` when that is too long ago.
    pub fn changes_since(&self, known: u64) -> Option<(u64, Bytes)> {
        let mut pushed = self.pushed.lock();
        if !self.regions.is_empty() {
            // With other regions in the list a change cannot be told from ours alone.
            let version = self.version.load(Ordering::Acquire);
            return (known == version).then(|| (version, Bytes::new()));
        }
        if pushed.0 == known && pushed.1 == self.version.load(Ordering::Acquire) && !pushed.2.is_empty() {
            return Some((pushed.1, pushed.2.clone()));
        }
        let (version, hashcode, applications) =
            self.with(|state, _| (state.version(), state.counts().to_string(), self.feed.since(known)));
        let applications = applications?;
        if known > version || applications.is_empty() {
            // An id from the future is another registry's.
            return (known <= version).then(|| (version, Bytes::new()));
        }
        let delta = Applications { version: self.next_delta(), hashcode, applications };
        let mut out = Vec::new();
        json::write_applications(&delta, Form::Full, &mut out);
        *pushed = (known, version, out.into());
        Some((version, pushed.2.clone()))
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
        let now = self.clock.now();
        let since = now - self.list_expiration;
        if let Some(bytes) = self.cache.part(&key, self.version.load(Ordering::Acquire), since, unchanged) {
            return Some(bytes);
        }
        let (version, bytes) = match &key.0 {
            Part::App(name) => {
                let (version, list) = self.with(|state, _| (state.version(), state.application(name)));
                let list = list.or_else(|| self.regions.application(name))?;
                (version, format.application(&list, form))
            }
            Part::Vip(vip) => self.by_vip(format, form, |instance| instance.has_vip(vip)),
            Part::SecureVip(vip) => self.by_vip(format, form, |instance| instance.has_secure_vip(vip)),
        };
        Some(self.cache.keep_part(key, Payload::of_bytes(version, bytes, now)))
    }

    fn by_vip(&self, format: Format, form: Form, passes: impl Fn(&InstanceInfo) -> bool) -> (u64, Vec<u8>) {
        let (version, applications) = self.with(|state, _| (state.version(), state.matching(passes)));
        let hashcode = hashcode(applications.iter().flat_map(|app| &app.instances).map(AsRef::as_ref));
        let list = Applications { version: -1, hashcode, applications };
        (version, format.applications(&list, form))
    }
}
