//! Power of two choices by expected wait: moving average of the round trip times calls in flight.

use tokio::time::Instant;

use super::least_requests::best_of_two;
use super::{Picker, Request};
use crate::Instance;
use crate::load::nanos;

/// What an instance that has calls in flight and never answered is taken for, in nanoseconds.
const UNKNOWN: u64 = 1_000_000_000;

/// Slow instances get fewer calls as soon as one answer was slow, and more again bit by bit.
#[derive(Debug)]
pub struct PeakEwma;

impl Picker for PeakEwma {
    fn pick(&self, _: &Request<'_>, instances: &[Instance]) -> Option<usize> {
        if instances.len() < 2 {
            return instances.len().checked_sub(1);
        }
        let now = nanos(Instant::now());
        best_of_two(instances, |instance| {
            let load = instance.load();
            let waiting = u64::from(load.in_flight());
            match load.round_trip(now) {
                Some(round_trip) => round_trip.saturating_mul(waiting + 1),
                // A new instance gets one call at a time until it has answered.
                None => UNKNOWN.saturating_mul(waiting),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_slower_one_gets_nothing_until_it_is_forgotten() {
        let list = [Instance::new("s", "fast", "h", 1), Instance::new("s", "slow", "h", 2)];
        let now = nanos(Instant::now());
        list[0].load().observe(Duration::from_millis(5), now);
        list[1].load().observe(Duration::from_millis(500), now);
        for _ in 0..50 {
            assert_eq!(PeakEwma.pick(&Request::default(), &list), Some(0));
        }
        // Busy enough, the fast one is the slower choice.
        let _calls: Vec<_> = (0..200).map(|_| list[0].load().begin()).collect();
        assert_eq!(PeakEwma.pick(&Request::default(), &list), Some(1));
    }
}
