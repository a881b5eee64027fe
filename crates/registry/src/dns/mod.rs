//! The registry as a name server for one zone, for those who speak no Eureka: addresses and ports of what is UP.
//!
//! Off unless it is switched on. Answers come from the present state, so an instance that is taken out is gone from
//! the next answer; what resolvers keep of earlier ones they keep for `ttl`.

mod answer;
mod directory;
mod listen;
mod zone;

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use serde::Deserialize;
use wellspring_properties::value;

pub use answer::{Answers, Transport};
pub use listen::start;
pub use zone::{Asked, Zone};

/// `wellspring.registry.dns`.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Settings {
    pub enabled: bool,
    pub address: IpAddr,
    /// UDP and TCP.
    pub port: u16,
    /// What all names end in.
    pub zone: String,
    /// How long others may keep an answer.
    #[serde(with = "value::duration_seconds")]
    pub ttl: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            enabled: false,
            address: Ipv4Addr::LOCALHOST.into(),
            port: 8600,
            zone: "wellspring".to_owned(),
            ttl: Duration::from_secs(5),
        }
    }
}
