//! `eureka.server`. Numbers are in the unit that the key names.

use std::collections::HashMap;
use std::time::Duration;

use serde::Deserialize;
use wellspring_properties::Environment;

use super::millis;

#[derive(Debug, Clone, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Server {
    pub enable_self_preservation: bool,
    pub renewal_percent_threshold: f64,
    pub renewal_threshold_update_interval_ms: u64,
    pub expected_client_renewal_interval_seconds: u64,
    pub eviction_interval_timer_in_ms: u64,
    pub wait_time_in_ms_when_sync_empty: u64,
    /// Absent: 5 when the node registers with its peers, else 0.
    pub registry_sync_retries: Option<u32>,
    pub registry_sync_retry_wait_ms: u64,
    /// Of consequence only where it, or the interval, is set: see `Server::list_interval`.
    pub use_read_only_response_cache: bool,
    pub response_cache_update_interval_ms: u64,
    pub response_cache_auto_expiration_in_seconds: u64,
    pub retention_time_in_m_s_in_delta_queue: u64,
    pub delta_retention_timer_interval_in_ms: u64,
    pub disable_delta: bool,
    pub sync_when_timestamp_differs: bool,
    pub peer_eureka_nodes_update_interval_ms: u64,
    pub peer_node_connect_timeout_ms: u64,
    pub peer_node_read_timeout_ms: u64,
    pub peer_node_total_connections_per_host: usize,
    pub peer_node_connection_idle_timeout_seconds: u64,
    pub max_elements_in_peer_replication_pool: usize,
    pub max_threads_for_peer_replication: usize,
    pub max_time_for_replication: u64,
    pub min_available_instances_for_peer_replication: i64,
    pub my_url: Option<String>,
    pub enable_replicated_request_compression: bool,
    pub remote_region_urls_with_name: HashMap<String, String>,
    pub remote_region_app_whitelist: HashMap<String, Vec<String>>,
    pub remote_region_registry_fetch_interval: u64,
    pub disable_transparent_fallback_to_other_region: bool,
    pub disable_delta_for_remote_regions: bool,
    pub rate_limiter_enabled: bool,
    pub rate_limiter_burst_size: u32,
    pub rate_limiter_registry_fetch_average_rate: u32,
    pub rate_limiter_full_fetch_average_rate: u32,
    pub rate_limiter_privileged_clients: Vec<String>,
    pub rate_limiter_throttle_standard_clients: bool,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            enable_self_preservation: true,
            renewal_percent_threshold: 0.85,
            renewal_threshold_update_interval_ms: 900_000,
            expected_client_renewal_interval_seconds: 30,
            eviction_interval_timer_in_ms: 60_000,
            wait_time_in_ms_when_sync_empty: 300_000,
            registry_sync_retries: None,
            registry_sync_retry_wait_ms: 30_000,
            use_read_only_response_cache: true,
            response_cache_update_interval_ms: 30_000,
            response_cache_auto_expiration_in_seconds: 180,
            retention_time_in_m_s_in_delta_queue: 180_000,
            delta_retention_timer_interval_in_ms: 30_000,
            disable_delta: false,
            sync_when_timestamp_differs: true,
            peer_eureka_nodes_update_interval_ms: 600_000,
            peer_node_connect_timeout_ms: 200,
            peer_node_read_timeout_ms: 200,
            peer_node_total_connections_per_host: 500,
            peer_node_connection_idle_timeout_seconds: 30,
            max_elements_in_peer_replication_pool: 10_000,
            max_threads_for_peer_replication: 20,
            max_time_for_replication: 30_000,
            min_available_instances_for_peer_replication: -1,
            my_url: None,
            enable_replicated_request_compression: false,
            remote_region_urls_with_name: HashMap::new(),
            remote_region_app_whitelist: HashMap::new(),
            remote_region_registry_fetch_interval: 30,
            disable_transparent_fallback_to_other_region: false,
            disable_delta_for_remote_regions: false,
            rate_limiter_enabled: false,
            rate_limiter_burst_size: 10,
            rate_limiter_registry_fetch_average_rate: 500,
            rate_limiter_full_fetch_average_rate: 100,
            rate_limiter_privileged_clients: Vec::new(),
            rate_limiter_throttle_standard_clients: false,
        }
    }
}

impl Server {
    /// How old lists may be for stock clients. `None`, they are fresh, unless the configuration asks for the original's cache.
    pub(super) fn list_interval(&self, env: &Environment) -> Option<Duration> {
        let keys = ["use-read-only-response-cache", "response-cache-update-interval-ms"];
        let set = keys.iter().any(|key| env.contains(&format!("eureka.server.{key}")));
        (self.use_read_only_response_cache && set).then(|| millis(self.response_cache_update_interval_ms))
    }

    /// Keys that are set and of no consequence, with the reason.
    pub(super) fn ignored(&self, env: &Environment) -> Vec<(&'static str, &'static str)> {
        let mut ignored = Vec::new();
        let mut set = |key, reason| {
            if env.contains(key) {
                ignored.push((key, reason));
            }
        };
        if !self.use_read_only_response_cache {
            set("eureka.server.response-cache-update-interval-ms", "use-read-only-response-cache is false");
        }
        if self.enable_replicated_request_compression {
            set(
                "eureka.server.enable-replicated-request-compression",
                "peers cannot read compressed batches",
            );
        }
        set("eureka.server.disable-delta-for-remote-regions", "remote regions are always fetched whole");
        set(
            "eureka.server.min-available-instances-for-peer-replication",
            "the status page lists the replicas and does not judge them",
        );
        set(
            "eureka.instance.registry.expected-number-of-clients-sending-renews",
            "the number is known when the registry opens",
        );
        set(
            "eureka.instance.instance-enabled-onit",
            "the first registration has the status of eureka.instance.initial-status",
        );
        ignored
    }
}
