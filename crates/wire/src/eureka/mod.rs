//! Eureka's data model and its JSON and XML codecs, both directions, full and compact.
//!
//! Types are plain data with public fields; what an absent field means is decided where it is read
//! (`json`, `xml`), what a registry does with it is the registry's business.

mod application;
mod data_center;
mod error;
mod hashcode;
mod instance;
pub mod json;
mod lease;
pub mod replication;
#[cfg(test)]
mod samples;
mod status;
pub mod xml;

pub use application::{Application, Applications, Listed};
pub use data_center::{DataCenterInfo, DataCenterName};
pub use error::DecodeError;
pub use hashcode::{StatusCounts, hashcode};
pub use instance::{InstanceInfo, Metadata, PortInfo};
pub use lease::LeaseInfo;
pub use status::{ActionType, Status};

/// Which fields of an instance are written (`X-Eureka-Accept`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Form {
    #[default]
    Full,
    /// What a caller needs to reach an instance: no lease, metadata or URLs.
    Compact,
}
