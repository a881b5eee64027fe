//! What is registered, as far as this process knows it.

use std::collections::{BTreeMap, BTreeSet};

use wellspring_wire::Millis;

use crate::events::Event;
use crate::federation::METADATA;
use crate::schema::view;

/// Where services come from: the registry's own state where it runs here, else what a client has fetched.
pub trait Services: Send + Sync + 'static {
    fn services(&self) -> Vec<Service>;
    /// Services with an instance that says where its admin API is: name and address. Asked often, so without the rest.
    fn announced(&self) -> Vec<(String, String)> {
        let mut all = Vec::new();
        for service in self.services() {
            let urls = service.instances.iter().filter_map(|one| one.metadata.get(METADATA));
            all.extend(urls.map(|url| (service.name.clone(), url.clone())));
        }
        all
    }
}

view! {
    /// A service by its name.
    pub struct Service {
        /// As registered.
        name: String,
        /// Instances with status UP.
        up: usize,
        /// All instances.
        total: usize,
        /// What its instances say of their version, each once.
        versions: Vec<String>,
        /// The zones that they are in, each once.
        zones: Vec<String>,
        /// All of them.
        instances: Vec<Instance>,
    }
}

view! {
    /// One instance of a service.
    pub struct Instance {
        /// Unique within the service.
        id: String,
        /// Host name as registered.
        host: String,
        /// Address.
        ip: String,
        /// The port that is open; the secure one if only that is.
        port: u16,
        /// The port is TLS.
        secure: bool,
        /// What callers see.
        status: String,
        /// What it says of itself, where that is known beside what was set from outside.
        own_status: Option<String>,
        /// Set by an operator, if not UNKNOWN.
        overridden: Option<String>,
        /// Who set it.
        overridden_by: Option<String>,
        /// When it is taken back by itself.
        overridden_until: Option<Millis>,
        /// Why it was set.
        reason: Option<String>,
        /// Availability zone, if it says one.
        zone: Option<String>,
        /// When it registered.
        registered_at: Option<Millis>,
        /// When it was last heard of.
        renewed_at: Option<Millis>,
        /// How long it may be silent, in seconds.
        lease_seconds: Option<u64>,
        /// When the next renewal is expected.
        next_due: Option<Millis>,
        /// When the lease ends, if it stays silent.
        evict_at: Option<Millis>,
        /// Addresses that other machines cannot use, and the like.
        warnings: Vec<String>,
        /// The commit of its configuration; of one instance only, where a config server is known.
        config_commit: Option<String>,
        /// current, behind, never or unknown; likewise.
        config_state: Option<String>,
        /// The last twenty about it; of one instance only.
        events: Vec<Event>,
        /// As registered.
        metadata: BTreeMap<String, String>,
    }
}

impl Service {
    /// Counts the instances.
    pub fn new(name: String, instances: Vec<Instance>) -> Self {
        let up = instances.iter().filter(|instance| instance.status == "UP").count();
        let each = |of: fn(&Instance) -> Option<&String>| {
            let all: BTreeSet<&String> = instances.iter().filter_map(of).collect();
            all.into_iter().cloned().collect()
        };
        let versions = each(|one| one.metadata.get("version"));
        let zones = each(|one| one.zone.as_ref());
        Self { name, up, total: instances.len(), versions, zones, instances }
    }
}
