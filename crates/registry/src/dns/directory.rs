//! The registry by name and address, as a name server needs it; brought up to date one application at a time.

use std::collections::{BTreeMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;

use wellspring_wire::eureka::{InstanceInfo, Status};

use crate::Node;
use crate::state::{Made, Shown};

#[derive(Debug, Default)]
pub(super) struct Directory {
    pub(super) version: u64,
    apps: BTreeMap<String, Arc<Entry>>,
}

/// One application.
#[derive(Debug)]
struct Entry {
    made: Made,
    /// Those that are UP.
    targets: Vec<Target>,
    /// The virtual addresses of all, in lower case.
    vips: HashSet<String>,
    /// Those of all: whoever was told a host's name a moment ago may still ask for it.
    addresses: HashSet<IpAddr>,
}

/// An instance as a resolver sees it.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) address: Option<IpAddr>,
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) weight: u16,
    vips: Vec<String>,
}

impl Directory {
    /// The present state, made of the one before.
    pub(super) fn after(before: &Self, node: &Node) -> Self {
        let known = |name: &str| before.apps.get(name).map(|entry| entry.made);
        let (version, shown) = node.with(|state, _| (state.version(), state.applications_since(known)));
        let apps = shown.into_iter().filter_map(|Shown { name, made, instances }| {
            let entry = match instances {
                Some(instances) => Arc::new(Entry::new(made, &instances)),
                None => Arc::clone(before.apps.get(&name)?),
            };
            Some((name, entry))
        });
        Self { version, apps: apps.collect() }
    }

    /// Instances of the application of that name; when there is none, those that answer to it as virtual address.
    pub(super) fn named(&self, service: &str) -> Option<Vec<Target>> {
        if let Some(entry) = self.apps.get(&service.to_uppercase()) {
            return Some(entry.targets.clone());
        }
        let service = service.to_lowercase();
        let mut entries = self.apps.values().filter(|entry| entry.vips.contains(&service)).peekable();
        entries.peek()?;
        let targets =
            entries.flat_map(|entry| &entry.targets).filter(|target| target.vips.contains(&service));
        Some(targets.cloned().collect())
    }

    pub(super) fn knows(&self, address: IpAddr) -> bool {
        self.apps.values().any(|entry| entry.addresses.contains(&address))
    }
}

impl Entry {
    fn new(made: Made, instances: &[Arc<InstanceInfo>]) -> Self {
        Self {
            made,
            targets: instances.iter().filter_map(|instance| target(instance)).collect(),
            vips: instances.iter().flat_map(|instance| vips(instance)).collect(),
            addresses: instances.iter().filter_map(|instance| address(instance)).collect(),
        }
    }
}

fn target(instance: &InstanceInfo) -> Option<Target> {
    if instance.status != Status::Up {
        return None;
    }
    // The secure port when there is one, as Spring's clients choose.
    let port = if instance.secure_port.enabled { instance.secure_port.port } else { instance.port.port };
    Some(Target {
        address: address(instance),
        host: instance.host_name.clone(),
        port: u16::try_from(port).ok()?,
        weight: instance.metadata.get("weight").and_then(|weight| weight.parse().ok()).unwrap_or(1),
        vips: vips(instance).collect(),
    })
}

fn vips(instance: &InstanceInfo) -> impl Iterator<Item = String> {
    let lists = [&instance.vip_address, &instance.secure_vip_address].into_iter().flatten();
    lists.flat_map(|list| list.split(',')).map(|vip| vip.trim().to_lowercase()).filter(|vip| !vip.is_empty())
}

/// Where an instance can be reached without asking anybody else.
fn address(instance: &InstanceInfo) -> Option<IpAddr> {
    let texts = [&instance.ip_addr, &instance.host_name];
    texts.into_iter().find_map(|text| text.parse().ok()).filter(|address: &IpAddr| !address.is_unspecified())
}
