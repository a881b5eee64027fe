//! What changed lately, each instance once: the contents of the delta.
//!
//! A removed instance is kept as it was last; for the others the entry only says that there was a change.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;
use wellspring_wire::Millis;
use wellspring_wire::eureka::InstanceInfo;

#[derive(Debug, Default)]
pub(super) struct Recent {
    apps: BTreeMap<String, AppRecent>,
    /// Counts what happened here, for [`AppRecent::made`].
    count: u64,
}

/// One application's entries.
#[derive(Debug, Default)]
pub(super) struct AppRecent {
    /// Greater after each change of the entries.
    pub(super) made: u64,
    entries: IndexMap<String, Entry>,
}

#[derive(Debug)]
struct Entry {
    at: Millis,
    removed: Option<Arc<InstanceInfo>>,
}

impl Recent {
    pub(super) fn changed(&mut self, app: &str, id: &str, now: Millis) {
        self.push(app, id, Entry { at: now, removed: None });
    }

    pub(super) fn removed(&mut self, instance: Arc<InstanceInfo>, now: Millis) {
        let (app, id) = (instance.app.clone(), instance.id().to_owned());
        self.push(&app, &id, Entry { at: now, removed: Some(instance) });
    }

    fn push(&mut self, app: &str, id: &str, entry: Entry) {
        self.count += 1;
        if !self.apps.contains_key(app) {
            self.apps.insert(app.to_owned(), AppRecent::default());
        }
        if let Some(app) = self.apps.get_mut(app) {
            app.made = self.count;
            app.entries.insert(id.to_owned(), entry);
        }
    }

    /// Drops what is older than `retention`; true when there was any.
    pub(super) fn sweep(&mut self, retention: Duration, now: Millis) -> bool {
        let before = self.count;
        let count = &mut self.count;
        self.apps.retain(|_, app| {
            let length = app.entries.len();
            app.entries.retain(|_, entry| entry.at >= now - retention);
            if app.entries.len() != length {
                *count += 1;
                app.made = *count;
            }
            !app.entries.is_empty()
        });
        self.count != before
    }

    pub(super) fn apps(&self) -> impl Iterator<Item = (&str, &AppRecent)> {
        self.apps.iter().map(|(name, app)| (name.as_str(), app))
    }
}

impl AppRecent {
    /// Id and, when it is gone, the instance as it was last.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, Option<&Arc<InstanceInfo>>)> {
        self.entries.iter().map(|(id, entry)| (id.as_str(), entry.removed.as_ref()))
    }
}
