//! The local copy of a registry: full lists replace it, deltas change it, the hash code proves it.
//!
//! Without I/O. It keeps of each instance only what callers need, so that a thousand known instances stay small.

use std::collections::HashMap;

use indexmap::IndexMap;
use wellspring_wire::eureka::{ActionType, InstanceInfo, Listed, Status, StatusCounts};

use crate::Instance;

/// Everybody's instances as last told.
#[derive(Debug, Default)]
pub(crate) struct Copy {
    /// Application → id → instance.
    applications: IndexMap<String, HashMap<String, Known>>,
    version: Option<i64>,
}

#[derive(Debug)]
struct Known {
    status: Status,
    /// Comma list, in lower case.
    vips: String,
    instance: Instance,
}

/// What a list tells of an instance, as far as callers need it.
#[derive(Debug)]
pub(crate) struct Told {
    application: String,
    gone: bool,
    known: Known,
}

impl From<InstanceInfo> for Told {
    fn from(mut info: InstanceInfo) -> Self {
        let secure = info.secure_port.enabled;
        let port = if secure { info.secure_port.port } else { info.port.port };
        let id = info.id().to_owned();
        let vips = info.vip_address.as_deref().or(info.secure_vip_address.as_deref()).unwrap_or_default();
        let vips = vips.to_lowercase();
        let mut metadata = std::mem::take(&mut info.metadata);
        metadata.shrink_to_fit();
        let instance = Instance::new(&*info.app, id, info.host_name, u16::try_from(port).ok())
            .with_secure(secure)
            .with_metadata(metadata);
        Self {
            application: info.app,
            gone: info.action_type == Some(ActionType::Deleted),
            known: Known { status: info.status, vips, instance },
        }
    }
}

/// What a delta did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Applied {
    /// The copy is the registry; whether anything changed.
    Whole {
        /// The delta was not empty.
        changed: bool,
    },
    /// The copy differs from the registry: everything is to be fetched.
    Differs,
}

impl Copy {
    /// Takes a full list.
    pub(crate) fn replace(&mut self, all: Listed<Told>) {
        self.version = Some(all.version);
        let mut before = std::mem::take(&mut self.applications);
        for told in all.instances {
            let id = told.known.instance.instance_id();
            let same = before.get_mut(&told.application).and_then(|application| application.remove(id));
            self.insert(told, same.map(|known| known.instance));
        }
    }

    /// Applies a delta and compares the hash code that came with it.
    pub(crate) fn apply(&mut self, delta: Listed<Told>) -> Applied {
        self.version = Some(delta.version);
        let changed = !delta.instances.is_empty();
        for told in delta.instances {
            let known = self.remove(&told);
            if !told.gone {
                self.insert(told, known.map(|known| known.instance));
            }
        }
        self.applications.retain(|_, instances| !instances.is_empty());
        if self.hashcode() == delta.hashcode { Applied::Whole { changed } } else { Applied::Differs }
    }

    /// Whether a delta can be applied at all.
    pub(crate) fn needs_everything(&self) -> bool {
        self.applications.is_empty() || matches!(self.version, None | Some(-1))
    }

    /// The status that the registry has for an instance.
    pub(crate) fn status_of(&self, application: &str, id: &str) -> Option<Status> {
        self.applications.get(application)?.get(id).map(|known| known.status)
    }

    /// The instances of each virtual host, and the names of the applications that have any.
    pub(crate) fn lists(&self, only_up: bool) -> (HashMap<String, Vec<Instance>>, Vec<String>) {
        let mut lists: HashMap<String, Vec<Instance>> = HashMap::new();
        let mut names = Vec::new();
        for (application, instances) in &self.applications {
            let name = application.to_lowercase();
            let mut listed = false;
            for known in instances.values().filter(|known| !only_up || known.status == Status::Up) {
                listed = true;
                for vip in known.vips.split(',').map(str::trim).filter(|vip| !vip.is_empty()) {
                    lists.entry(vip.to_owned()).or_default().push(known.instance.clone());
                }
            }
            if listed {
                names.push(name);
            }
        }
        // Registries list in the order of their hash maps; a stable order makes an unchanged list equal.
        for list in lists.values_mut() {
            list.sort_by(|a, b| a.instance_id().cmp(b.instance_id()));
        }
        names.sort();
        (lists, names)
    }

    fn hashcode(&self) -> String {
        let mut counts = StatusCounts::default();
        for known in self.applications.values().flat_map(HashMap::values) {
            counts.add(known.status);
        }
        counts.to_string()
    }

    /// Callers hold what was told before: an instance that has not changed is not kept a second time.
    fn insert(&mut self, told: Told, before: Option<Instance>) {
        let Told { application, mut known, .. } = told;
        if let Some(before) = before.filter(|before| *before == known.instance) {
            known.instance = before;
        }
        let id = known.instance.instance_id().to_owned();
        self.applications.entry(application).or_default().insert(id, known);
    }

    fn remove(&mut self, told: &Told) -> Option<Known> {
        self.applications.get_mut(&told.application)?.remove(told.known.instance.instance_id())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(app: &str, id: &str, status: Status, action: ActionType) -> InstanceInfo {
        InstanceInfo {
            instance_id: Some(id.to_owned()),
            app: app.to_owned(),
            host_name: "h".to_owned(),
            vip_address: Some(app.to_lowercase()),
            status,
            action_type: Some(action),
            ..InstanceInfo::default()
        }
    }

    fn list(hashcode: &str, instances: Vec<InstanceInfo>) -> Listed<Told> {
        let instances = instances.into_iter().map(Told::from).collect();
        Listed { version: 1, hashcode: hashcode.to_owned(), instances }
    }

    #[test]
    fn what_has_not_changed_is_not_kept_twice() {
        let mut copy = Copy::default();
        let both = || {
            vec![info("A", "1", Status::Up, ActionType::Added), info("A", "2", Status::Up, ActionType::Added)]
        };
        copy.replace(list("UP_2_", both()));
        let first = copy.lists(true).0;
        copy.apply(list("UP_2_", both()));
        copy.replace(list("UP_2_", both()));
        let second = copy.lists(true).0;
        let loads = |lists: &HashMap<String, Vec<Instance>>| -> Vec<*const crate::load::Load> {
            lists["a"].iter().map(|instance| std::sync::Arc::as_ptr(instance.load())).collect()
        };
        assert_eq!(loads(&first), loads(&second));
    }

    #[test]
    fn deltas_insert_replace_and_remove() {
        let mut copy = Copy::default();
        copy.replace(list("UP_1_", vec![info("A", "1", Status::Up, ActionType::Added)]));
        let delta = list(
            "DOWN_1_UP_1_",
            vec![
                info("A", "1", Status::Down, ActionType::Modified),
                info("B", "2", Status::Up, ActionType::Added),
            ],
        );
        assert_eq!(copy.apply(delta), Applied::Whole { changed: true });
        assert_eq!(copy.status_of("A", "1"), Some(Status::Down));
        let (lists, names) = copy.lists(true);
        assert_eq!(names, ["b"]);
        assert_eq!(lists["b"].len(), 1);
        let delta = list("DOWN_1_", vec![info("B", "2", Status::Up, ActionType::Deleted)]);
        assert_eq!(copy.apply(delta), Applied::Whole { changed: true });
        assert_eq!(copy.lists(false).1, ["a"]);
    }

    #[test]
    fn another_hash_code_asks_for_everything() {
        let mut copy = Copy::default();
        copy.replace(list("UP_1_", vec![info("A", "1", Status::Up, ActionType::Added)]));
        assert_eq!(copy.apply(list("UP_1_", vec![])), Applied::Whole { changed: false });
        assert_eq!(copy.apply(list("UP_2_", vec![])), Applied::Differs);
    }

    #[test]
    fn an_instance_is_found_by_each_of_its_virtual_hosts() {
        let mut copy = Copy::default();
        let mut both = info("A", "1", Status::Up, ActionType::Added);
        both.vip_address = Some("One,two".to_owned());
        both.secure_port.enabled = true;
        copy.replace(list("UP_1_", vec![both]));
        let (lists, _) = copy.lists(true);
        assert_eq!(lists["one"], lists["two"]);
        assert_eq!(lists["one"][0].uri(), "https://h:7002");
    }
}
