//! `eureka.server.*`, `eureka.instance.*`, `eureka.dashboard.*`: every key of the original is taken.
//!
//! Those that can have no effect here are named at start, with the reason; names that nobody knows are complained about.

mod no_effect;
mod server;

use std::time::Duration;

use serde::Deserialize;
use wellspring_lb_client::eureka::InstanceSettings;
use wellspring_properties::{Environment, Problem};

pub use server::Server;

use crate::state::Rules;
use crate::{access, dns, record};

/// All settings of a registry.
#[derive(Debug, Clone)]
pub struct Config {
    pub server: Server,
    pub dashboard: Dashboard,
    pub opening: Opening,
    pub record: record::Settings,
    pub dns: dns::Settings,
    pub access: access::Settings,
    /// How old lists may be for stock clients, where the original's cache was asked for.
    pub list_interval: Option<Duration>,
    /// `server.servlet.context-path`, without a slash at the end.
    pub context_path: String,
    /// `eureka.environment` and `eureka.datacenter`, shown on the dashboard.
    pub environment: String,
    pub datacenter: String,
}

/// `eureka.dashboard`.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Dashboard {
    pub enabled: bool,
    /// Where the page is.
    pub path: String,
}

impl Default for Dashboard {
    fn default() -> Self {
        Self { enabled: true, path: "/".to_owned() }
    }
}

/// `eureka.instance.registry`.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Opening {
    /// Instances assumed to renew when no peer had any; 0 keeps the lists closed for a while.
    pub default_open_for_traffic_count: usize,
    /// Taken by the original into its own count before it opens.
    pub expected_number_of_clients_sending_renews: usize,
}

impl Default for Opening {
    fn default() -> Self {
        Self { default_open_for_traffic_count: 1, expected_number_of_clients_sending_renews: 1 }
    }
}

impl Config {
    pub fn bind(env: &Environment) -> Result<Self, Problem> {
        let (server, unknown) = env.bind_checked::<Server>("eureka.server");
        let (dashboard, more) = env.bind_checked::<Dashboard>("eureka.dashboard");
        let (opening, yet_more) = env.bind_checked::<Opening>("eureka.instance.registry");
        // Not checked for unknown keys: in one process with others, any key may stand below this prefix.
        let record = env.bind::<record::Settings>("wellspring.registry")?;
        let dns = env.bind("wellspring.registry.dns")?;
        let access = env.bind("wellspring.registry.access")?;
        for problem in unknown.into_iter().chain(more).chain(yet_more).chain(unknown_of_instance(env)) {
            match no_effect::reason(&problem) {
                Some((key, reason)) => tracing::info!(key, reason, "setting has no effect here"),
                None => tracing::warn!("{}", problem.line()),
            }
        }
        let server = server?;
        for (key, reason) in server.ignored(env) {
            tracing::info!(key, reason, "setting has no effect here");
        }
        let path = env.get("server.servlet.context-path").unwrap_or_default();
        let text = |key: &str, default: &str| env.get(key).unwrap_or_else(|| default.to_owned());
        Ok(Self {
            list_interval: server.list_interval(env),
            server,
            dashboard: dashboard?,
            opening: opening?,
            record,
            dns,
            access,
            context_path: path.trim_end_matches('/').to_owned(),
            environment: text("eureka.environment", "test"),
            datacenter: text("eureka.datacenter", "default"),
        })
    }

    /// What is wrong, or without effect, below the registry's prefixes; for a file that is checked, not run.
    pub fn check(env: &Environment) -> Vec<Problem> {
        let (server, mut problems) = env.bind_checked::<Server>("eureka.server");
        let (dashboard, more) = env.bind_checked::<Dashboard>("eureka.dashboard");
        let (opening, yet_more) = env.bind_checked::<Opening>("eureka.instance.registry");
        problems.extend(more.into_iter().chain(yet_more).chain(unknown_of_instance(env)));
        for problem in &mut problems {
            if let Some((key, reason)) = no_effect::reason(problem) {
                problem.message = format!("{key} has no effect here: {reason}");
                problem.hint = None;
            }
        }
        problems.extend([server.err(), dashboard.err(), opening.err()].into_iter().flatten());
        problems
    }

    /// What the core needs of it.
    pub fn rules(&self, own_id: &str) -> Rules {
        let server = &self.server;
        Rules {
            own_id: own_id.to_owned(),
            self_preservation: server.enable_self_preservation,
            renewal_percent_threshold: server.renewal_percent_threshold,
            expected_renewal_interval: Duration::from_secs(server.expected_client_renewal_interval_seconds),
            sync_when_timestamp_differs: server.sync_when_timestamp_differs,
            delta_retention: millis(server.retention_time_in_m_s_in_delta_queue),
            eviction_interval: millis(server.eviction_interval_timer_in_ms),
            wait_when_sync_empty: millis(server.wait_time_in_ms_when_sync_empty),
            list_expiration: Duration::from_secs(server.response_cache_auto_expiration_in_seconds),
            default_open_for_traffic: self.opening.default_open_for_traffic_count,
        }
    }
}

/// A period of a timer: never zero, which would spin.
pub fn millis(value: u64) -> Duration {
    Duration::from_millis(value.max(1))
}

/// Complaints about this node's own entry; what stands below `registry` there is another matter.
fn unknown_of_instance(env: &Environment) -> impl Iterator<Item = Problem> {
    let (_, unknown) = env.bind_checked::<InstanceSettings>("eureka.instance");
    let of_registry =
        |problem: &Problem| problem.message.starts_with("unknown setting eureka.instance.registry");
    unknown.into_iter().filter(move |problem| !of_registry(problem))
}

#[cfg(test)]
mod tests;
