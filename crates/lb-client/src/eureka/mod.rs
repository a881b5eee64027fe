//! A client of Eureka registries, stock ones and ours: our own registration, everybody's instances.

mod address;
mod connection;
mod copy;
mod fetch;
mod names;
mod own;
mod push;
mod register;
mod servers;
mod settings;
mod status;
mod transport;

pub use own::Own;
pub use settings::{ClientSettings, InstanceSettings};
pub use status::{HealthHandler, of_health};
pub use wellspring_wire::eureka::{InstanceInfo, Status};

pub(crate) use connection::{Connection, instances_of, without_credentials};
#[cfg(feature = "dns")]
pub(crate) use names::resolver;
pub(crate) use register::Registration;
pub(crate) use servers::{Server, basic};
