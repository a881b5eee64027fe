//! Changes for those who watch: the last few thousand, so that a watcher who was away may catch up.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::watch;
use wellspring_wire::eureka::{Application, InstanceInfo};

use crate::state::Change;

/// Changes that are remembered.
const LENGTH: usize = 8192;

#[derive(Debug)]
pub struct Feed {
    ring: Mutex<Ring>,
    latest: watch::Sender<u64>,
}

#[derive(Debug)]
struct Ring {
    /// Everything after this version is in the ring.
    since: u64,
    changes: VecDeque<Change>,
}

impl Feed {
    pub fn new(version: u64) -> Self {
        let ring = Ring { since: version, changes: VecDeque::new() };
        Self { ring: Mutex::new(ring), latest: watch::Sender::new(version) }
    }

    /// As if everything up to this version had been forgotten.
    pub fn begin_at(&self, version: u64) {
        self.ring.lock().since = version;
        self.latest.send_replace(version);
    }

    /// Changes in the order of their versions.
    pub fn push(&self, changes: &[Change]) {
        let Some(last) = changes.last() else { return };
        let mut ring = self.ring.lock();
        for change in changes {
            if ring.changes.len() == LENGTH
                && let Some(forgotten) = ring.changes.pop_front()
            {
                ring.since = forgotten.version;
            }
            ring.changes.push_back(change.clone());
        }
        drop(ring);
        self.latest.send_replace(last.version);
    }

    /// Rings at each change.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.latest.subscribe()
    }

    /// What changed after `version`, each instance once as it was left; `None` when that is not known any more.
    pub fn since(&self, version: u64) -> Option<Vec<Application>> {
        let ring = self.ring.lock();
        if version < ring.since {
            return None;
        }
        let mut newest: BTreeMap<(&str, &str), &Arc<InstanceInfo>> = BTreeMap::new();
        let later = ring.changes.iter().rev().take_while(|change| change.version > version);
        for change in later {
            newest.entry((&change.instance.app, change.instance.id())).or_insert(&change.instance);
        }
        let mut applications: Vec<Application> = Vec::new();
        for ((app, _), instance) in newest {
            match applications.last_mut().filter(|last| last.name == app) {
                Some(application) => application.instances.push(Arc::clone(instance)),
                None => applications
                    .push(Application { name: app.to_owned(), instances: vec![Arc::clone(instance)] }),
            }
        }
        Some(applications)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::ChangeKind;

    fn change(version: u64, app: &str, id: &str) -> Change {
        let instance = InstanceInfo {
            app: app.into(),
            instance_id: Some(id.into()),
            host_name: version.to_string(),
            ..InstanceInfo::default()
        };
        Change { version, kind: ChangeKind::Registered, instance: Arc::new(instance) }
    }

    #[test]
    fn each_instance_comes_once_as_it_was_left() {
        let feed = Feed::new(10);
        feed.push(&[change(11, "B", "1"), change(12, "A", "1"), change(13, "B", "1"), change(14, "B", "2")]);
        let hosts = |version| {
            let lists = feed.since(version).unwrap();
            lists.iter().flat_map(|list| &list.instances).map(|i| i.host_name.clone()).collect::<Vec<_>>()
        };
        assert_eq!(hosts(10), ["12", "13", "14"]);
        assert_eq!(hosts(13), ["14"]);
        assert!(hosts(14).is_empty() && hosts(99).is_empty());
        assert!(feed.since(9).is_none());
    }

    #[test]
    fn what_is_too_long_ago_is_not_known() {
        let feed = Feed::new(0);
        for version in 1..=LENGTH as u64 + 5 {
            feed.push(&[change(version, "A", "1")]);
        }
        assert!(feed.since(4).is_none());
        assert_eq!(feed.since(5).unwrap().len(), 1);
    }
}
