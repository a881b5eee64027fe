//! TCP Vegas: from the shortest time ever seen follows how many calls wait; few may, many may not.

use super::{AdaptiveConfig, Algorithm, Sample};

/// The shortest time is measured anew after so many times `limit` samples.
const PROBE: f64 = 30.0;

/// The limit of Vegas.
#[derive(Debug)]
pub struct Vegas {
    limit: f64,
    min: f64,
    max: f64,
    /// Seconds without load; 0 while unknown.
    unloaded: f64,
    samples: u32,
    jitter: f64,
    random: fastrand::Rng,
}

impl Vegas {
    /// With the bounds of `config`. `seed` spreads the probes of many processes.
    #[must_use]
    pub fn new(config: &AdaptiveConfig, seed: u64) -> Self {
        let [limit, min, max] = [config.initial_limit, config.min_limit, config.max_limit].map(f64::from);
        let mut random = fastrand::Rng::with_seed(seed);
        let jitter = Self::jitter(&mut random);
        Self { limit, min, max, unloaded: 0.0, samples: 0, jitter, random }
    }

    fn jitter(random: &mut fastrand::Rng) -> f64 {
        0.5 + random.f64() / 2.0
    }

    fn next(&self, sample: Sample) -> Option<f64> {
        let step = self.limit.log10().floor().max(1.0);
        if sample.dropped {
            return Some(self.limit - step);
        }
        // A limit that is not used says nothing.
        if f64::from(sample.in_flight) * 2.0 < self.limit {
            return None;
        }
        let queue = (self.limit * (1.0 - self.unloaded / sample.seconds)).ceil();
        let (alpha, beta) = (3.0 * step, 6.0 * step);
        if queue <= step {
            Some(self.limit + beta)
        } else if queue < alpha {
            Some(self.limit + step)
        } else if queue > beta {
            Some(self.limit - step)
        } else {
            None
        }
    }
}

impl Algorithm for Vegas {
    fn update(&mut self, sample: Sample) -> f64 {
        self.samples += 1;
        if self.jitter * PROBE * self.limit <= f64::from(self.samples) {
            self.jitter = Self::jitter(&mut self.random);
            self.samples = 0;
            self.unloaded = sample.seconds;
            return self.limit;
        }
        if self.unloaded == 0.0 || sample.seconds < self.unloaded {
            self.unloaded = sample.seconds;
            return self.limit;
        }
        if let Some(next) = self.next(sample) {
            self.limit = next.clamp(self.min, self.max);
        }
        self.limit
    }
}
