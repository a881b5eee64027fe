//! `management.server.*` and `management.metrics.*`: the actuator on a port of its own, and what is put on every metric.

use std::collections::HashMap;
use std::net::IpAddr;

use serde::Deserialize;
use wellspring_properties::{Environment, Problem};
use wellspring_telemetry::Meters;

use crate::serve::Server;

/// `management.server`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct Settings {
    /// The main port when absent; -1: no actuator at all.
    port: Option<i32>,
    address: Option<IpAddr>,
    base_path: String,
}

/// Where the actuator is.
#[derive(Clone, Debug)]
pub(crate) enum Management {
    /// On the application's own port.
    Shared,
    Off,
    Own {
        port: u16,
        address: Option<IpAddr>,
        base_path: String,
    },
}

impl Management {
    pub(crate) fn from_env(env: &Environment, server: &Server) -> Result<Self, Problem> {
        let settings: Settings = env.bind("management.server")?;
        Ok(match settings.port {
            None => Self::Shared,
            Some(port) if port < 0 => Self::Off,
            Some(port) => match u16::try_from(port) {
                Ok(port) if port == server.port && port != 0 => Self::Shared,
                Ok(port) => Self::Own {
                    port,
                    address: settings.address.or(server.address),
                    base_path: match settings.base_path.trim_matches('/') {
                        "" => String::new(),
                        inner => format!("/{inner}"),
                    },
                },
                Err(_) => {
                    let key = "management.server.port";
                    return Err(Problem::new(crate::codes::LISTEN, format!("{key} is no port"))
                        .at(env.origin(key))
                        .found(port.to_string())
                        .hint("a number up to 65535, or -1 for none"));
                }
            },
        })
    }
}

/// Meters with `management.metrics.tags.*` on every series.
pub(crate) fn meters(env: &Environment) -> Result<Meters, Problem> {
    let tags: HashMap<String, String> = env.get_as("management.metrics.tags")?.unwrap_or_default();
    let tags: Vec<_> = tags.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    Ok(Meters::new(&tags))
}
