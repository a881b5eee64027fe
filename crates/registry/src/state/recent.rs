//! What changed lately, each instance once: the contents of the delta.
//!
//! A removed instance is kept as it was last; for the others the entry only says that there was a change.

use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;
use wellspring_wire::Millis;
use wellspring_wire::eureka::InstanceInfo;

#[derive(Debug, Default)]
pub(super) struct Recent {
    entries: IndexMap<(String, String), Entry>,
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
        self.entries.insert((app.to_owned(), id.to_owned()), entry);
    }

    /// Drops what is older than `retention`; true when there was any.
    pub(super) fn sweep(&mut self, retention: Duration, now: Millis) -> bool {
        let before = self.entries.len();
        self.entries.retain(|_, entry| entry.at >= now - retention);
        self.entries.len() != before
    }

    /// Application, id and, when it is gone, the instance as it was last.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str, Option<&Arc<InstanceInfo>>)> {
        self.entries.iter().map(|((app, id), entry)| (app.as_str(), id.as_str(), entry.removed.as_ref()))
    }
}
