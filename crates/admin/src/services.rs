//! What is registered, as far as this process knows it.

use std::collections::BTreeMap;

use wellspring_wire::Millis;

use crate::events::Event;
use crate::schema::view;

/// Where services come from: the registry's own state where it runs here, else what a client has fetched.
pub trait Services: Send + Sync + 'static {
    fn services(&self) -> Vec<Service>;
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
        Self { name, up, total: instances.len(), instances }
    }
}
