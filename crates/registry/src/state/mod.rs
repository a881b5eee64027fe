//! The registry without I/O: what is registered, for how long, and what changed lately.
//!
//! Every method takes `now`; nothing here waits, locks or sends. The shell around it is `node.rs`.

mod change;
mod digest;
mod eviction;
mod history;
mod lease;
mod overrides;
mod reading;
mod recent;
mod registry;
mod renewals;
mod rules;
mod status_rules;
mod tombstones;

pub use change::{Change, ChangeKind};
pub use digest::{Digest, Healing, Line};
pub use history::{Entry, History};
pub use lease::Lease;
pub use reading::{Made, Shown};
pub use registry::{Registry, Renewed, Stamp, StatusChanged};
pub use renewals::Renewals;
pub use rules::Rules;

#[cfg(test)]
mod tests;
