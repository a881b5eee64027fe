//! The local copy of a registry: full lists replace it, deltas change it, the hash code proves it.
//!
//! Without I/O. It keeps of each instance only what callers need, so that a thousand known instances stay small.

use std::collections::HashMap;

use indexmap::IndexMap;
use wellspring_wire::eureka::{ActionType, Applications, InstanceInfo, Status, StatusCounts};

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
    pub(crate) fn replace(&mut self, all: &Applications) {
        self.version = Some(all.version);
        self.applications.clear();
        for instance in all.instances() {
            self.insert(instance);
        }
    }

    /// Applies a delta and compares the hash code that came with it.
    pub(crate) fn apply(&mut self, delta: &Applications) -> Applied {
        self.version = Some(delta.version);
        let mut changed = false;
        for instance in delta.instances() {
            changed = true;
            if instance.action_type == Some(ActionType::Deleted) {
                self.remove(instance);
            } else {
                self.insert(instance);
            }
        }
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

    fn insert(&mut self, info: &InstanceInfo) {
        let application = self.applications.entry(info.app.clone()).or_default();
        let secure = info.secure_port.enabled;
        let port = if secure { info.secure_port.port } else { info.port.port };
        let instance = Instance::new(&*info.app, info.id(), &*info.host_name, u16::try_from(port).ok())
            .with_secure(secure)
            .with_metadata(info.metadata.clone());
        let vips = info.vip_address.as_deref().or(info.secure_vip_address.as_deref()).unwrap_or_default();
        let known = Known { status: info.status, vips: vips.to_lowercase(), instance };
        application.insert(info.id().to_owned(), known);
    }

    fn remove(&mut self, info: &InstanceInfo) {
        if let Some(application) = self.applications.get_mut(&info.app) {
            application.remove(info.id());
            if application.is_empty() {
                self.applications.swap_remove(&info.app);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use wellspring_wire::eureka::Application;

    use super::*;

    fn info(app: &str, id: &str, status: Status, action: ActionType) -> Arc<InstanceInfo> {
        Arc::new(InstanceInfo {
            instance_id: Some(id.to_owned()),
            app: app.to_owned(),
            host_name: "h".to_owned(),
            vip_address: Some(app.to_lowercase()),
            status,
            action_type: Some(action),
            ..InstanceInfo::default()
        })
    }

    fn list(hashcode: &str, instances: Vec<Arc<InstanceInfo>>) -> Applications {
        let applications =
            instances.into_iter().map(|i| Application { name: i.app.clone(), instances: vec![i] }).collect();
        Applications { version: 1, hashcode: hashcode.to_owned(), applications }
    }

    #[test]
    fn deltas_insert_replace_and_remove() {
        let mut copy = Copy::default();
        copy.replace(&list("UP_1_", vec![info("A", "1", Status::Up, ActionType::Added)]));
        let delta = list(
            "DOWN_1_UP_1_",
            vec![
                info("A", "1", Status::Down, ActionType::Modified),
                info("B", "2", Status::Up, ActionType::Added),
            ],
        );
        assert_eq!(copy.apply(&delta), Applied::Whole { changed: true });
        assert_eq!(copy.status_of("A", "1"), Some(Status::Down));
        let (lists, names) = copy.lists(true);
        assert_eq!(names, ["b"]);
        assert_eq!(lists["b"].len(), 1);
        let delta = list("DOWN_1_", vec![info("B", "2", Status::Up, ActionType::Deleted)]);
        assert_eq!(copy.apply(&delta), Applied::Whole { changed: true });
        assert_eq!(copy.lists(false).1, ["a"]);
    }

    #[test]
    fn another_hash_code_asks_for_everything() {
        let mut copy = Copy::default();
        copy.replace(&list("UP_1_", vec![info("A", "1", Status::Up, ActionType::Added)]));
        assert_eq!(copy.apply(&list("UP_1_", vec![])), Applied::Whole { changed: false });
        assert_eq!(copy.apply(&list("UP_2_", vec![])), Applied::Differs);
    }

    #[test]
    fn an_instance_is_found_by_each_of_its_virtual_hosts() {
        let mut copy = Copy::default();
        let mut both = InstanceInfo::clone(&info("A", "1", Status::Up, ActionType::Added));
        both.vip_address = Some("One,two".to_owned());
        both.secure_port.enabled = true;
        copy.replace(&list("UP_1_", vec![Arc::new(both)]));
        let (lists, _) = copy.lists(true);
        assert_eq!(lists["one"], lists["two"]);
        assert_eq!(lists["one"][0].uri(), "https://h:7002");
    }
}
