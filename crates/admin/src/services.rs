//! What is registered, as far as this process knows it.

use std::collections::BTreeMap;

use wellspring_wire::Millis;

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
        /// Set by an operator, if not UNKNOWN.
        overridden: Option<String>,
        /// Availability zone, if it says one.
        zone: Option<String>,
        /// When it registered.
        registered_at: Option<Millis>,
        /// When it was last heard of.
        renewed_at: Option<Millis>,
        /// How long it may be silent, in seconds.
        lease_seconds: Option<u64>,
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
