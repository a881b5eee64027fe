//! The settings that the core obeys.

use std::time::Duration;

#[derive(Debug, Clone)]
pub struct Rules {
    /// The id of the instance that is this server.
    pub own_id: String,
    /// Whether expired leases survive while renewals are below the threshold.
    pub self_preservation: bool,
    /// Share of expected renewals below which the network is blamed; also the share of leases that one run spares.
    pub renewal_percent_threshold: f64,
    pub expected_renewal_interval: Duration,
    pub sync_when_timestamp_differs: bool,
    /// How long a change stays in the delta, at least.
    pub delta_retention: Duration,
    pub eviction_interval: Duration,
    /// How long a registry that started empty and expects nobody refuses lists.
    pub wait_when_sync_empty: Duration,
    /// How old the times of leases in a list may be: renewals alone do not change it.
    pub list_expiration: Duration,
    /// Instances assumed to renew when no peer had any.
    pub default_open_for_traffic: usize,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            own_id: String::new(),
            self_preservation: true,
            renewal_percent_threshold: 0.85,
            expected_renewal_interval: Duration::from_secs(30),
            sync_when_timestamp_differs: true,
            delta_retention: Duration::from_secs(180),
            eviction_interval: Duration::from_secs(60),
            wait_when_sync_empty: Duration::from_secs(300),
            list_expiration: Duration::from_secs(180),
            default_open_for_traffic: 1,
        }
    }
}
