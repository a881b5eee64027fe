//! `eureka.client.*` and `eureka.instance.*`, names and defaults as in Spring.

use std::net::SocketAddr;
use std::time::Duration;

use indexmap::IndexMap;
use serde::Deserialize;
use wellspring_properties::{Environment, Problem};

/// Zone whose URLs serve every zone without an entry of its own; the key is literal, not kebab case.
pub(super) const DEFAULT_ZONE: &str = "defaultZone";

/// `eureka.client.*`.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct ClientSettings {
    /// Off: no registry at all.
    pub enabled: bool,
    /// Whether this process registers itself.
    pub register_with_eureka: bool,
    /// Whether it reads others.
    pub fetch_registry: bool,
    /// Zone → comma list of base URLs.
    pub service_url: IndexMap<String, String>,
    /// The URLs come from text records in DNS, not from `service-url`.
    pub use_dns_for_fetching_service_urls: bool,
    /// The domain below which they are; the plain spelling `eureka-server-dns-name` is the same key.
    pub eureka_server_d_n_s_name: String,
    /// Port of the servers listed there.
    pub eureka_server_port: Option<u16>,
    /// Their path.
    pub eureka_server_u_r_l_context: String,
    /// Seconds after which DNS is asked again.
    pub eureka_service_url_poll_interval_seconds: u64,
    /// Name servers to ask; none: those of the machine. `wellspring.eureka.dns-servers`.
    #[serde(skip)]
    pub dns_servers: Vec<SocketAddr>,
    /// Our region.
    pub region: String,
    /// Region → comma list of its zones; the first one is ours.
    pub availability_zones: IndexMap<String, String>,
    /// Servers of our zone are asked first.
    pub prefer_same_zone_eureka: bool,
    /// Seconds between fetches.
    pub registry_fetch_interval_seconds: u64,
    /// Seconds between looks at our own state.
    pub instance_info_replication_interval_seconds: u64,
    /// Heartbeats that time out are sent at most this many times slower.
    pub heartbeat_executor_exponential_back_off_bound: u32,
    /// Fetches that time out likewise.
    pub cache_refresh_executor_exponential_back_off_bound: u32,
    /// Seconds to connect.
    pub eureka_server_connect_timeout_seconds: u64,
    /// Seconds without a byte.
    pub eureka_server_read_timeout_seconds: u64,
    /// Seconds an idle connection is kept.
    pub eureka_connection_idle_timeout_seconds: u64,
    /// Always fetch everything.
    pub disable_delta: bool,
    /// Leave out instances that are not UP.
    pub filter_only_up_instances: bool,
    /// Comma list of regions whose instances are wanted too.
    pub fetch_remote_regions_registry: Option<String>,
    /// Fetch the instances of this virtual host only.
    pub registry_refresh_single_vip_address: Option<String>,
    /// Leave the registry when stopping.
    pub should_unregister_on_shutdown: bool,
    /// The start fails when the first registration does.
    pub should_enforce_registration_at_init: bool,
    /// The start fails when the first fetch does.
    pub should_enforce_fetch_registry_at_init: bool,
    /// A change of status is registered at once, not with the next look.
    pub on_demand_update_status_change: bool,
    /// `full` or `compact`.
    pub client_data_accept: String,
    /// Follow redirects of the server, at most 10.
    pub allow_redirects: bool,
    /// `eureka.client.healthcheck.*`.
    pub healthcheck: Healthcheck,
    /// `eureka.client.transport.*`.
    pub transport: TransportSettings,
}

/// `eureka.client.healthcheck.*`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Healthcheck {
    /// The status follows the application's health.
    pub enabled: bool,
}

/// `eureka.client.transport.*`.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct TransportSettings {
    /// Seconds after which another server is chosen, give or take half.
    pub sessioned_client_reconnect_interval_seconds: u64,
    /// Share of servers in quarantine at which all are tried again.
    pub retryable_client_quarantine_refresh_percentage: f64,
}

impl Default for TransportSettings {
    fn default() -> Self {
        Self {
            sessioned_client_reconnect_interval_seconds: 20 * 60,
            retryable_client_quarantine_refresh_percentage: 0.66,
        }
    }
}

impl Default for ClientSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            register_with_eureka: true,
            fetch_registry: true,
            service_url: IndexMap::new(),
            use_dns_for_fetching_service_urls: false,
            eureka_server_d_n_s_name: String::new(),
            eureka_server_port: None,
            eureka_server_u_r_l_context: String::new(),
            eureka_service_url_poll_interval_seconds: 300,
            dns_servers: Vec::new(),
            region: "us-east-1".to_owned(),
            availability_zones: IndexMap::new(),
            prefer_same_zone_eureka: true,
            registry_fetch_interval_seconds: 30,
            instance_info_replication_interval_seconds: 30,
            heartbeat_executor_exponential_back_off_bound: 10,
            cache_refresh_executor_exponential_back_off_bound: 10,
            eureka_server_connect_timeout_seconds: 5,
            eureka_server_read_timeout_seconds: 8,
            eureka_connection_idle_timeout_seconds: 30,
            disable_delta: false,
            filter_only_up_instances: true,
            fetch_remote_regions_registry: None,
            registry_refresh_single_vip_address: None,
            should_unregister_on_shutdown: true,
            should_enforce_registration_at_init: false,
            should_enforce_fetch_registry_at_init: false,
            on_demand_update_status_change: true,
            client_data_accept: "full".to_owned(),
            allow_redirects: false,
            healthcheck: Healthcheck::default(),
            transport: TransportSettings::default(),
        }
    }
}

impl ClientSettings {
    /// What an environment sets.
    ///
    /// # Errors
    /// When a setting has the wrong type.
    pub fn from_env(env: &Environment) -> Result<Self, Problem> {
        let mut settings: Self = env.bind("eureka.client")?;
        settings.dns_servers = env.get_as("wellspring.eureka.dns-servers")?.unwrap_or_default();
        Ok(settings)
    }

    /// Whether a registry is configured at all.
    pub fn is_configured(&self) -> bool {
        let listed =
            self.use_dns_for_fetching_service_urls && !self.eureka_server_d_n_s_name.trim().is_empty();
        self.enabled && (listed || self.names_urls())
    }

    fn names_urls(&self) -> bool {
        self.service_url.values().any(|urls| !urls.trim().is_empty())
    }

    /// Whether this process is to register itself.
    pub fn registers(&self) -> bool {
        self.is_configured() && self.register_with_eureka
    }

    pub(super) fn fetch_interval(&self) -> Duration {
        Duration::from_secs(self.registry_fetch_interval_seconds.max(1))
    }

    pub(super) fn look_interval(&self) -> Duration {
        Duration::from_secs(self.instance_info_replication_interval_seconds.max(1))
    }

    /// Base URLs of all registries, those of our zone first, each once.
    pub fn urls(&self) -> Vec<String> {
        let mut urls: Vec<String> = Vec::new();
        for zone in self.zones() {
            for url in self.urls_of(&zone) {
                if !urls.iter().any(|known| known == url) {
                    urls.push(url.to_owned());
                }
            }
        }
        urls
    }

    /// Zones of our region, ours first.
    pub(super) fn zones(&self) -> Vec<String> {
        let listed = self.availability_zones.get(&self.region).map_or("", String::as_str);
        let zones: Vec<String> =
            listed.split(',').map(str::trim).filter(|zone| !zone.is_empty()).map(str::to_owned).collect();
        if zones.is_empty() { vec![DEFAULT_ZONE.to_owned()] } else { zones }
    }

    /// URLs of a zone: its own, else those of `defaultZone`.
    pub(super) fn urls_of(&self, zone: &str) -> impl Iterator<Item = &str> {
        // A variable in the environment has no case: `EUREKA_CLIENT_SERVICEURL_DEFAULTZONE`.
        let default = || {
            self.service_url
                .iter()
                .find(|(key, _)| key.eq_ignore_ascii_case(DEFAULT_ZONE))
                .map(|(_, urls)| urls)
        };
        let urls = self.service_url.get(zone).or_else(default).map_or("", String::as_str);
        urls.split(',').map(str::trim).filter(|url| !url.is_empty())
    }
}

/// `eureka.instance.*`.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct InstanceSettings {
    /// Application name; default `spring.application.name`, else `unknown`.
    pub appname: Option<String>,
    /// A group of applications.
    pub app_group_name: Option<String>,
    /// Default `host:application:port`.
    pub instance_id: Option<String>,
    /// Default: this machine's name for its first address that is not loopback.
    pub hostname: Option<String>,
    /// Default: that address.
    pub ip_address: Option<String>,
    /// Register the address instead of the name.
    pub prefer_ip_address: bool,
    /// Default: the server's port.
    pub non_secure_port: Option<i32>,
    /// Reached by plain HTTP.
    pub non_secure_port_enabled: Option<bool>,
    /// Default 443, or the server's port when it serves TLS.
    pub secure_port: Option<i32>,
    /// Reached by TLS.
    pub secure_port_enabled: Option<bool>,
    /// Seconds between heartbeats.
    pub lease_renewal_interval_in_seconds: i32,
    /// Seconds after the last heartbeat when the registry may drop us.
    pub lease_expiration_duration_in_seconds: i32,
    /// Name that callers look up; default the application's.
    pub virtual_host_name: Option<String>,
    /// The same for callers by TLS.
    pub secure_virtual_host_name: Option<String>,
    /// Whole URL; wins over the path.
    pub status_page_url: Option<String>,
    /// Default `/actuator/info`.
    pub status_page_url_path: Option<String>,
    /// Whole URL; wins over the path.
    pub health_check_url: Option<String>,
    /// Default `/actuator/health`.
    pub health_check_url_path: Option<String>,
    /// Whole URL, none by default.
    pub secure_health_check_url: Option<String>,
    /// Whole URL; wins over the path.
    pub home_page_url: Option<String>,
    /// Path of the home page.
    pub home_page_url_path: String,
    /// What others may read about us; keys are literal.
    pub metadata_map: IndexMap<String, String>,
    /// Status of the first registration.
    pub initial_status: String,
    /// Register as STARTING and wait for `set_status`.
    pub instance_enabled_onit: bool,
    /// Auto-scaling group.
    pub a_s_g_name: Option<String>,
}

impl Default for InstanceSettings {
    fn default() -> Self {
        Self {
            appname: None,
            app_group_name: None,
            instance_id: None,
            hostname: None,
            ip_address: None,
            prefer_ip_address: false,
            non_secure_port: None,
            non_secure_port_enabled: None,
            secure_port: None,
            secure_port_enabled: None,
            lease_renewal_interval_in_seconds: 30,
            lease_expiration_duration_in_seconds: 90,
            virtual_host_name: None,
            secure_virtual_host_name: None,
            status_page_url: None,
            status_page_url_path: None,
            health_check_url: None,
            health_check_url_path: None,
            secure_health_check_url: None,
            home_page_url: None,
            home_page_url_path: "/".to_owned(),
            metadata_map: IndexMap::new(),
            initial_status: "UP".to_owned(),
            instance_enabled_onit: false,
            a_s_g_name: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(urls: &[(&str, &str)]) -> ClientSettings {
        let service_url = urls.iter().map(|(zone, urls)| ((*zone).to_owned(), (*urls).to_owned())).collect();
        ClientSettings { service_url, ..ClientSettings::default() }
    }

    #[test]
    fn a_zone_without_urls_has_those_of_the_default_zone() {
        let settings = settings(&[("defaultzone", "http://a/eureka, http://b/eureka"), ("z1", "http://c/")]);
        assert_eq!(settings.urls_of("z1").collect::<Vec<_>>(), ["http://c/"]);
        assert_eq!(settings.urls_of("z2").collect::<Vec<_>>(), ["http://a/eureka", "http://b/eureka"]);
        assert_eq!(settings.zones(), ["defaultZone"]);
    }

    #[test]
    fn a_process_registers_only_when_told_where() {
        assert!(!settings(&[]).registers());
        assert!(!settings(&[("defaultZone", " ")]).registers());
        assert!(settings(&[("defaultZone", "http://a/")]).registers());
    }
}
