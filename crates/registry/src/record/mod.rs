//! What a registry keeps on disk, when it is given a directory: every change in a log, and the present state.
//!
//! Neither is needed to run. The log answers what the registry looked like at a given time and who changed it; the
//! state lets a restarted node begin with what it knew.

mod log;
mod snapshot;

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use wellspring_properties::value;

pub use log::EventLog;
pub use snapshot::{keep, load};

/// `wellspring.registry`.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Settings {
    /// Where log and state are kept; without it nothing is written.
    pub state_directory: Option<PathBuf>,
    /// Between two writings of the state, when it changed.
    #[serde(with = "value::duration_millis")]
    pub state_interval: Duration,
    pub event_log: LogSettings,
    /// Between two comparisons with each peer.
    #[serde(with = "value::duration_millis")]
    pub comparison_interval: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            state_directory: None,
            state_interval: Duration::from_secs(5),
            event_log: LogSettings::default(),
            comparison_interval: Duration::from_secs(10),
        }
    }
}

/// `wellspring.registry.event-log`.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct LogSettings {
    /// Both files of the log together.
    #[serde(with = "value::data_size")]
    pub max_size: u64,
    /// Older files are deleted.
    #[serde(with = "value::duration_seconds")]
    pub max_age: Duration,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self { max_size: 64 * 1024 * 1024, max_age: Duration::from_hours(7 * 24) }
    }
}
