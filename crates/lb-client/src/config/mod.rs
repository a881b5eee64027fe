//! Configuration from a config server: `spring.config.import: configserver:`, and values that follow a refresh.

mod decrypt;
mod fetch;
mod import;
mod last_good;
mod locate;
mod refresh;
mod refreshed;
mod retry;
mod settings;
mod watch;

pub use import::Importer;
pub use refresh::{Refresher, Reload};
pub use refreshed::Refreshed;
pub use settings::ConfigSettings;
pub use watch::WatchSettings;
