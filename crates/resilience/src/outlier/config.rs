//! Envoy's settings of outlier detection, with its defaults.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// When a host is left out, and for how long. Percentages are whole numbers from 0 to 100.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct OutlierConfig {
    /// Server errors in a row; 0 turns this rule off.
    pub consecutive_server_errors: u32,
    /// Gateway errors (502, 503, 504) in a row; 0 turns this rule off.
    pub consecutive_gateway_errors: u32,
    /// Connections that failed in a row; 0 turns this rule off.
    pub consecutive_local_errors: u32,
    /// How often shares of failures are judged and ejections end.
    #[serde(with = "crate::duration")]
    pub interval: Duration,
    /// How long a host's first ejection lasts; the second twice as long, and so on.
    #[serde(with = "crate::duration")]
    pub base_ejection_time: Duration,
    /// No ejection lasts longer.
    #[serde(with = "crate::duration")]
    pub max_ejection_time: Duration,
    /// Share of hosts that may be out at a time; one may always be.
    pub max_ejection_percent: u32,
    /// Whether a host is judged by its share of successes among all hosts' shares.
    pub success_rate: bool,
    /// Hosts with enough calls for the success rate to be judged.
    pub success_rate_minimum_hosts: usize,
    /// Calls in an interval for a host to be judged.
    pub success_rate_request_volume: u32,
    /// Standard deviations below the mean, in thousandths.
    pub success_rate_stdev_factor: u32,
    /// Whether a host is judged by its own share of failures.
    pub failure_percentage: bool,
    /// The share of failures that ejects.
    pub failure_percentage_threshold: u32,
    /// Hosts with enough calls for the failure percentage to be judged.
    pub failure_percentage_minimum_hosts: usize,
    /// Calls in an interval for a host to be judged.
    pub failure_percentage_request_volume: u32,
}

impl Default for OutlierConfig {
    fn default() -> Self {
        Self {
            consecutive_server_errors: 5,
            consecutive_gateway_errors: 0,
            consecutive_local_errors: 5,
            interval: Duration::from_secs(10),
            base_ejection_time: Duration::from_secs(30),
            max_ejection_time: Duration::from_secs(300),
            max_ejection_percent: 10,
            success_rate: true,
            success_rate_minimum_hosts: 5,
            success_rate_request_volume: 100,
            success_rate_stdev_factor: 1900,
            failure_percentage: false,
            failure_percentage_threshold: 85,
            failure_percentage_minimum_hosts: 5,
            failure_percentage_request_volume: 50,
        }
    }
}
