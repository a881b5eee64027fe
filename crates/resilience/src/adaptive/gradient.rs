//! Gradient2: compares each time with a long average; when calls take longer than usual, fewer are let in.

use super::{AdaptiveConfig, Algorithm, Sample};

/// Samples that the long average spans.
const WINDOW: f64 = 600.0;
/// The long average begins as a plain mean of so many samples.
const WARM_UP: u32 = 10;
/// Room for a short queue.
const QUEUE: f64 = 4.0;
const SMOOTHING: f64 = 0.2;

/// The limit of Gradient2.
#[derive(Debug)]
pub struct Gradient {
    limit: f64,
    min: f64,
    max: f64,
    tolerance: f64,
    long: f64,
    sum: f64,
    count: u32,
}

impl Gradient {
    /// With the bounds of `config`.
    #[must_use]
    pub fn new(config: &AdaptiveConfig) -> Self {
        let [limit, min, max] = [config.initial_limit, config.min_limit, config.max_limit].map(f64::from);
        Self { limit, min, max, tolerance: config.tolerance, long: 0.0, sum: 0.0, count: 0 }
    }

    fn average(&mut self, seconds: f64) {
        if self.count < WARM_UP {
            self.count += 1;
            self.sum += seconds;
            self.long = self.sum / f64::from(self.count);
        } else {
            let factor = 2.0 / (WINDOW + 1.0);
            self.long = self.long * (1.0 - factor) + seconds * factor;
        }
    }
}

impl Algorithm for Gradient {
    fn update(&mut self, sample: Sample) -> f64 {
        let short = sample.seconds.max(f64::MIN_POSITIVE);
        self.average(short);
        // After a long bad time the average is far too high: it comes down faster than its window alone would let it.
        if self.long / short > 2.0 {
            self.long *= 0.95;
        }
        // A limit that is not used says nothing.
        if f64::from(sample.in_flight) < self.limit / 2.0 {
            return self.limit;
        }
        let gradient = (self.tolerance * self.long / short).clamp(0.5, 1.0);
        let next = self.limit * gradient + QUEUE;
        self.limit = (self.limit * (1.0 - SMOOTHING) + next * SMOOTHING).clamp(self.min, self.max);
        self.limit
    }
}
