//! When the second call is made, and how often at most.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::rejection::Invalid;

/// The settings of hedging.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct HedgeConfig {
    /// A fixed wait before the next call; without it the wait is learnt.
    #[serde(with = "crate::duration::option")]
    pub delay: Option<Duration>,
    /// The share of answers that come without a second call, 0.95 for the slowest twentieth.
    pub percentile: f64,
    /// Answers to see before a wait can be learnt.
    pub minimum_samples: usize,
    /// Calls at a time, the first included.
    pub max_attempts: u32,
    /// Share of calls that may be hedged.
    pub budget_share: f64,
    /// Hedges per second that are allowed besides.
    pub budget_per_second: u32,
}

impl Default for HedgeConfig {
    fn default() -> Self {
        Self {
            delay: None,
            percentile: 0.95,
            minimum_samples: 20,
            max_attempts: 2,
            budget_share: 0.1,
            budget_per_second: 1,
        }
    }
}

impl HedgeConfig {
    pub(super) fn check(&self) -> Result<(), Invalid> {
        Invalid::unless((0.0..1.0).contains(&self.percentile), "percentile", "between 0 and 1")?;
        Invalid::unless((1..=5).contains(&self.max_attempts), "max-attempts", "from 1 to 5")?;
        Invalid::unless((0.0..=1.0).contains(&self.budget_share), "budget-share", "from 0 to 1")
    }
}
