//! `wellspring.config.*`: what the original has no name for.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use serde::de::IgnoredAny;
use tracing::warn;
use wellspring_properties::{Environment, Problem, value};

const PREFIX: &str = "wellspring.config";

/// Below `wellspring.config`.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub(crate) struct Policy {
    /// A commit that is not fit to be served leaves the last good one in service.
    pub(crate) keep_last_good: bool,
    /// With `refresh-rate: 0`: how long a request waits for a remote that says nothing. Without: 1 s, or three times what is usual.
    #[serde(deserialize_with = "value::duration_millis::option::deserialize")]
    pub(crate) patience: Option<Duration>,
    /// Where a repository keeps JSON schemas of its applications.
    pub(crate) schema_path: String,
    /// Where pins are kept; without one, in the basedir of the repository.
    pub(crate) pins_file: Option<PathBuf>,
    pub(crate) fan_out: FanOut,
    /// The client's.
    watch: IgnoredAny,
}

/// `fan-out.*`: applications are told to refresh without a message bus.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub(crate) struct FanOut {
    pub(crate) enabled: bool,
    /// Path of the refresh endpoint; an instance's metadata `management.context-path` goes before it.
    pub(crate) path: String,
    #[serde(deserialize_with = "value::duration_millis::deserialize")]
    pub(crate) timeout: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            keep_last_good: true,
            patience: None,
            schema_path: ".wellspring/schema/{application}.json".to_owned(),
            pins_file: None,
            fan_out: FanOut::default(),
            watch: IgnoredAny,
        }
    }
}

impl Default for FanOut {
    fn default() -> Self {
        Self { enabled: false, path: "/actuator/refresh".to_owned(), timeout: Duration::from_secs(5) }
    }
}

impl Policy {
    /// Keys that nothing reads are told in the log.
    pub(crate) fn from_env(env: &Environment) -> Result<Self, Problem> {
        let (policy, unknown) = env.bind_checked::<Self>(PREFIX);
        for problem in unknown {
            warn!("{}", problem.line());
        }
        policy
    }

    /// What is wrong below the prefix.
    pub(crate) fn check(env: &Environment) -> Vec<Problem> {
        let (policy, mut problems) = env.bind_checked::<Self>(PREFIX);
        problems.extend(policy.err());
        problems
    }
}
