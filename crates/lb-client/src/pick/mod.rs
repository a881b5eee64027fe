//! One instance out of the candidates. One file per way; `named` is the table.

mod consistent_hash;
mod hash_key;
mod least_requests;
mod peak_ewma;
mod random;
mod round_robin;

use std::fmt;

use http::HeaderMap;

pub use consistent_hash::ConsistentHash;
pub use hash_key::HashKey;
pub use least_requests::LeastRequests;
pub use peak_ewma::PeakEwma;
pub use random::Random;
pub use round_robin::RoundRobin;

use crate::Instance;

/// What is known about the call when an instance is chosen for it.
#[derive(Debug, Default, Clone, Copy)]
pub struct Request<'a> {
    /// Headers of the call: hint, cookies.
    pub headers: Option<&'a HeaderMap>,
    /// The instance that failed just before, when this is a retry.
    pub previous: Option<&'a Instance>,
    /// A hint given by the caller; the header wins over it, it wins over the configured one.
    pub hint: Option<&'a str>,
    /// What calls for the same instance have in common (consistent hash).
    pub key: Option<&'a str>,
}

/// Chooses among candidates.
pub trait Picker: fmt::Debug + Send + Sync {
    /// Position of the chosen instance; `None` only when there are none.
    fn pick(&self, request: &Request<'_>, instances: &[Instance]) -> Option<usize>;
}

/// Names of the pickers, as `wellspring.loadbalancer.picker` and its per-service form take them.
pub const NAMES: [&str; 5] = ["round-robin", "random", "least-requests", "peak-ewma", "consistent-hash"];

/// The picker of that name.
pub fn named(name: &str) -> Option<Box<dyn Picker>> {
    match name {
        "round-robin" => Some(Box::new(RoundRobin::default())),
        "random" => Some(Box::new(Random)),
        "least-requests" => Some(Box::new(LeastRequests)),
        "peak-ewma" => Some(Box::new(PeakEwma)),
        "consistent-hash" => Some(Box::new(ConsistentHash)),
        _ => None,
    }
}
