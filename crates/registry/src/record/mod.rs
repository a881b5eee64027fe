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
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Settings {
    /// Where log and state are kept; without it nothing is written.
    pub state_directory: Option<PathBuf>,
    pub event_log: LogSettings,
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
