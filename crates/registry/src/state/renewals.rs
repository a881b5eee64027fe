//! Self-preservation: how many renewals are expected, how many came, and whether leases may be taken away.

use std::time::Duration;

use wellspring_wire::Millis;

const WINDOW: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub struct Renewals {
    /// Clients expected to renew.
    expected: usize,
    /// Renewals per minute below which (or at which) nothing is evicted.
    threshold: usize,
    window: Option<Millis>,
    current: usize,
    last: usize,
}

impl Renewals {
    pub(super) fn new() -> Self {
        Self { expected: 0, threshold: 0, window: None, current: 0, last: 0 }
    }

    pub fn expected(&self) -> usize {
        self.expected
    }

    pub fn threshold(&self) -> usize {
        self.threshold
    }

    /// Renewals of the last complete minute.
    pub fn last_minute(&mut self, now: Millis) -> usize {
        self.roll(now);
        self.last
    }

    pub(super) fn count(&mut self, now: Millis) {
        self.roll(now);
        self.current += 1;
    }

    pub(super) fn expect(&mut self, expected: usize, interval: Duration, percent: f64) {
        self.expected = expected;
        let per_minute = 60.0 / interval.as_secs_f64().max(1.0);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "small, positive"
        )]
        let threshold = (expected as f64 * per_minute * percent).max(0.0) as usize;
        self.threshold = threshold;
    }

    fn roll(&mut self, now: Millis) {
        let start = *self.window.get_or_insert(now);
        // A clock that was set back starts a new window: waiting for the old one could take years.
        if now < start {
            self.window = Some(now);
            return;
        }
        let windows = now.since(start).as_millis() / WINDOW.as_millis();
        if windows == 0 {
            return;
        }
        self.last = if windows == 1 { self.current } else { 0 };
        self.current = 0;
        let past = WINDOW.saturating_mul(u32::try_from(windows).unwrap_or(u32::MAX));
        self.window = Some(start + past);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_threshold_is_rounded_down() {
        let mut renewals = Renewals::new();
        for (expected, threshold) in [(0, 0), (1, 1), (2, 3), (7, 11), (13, 22), (14, 23)] {
            renewals.expect(expected, Duration::from_secs(30), 0.85);
            assert_eq!(renewals.threshold(), threshold, "{expected}");
        }
    }

    #[test]
    fn the_last_complete_minute_counts() {
        let mut renewals = Renewals::new();
        renewals.count(Millis(0));
        renewals.count(Millis(59_999));
        assert_eq!(renewals.last_minute(Millis(59_999)), 0);
        assert_eq!(renewals.last_minute(Millis(60_000)), 2);
        renewals.count(Millis(60_001));
        assert_eq!(renewals.last_minute(Millis(119_999)), 2);
        assert_eq!(renewals.last_minute(Millis(120_000)), 1);
        assert_eq!(renewals.last_minute(Millis(500_000)), 0);
        assert_eq!(renewals.last_minute(Millis(1_000)), 0);
        renewals.count(Millis(1_000));
        assert_eq!(renewals.last_minute(Millis(61_000)), 1);
    }
}
