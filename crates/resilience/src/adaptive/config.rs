//! Which algorithm, and between which bounds it may move.

use serde::{Deserialize, Serialize};

use super::{Aimd, Algorithm, Gradient, Vegas};
use crate::rejection::Invalid;

/// The algorithms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// From the queue that the shortest time seen lets expect.
    Vegas,
    /// From the ratio of long-term and present times.
    #[default]
    Gradient,
    /// Up by one, down by a tenth when calls are dropped.
    Aimd,
}

/// The settings of an adaptive limit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct AdaptiveConfig {
    /// The algorithm.
    pub algorithm: Kind,
    /// The limit to begin with.
    pub initial_limit: u32,
    /// The limit never falls below.
    pub min_limit: u32,
    /// The limit never rises above.
    pub max_limit: u32,
    /// How much longer than usual a call may take before the limit falls (Gradient), at least 1.
    pub tolerance: f64,
}

impl Default for AdaptiveConfig {
    fn default() -> Self {
        Self { algorithm: Kind::default(), initial_limit: 20, min_limit: 1, max_limit: 1000, tolerance: 1.5 }
    }
}

impl AdaptiveConfig {
    pub(super) fn check(&self) -> Result<(), Invalid> {
        Invalid::unless(self.min_limit >= 1, "min-limit", "at least 1")?;
        Invalid::unless(self.max_limit >= self.min_limit, "max-limit", "at least min-limit")?;
        let within = (self.min_limit..=self.max_limit).contains(&self.initial_limit);
        Invalid::unless(within, "initial-limit", "between min-limit and max-limit")?;
        Invalid::unless(self.tolerance >= 1.0 && self.tolerance.is_finite(), "tolerance", "at least 1")
    }

    pub(super) fn algorithm(&self, seed: u64) -> Box<dyn Algorithm> {
        match self.algorithm {
            Kind::Vegas => Box::new(Vegas::new(self, seed)),
            Kind::Gradient => Box::new(Gradient::new(self)),
            Kind::Aimd => Box::new(Aimd::new(self)),
        }
    }
}
