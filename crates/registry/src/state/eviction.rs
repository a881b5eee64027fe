//! Which expired leases one run takes away: a share, at random, so that no application is emptied by a bad network.

use std::time::Duration;

use wellspring_wire::Millis;

use super::Rules;

/// Remembers when it ran, to be lenient after a pause of its own.
#[derive(Debug, Default)]
pub(super) struct Eviction {
    last_run: Option<Millis>,
}

impl Eviction {
    /// How much later than planned this run is; leases are that much longer.
    pub(super) fn compensation(&mut self, interval: Duration, now: Millis) -> Duration {
        let elapsed = self.last_run.map_or(Duration::ZERO, |last| now.since(last));
        self.last_run = Some(now);
        elapsed.saturating_sub(interval)
    }
}

/// How many of `size` leases one run may take.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a share of a length"
)]
pub(super) fn limit(size: usize, rules: &Rules) -> usize {
    size - ((size as f64 * rules.renewal_percent_threshold).max(0.0) as usize).min(size)
}

/// Moves `count` elements, chosen at random, to the front and cuts off the rest.
pub(super) fn choose<T>(from: &mut Vec<T>, count: usize, random: &mut fastrand::Rng) {
    let count = count.min(from.len());
    for at in 0..count {
        let other = random.usize(at..from.len());
        from.swap(at, other);
    }
    from.truncate(count);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_most_fifteen_percent_rounded_up() {
        let rules = Rules::default();
        for (size, expected) in [(0, 0), (1, 1), (6, 1), (7, 2), (12, 2), (13, 2), (100, 15)] {
            assert_eq!(limit(size, &rules), expected, "{size}");
        }
    }

    #[test]
    fn a_late_run_is_lenient_by_its_delay() {
        let mut eviction = Eviction::default();
        let interval = Duration::from_secs(60);
        assert_eq!(eviction.compensation(interval, Millis(500_000)), Duration::ZERO);
        assert_eq!(eviction.compensation(interval, Millis(560_000)), Duration::ZERO);
        assert_eq!(eviction.compensation(interval, Millis(625_000)), Duration::from_secs(5));
        assert_eq!(eviction.compensation(interval, Millis(0)), Duration::ZERO);
    }

    #[test]
    fn the_choice_is_a_subset_of_that_size() {
        let mut from: Vec<u32> = (0..20).collect();
        choose(&mut from, 5, &mut fastrand::Rng::with_seed(1));
        assert_eq!(from.len(), 5);
        from.sort_unstable();
        from.dedup();
        assert_eq!(from.len(), 5);
    }
}
