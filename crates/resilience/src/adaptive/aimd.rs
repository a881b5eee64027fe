//! Additive increase, multiplicative decrease: needs no times, only the news that a call was dropped.

use super::{AdaptiveConfig, Algorithm, Sample};

const BACKOFF: f64 = 0.9;

/// The limit of AIMD.
#[derive(Debug)]
pub struct Aimd {
    limit: f64,
    min: f64,
    max: f64,
}

impl Aimd {
    /// With the bounds of `config`.
    #[must_use]
    pub fn new(config: &AdaptiveConfig) -> Self {
        let [limit, min, max] = [config.initial_limit, config.min_limit, config.max_limit].map(f64::from);
        Self { limit, min, max }
    }
}

impl Algorithm for Aimd {
    fn update(&mut self, sample: Sample) -> f64 {
        if sample.dropped {
            self.limit = (self.limit * BACKOFF).floor();
        } else if f64::from(sample.in_flight) * 2.0 >= self.limit {
            self.limit += 1.0;
        }
        self.limit = self.limit.clamp(self.min, self.max);
        self.limit
    }
}
