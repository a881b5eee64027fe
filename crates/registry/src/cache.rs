//! Ready-made bytes: a list is encoded once per change, not once per reader, and compressed once.
//!
//! Unlike the original's two levels nothing here is ever stale: an entry is served only while the registry's
//! version is the one it was made of. Readers of a current entry take no lock.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use parking_lot::{Mutex, RwLock};
use wellspring_wire::Millis;
use wellspring_wire::eureka::Form;

use crate::payload::Payload;
use crate::view::{Format, Part, Whole};

/// Names that are remembered; beyond that the table starts anew.
const PARTS: usize = 4096;

#[derive(Debug, Default)]
struct Slot {
    current: ArcSwapOption<Payload>,
    building: Mutex<()>,
}

#[derive(Debug, Default)]
pub struct Cache {
    slots: [[[Slot; 2]; 2]; 2],
    parts: RwLock<HashMap<(Part, Format, Form), Arc<Payload>>>,
}

impl Cache {
    /// The list as of `version` or later, made at `since` or later. `build` gets the one before.
    pub fn whole(
        &self,
        (whole, format, form): (Whole, Format, Form),
        version: u64,
        since: Millis,
        build: impl FnOnce(Option<&Payload>) -> Payload,
    ) -> Arc<Payload> {
        let slot = self.slot(whole, format, form);
        let current = slot.current.load();
        if let Some(payload) = current.as_ref().filter(|one| one.version() == version && one.at() >= since) {
            return Arc::clone(payload);
        }
        drop(current);
        let _turn = slot.building.lock();
        let before = slot.current.load_full();
        // Whoever had the turn before may have built what we need, or better.
        if let Some(payload) = before.as_ref().filter(|one| one.version() >= version && one.at() >= since) {
            return Arc::clone(payload);
        }
        let payload = Arc::new(build(before.as_deref()));
        slot.current.store(Some(Arc::clone(&payload)));
        payload
    }

    fn slot(&self, whole: Whole, format: Format, form: Form) -> &Slot {
        let [apps, delta] = &self.slots;
        let [json, xml] = match whole {
            Whole::Apps => apps,
            Whole::Delta => delta,
        };
        let [full, compact] = match format {
            Format::Json => json,
            Format::Xml => xml,
        };
        match form {
            Form::Full => full,
            Form::Compact => compact,
        }
    }

    /// The list as of `version`, made at `since` or later, if it is there. `unchanged` tells whether an entry made at an
    /// earlier version still holds.
    pub fn part(
        &self,
        key: &(Part, Format, Form),
        version: u64,
        since: Millis,
        unchanged: impl FnOnce(u64) -> bool,
    ) -> Option<Bytes> {
        let payload = self.parts.read().get(key).filter(|payload| payload.at() >= since).cloned()?;
        let made = payload.version();
        if made != version {
            if !unchanged(made) {
                return None;
            }
            payload.moved_on(version);
        }
        Some(payload.plain())
    }

    pub fn keep_part(&self, key: (Part, Format, Form), payload: Payload) -> Bytes {
        let plain = payload.plain();
        let mut parts = self.parts.write();
        if parts.len() >= PARTS {
            parts.clear();
        }
        parts.insert(key, Arc::new(payload));
        plain
    }

    /// Forgets an application that is gone.
    pub fn forget(&self, app: &str) {
        self.parts.write().retain(|(part, _, _), _| !matches!(part, Part::App(name) if name == app));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload(version: u64, at: i64) -> Payload {
        Payload::of_bytes(version, version.to_string().into_bytes(), Millis(at))
    }

    #[test]
    fn a_list_is_built_once_per_version() {
        let cache = Cache::default();
        let json = (Whole::Apps, Format::Json, Form::Full);
        let get =
            |version, since| cache.whole(json, version, Millis(since), |_| payload(version, since)).plain();
        assert_eq!(get(1, 0), "1");
        let same = cache.whole(json, 1, Millis(0), |_| panic!("built already"));
        assert_eq!(same.plain(), "1");
        assert_eq!(get(2, 0), "2");
        let other = cache.whole((Whole::Apps, Format::Xml, Form::Full), 2, Millis(0), |_| payload(7, 0));
        assert_eq!(other.plain(), "7");
        let mut again = false;
        cache.whole(json, 2, Millis(5), |before| {
            again = before.is_some();
            payload(2, 5)
        });
        assert!(again, "too old, and made anew from the one before");
    }

    #[test]
    fn an_unchanged_application_outlives_versions() {
        let cache = Cache::default();
        let key = (Part::App("A".into()), Format::Json, Form::Full);
        let part = |version, unchanged: &dyn Fn(u64) -> bool| cache.part(&key, version, Millis(0), unchanged);
        assert_eq!(part(1, &|_| true), None);
        cache.keep_part(key.clone(), payload(1, 0));
        assert_eq!(part(1, &|_| panic!("current")).unwrap(), "1");
        assert_eq!(part(5, &|made| made == 1).unwrap(), "1");
        assert_eq!(part(5, &|_| panic!("moved on")).unwrap(), "1");
        assert_eq!(part(6, &|_| false), None);
        assert_eq!(cache.part(&key, 5, Millis(1), |_| true), None, "too old");
        cache.forget("A");
        assert_eq!(part(5, &|_| true), None);
    }
}
