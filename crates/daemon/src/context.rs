//! All that an application gets from its frame.

use std::net::SocketAddr;

use wellspring_admin::Admin;
use wellspring_lb_client::Client;
use wellspring_lb_client::config::Refresher;
use wellspring_properties::Environment;
use wellspring_telemetry::Meters;
use wellspring_telemetry::traces::Tracer;

use crate::{Actuator, Health, Patterns, Tasks};

/// Handed to `build`. Cloning shares everything.
#[derive(Clone, Debug)]
pub struct Context {
    pub env: Environment,
    /// `spring.application.name`, else the name the application was made with.
    pub name: String,
    /// Bound already, so the port is real even when 0 was asked for; accepting begins after `build`.
    pub local_addr: SocketAddr,
    pub meters: Meters,
    pub tasks: Tasks,
    pub health: Health,
    pub actuator: Actuator,
    /// Calls services by name; finds them.
    pub client: Client,
    /// The configuration as it changes.
    pub refresher: Refresher,
    pub tracer: Tracer,
    /// Breakers, limiters and the like around its calls.
    pub patterns: Patterns,
    /// The operator's side: events, and the registry's state where it is at home.
    pub admin: Admin,
}
