//! The registry of this process: what an operator does to instances, and how the registry stands among its peers.

use futures_util::future::BoxFuture;
use wellspring_wire::Millis;

use crate::denied::Denied;
use crate::schema::view;
use crate::services::Instance;

/// Filled in by the registry; the API only asks. Names of applications may come in any case.
pub trait Registry: Send + Sync + 'static {
    /// Its name, for events.
    fn daemon(&self) -> String;
    /// One instance with all that is known of it.
    fn instance(&self, application: &str, id: &str) -> Option<Instance>;
    /// Takes an instance out of what callers see, until somebody takes that back, or `hold.until`.
    fn drain(&self, application: &str, id: &str, hold: Hold) -> Result<Instance, Denied>;
    /// Takes back what was set from outside.
    fn undrain(&self, application: &str, id: &str) -> Result<Instance, Denied>;
    /// Takes its lease away; what was there.
    fn remove(&self, application: &str, id: &str) -> Result<Instance, Denied>;
    /// Sets one pair of its metadata.
    fn label(&self, application: &str, id: &str, key: &str, value: &str) -> Result<Instance, Denied>;
    fn cluster(&self) -> Cluster;
    /// Compares with one peer, or with all, now.
    fn resync(&self, peer: Option<String>) -> BoxFuture<'_, Result<Resynced, Denied>>;
    /// Takes the present number of instances as the one that is expected.
    fn accept(&self) -> SelfPreservation;
}

/// Why an instance is out of service.
#[derive(Clone, Debug, Default)]
pub struct Hold {
    pub by: String,
    pub reason: Option<String>,
    /// When it is taken back by itself.
    pub until: Option<Millis>,
}

view! {
    /// The registry among its peers, and what it counts on.
    pub struct Cluster {
        /// The other registries.
        peers: Vec<PeerState>,
        /// Whether leases may end, and why.
        self_preservation: SelfPreservation,
        /// What is kept on disk.
        storage: Storage,
        /// Where this process listens.
        listeners: Vec<Listener>,
    }
}

view! {
    /// A peer as this registry sees it.
    pub struct PeerState {
        /// Its address, without credentials.
        url: String,
        /// reachable or unreachable.
        state: String,
        /// It is a registry of this kind, which is compared with now and then.
        same_kind: bool,
        /// Changes that wait to be sent.
        queue: usize,
        /// How long the oldest of them has waited.
        lag_ms: u64,
        /// Changes that never arrived: too many, too old, or refused.
        dropped: u64,
        /// What went wrong last.
        last_error: Option<String>,
        /// When that was.
        last_error_at: Option<Millis>,
        /// same, healed or unknown: what the last comparison found.
        digest: String,
        /// When it was compared.
        compared_at: Option<Millis>,
        /// Instances that the last comparison put right.
        healed: usize,
    }
}

view! {
    /// Self-preservation with its arithmetic.
    pub struct SelfPreservation {
        /// It may keep leases from ending.
        enabled: bool,
        /// It does so now.
        active: bool,
        /// Clients that are expected to renew.
        expected: usize,
        /// Renewals a minute below which, or at which, no lease ends.
        threshold: usize,
        /// Renewals of the last whole minute.
        last_minute: usize,
        /// Instances that are registered.
        instances: usize,
        /// In words.
        explanation: String,
        /// Who should have renewed by now and has not; the first twenty.
        overdue: Vec<String>,
    }
}

view! {
    /// What is kept on disk.
    pub struct Storage {
        /// Where; without it nothing is kept.
        directory: Option<String>,
        /// All files of it.
        bytes: u64,
        /// When the state was written last.
        written_at: Option<Millis>,
    }
}

view! {
    /// An address of this process.
    pub struct Listener {
        /// Whose.
        daemon: String,
        /// Host and port.
        address: String,
    }
}

view! {
    /// What a comparison with peers found.
    pub struct Resynced {
        /// Each peer that was asked.
        items: Vec<PeerResult>,
    }
}

view! {
    /// One comparison.
    pub struct PeerResult {
        /// The peer's address.
        url: String,
        /// Instances taken over or cancelled.
        healed: usize,
        /// Why it could not be compared.
        error: Option<String>,
    }
}
