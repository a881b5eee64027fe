//! Replays recorded conversations with the original servers against a daemon.
//!
//! The suites and their format are described in `tests/conformance/README.md`. A suite is read ([`suite`]), its server and
//! upstreams are started ([`stage`]), each step is sent and its answer compared ([`replay`], [`expect`], [`json`], [`xml`]),
//! and the verdict is weighed against the list of what is known to be missing ([`pending`]).

pub mod expect;
pub mod json;
pub mod pending;
pub mod replay;
pub mod stage;
pub mod suite;
pub mod variables;
pub mod xml;

pub use pending::Pending;
pub use replay::{Outcome, Verdict, run};
pub use suite::Suite;
