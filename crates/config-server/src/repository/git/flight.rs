//! When a mirror is fetched, and how long a request waits for that: one fetch at a time, one more for all who came meanwhile.
//!
//! No clock and no network in here; `mirror.rs` flies.

use std::time::Duration;

use tokio::time::Instant;
use wellspring_wire::Millis;

/// A request that wants the newest waits this long for a remote that answered last time, or three times as long as that took. Who
/// comes later than that finds a remote that hangs, and does not wait at all until it has answered again.
const PATIENCE: Duration = Duration::from_secs(1);
/// Between a fetch that failed and the next, at first and at most.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

#[derive(Debug, Default)]
pub(super) struct Flight {
    /// Fetches that were begun.
    pub(super) begun: u64,
    pub(super) running: bool,
    /// Somebody came while one was running: one more follows.
    pub(super) queued: bool,
    started: Option<Instant>,
    /// How long the last good one took.
    typical: Option<Duration>,
    pub(super) failure: Option<Failure>,
    pub(super) succeeded: Option<Millis>,
}

/// Why the remote's state is not known.
#[derive(Debug, Clone)]
pub(super) struct Failure {
    pub(super) cause: String,
    pub(super) since: Millis,
    times: u32,
}

impl Flight {
    pub(super) fn begin(&mut self, now: Instant) {
        self.begun += 1;
        self.running = true;
        self.queued = false;
        self.started = Some(now);
    }

    pub(super) fn is_due(&self, rate: i64, now: Instant) -> bool {
        match u64::try_from(rate) {
            Err(_) => false,
            Ok(0) => true,
            Ok(rate) => self.started.is_none_or(|started| now - started >= Duration::from_secs(rate)),
        }
    }

    /// Until when a request that has something to serve waits for something newer.
    pub(super) fn deadline(
        &self,
        local: bool,
        patience: Option<Duration>,
        timeout: Duration,
        now: Instant,
    ) -> Instant {
        if self.failure.is_some() {
            return now;
        }
        if local {
            return now + timeout;
        }
        let usual = || self.typical.map_or(PATIENCE, |typical| (typical * 3).max(PATIENCE));
        let patience = patience.unwrap_or_else(usual).min(timeout);
        match self.started.filter(|_| self.running) {
            // The running one is late already: the remote hangs.
            Some(started) if started + patience <= now => now,
            Some(started) => started + patience * 2,
            None => now + patience,
        }
    }

    /// A fetch has ended. Returns the failure that is over.
    pub(super) fn landed(
        &mut self,
        result: Result<(), String>,
        took: Duration,
        now: Millis,
    ) -> Option<Failure> {
        match result {
            Ok(()) => {
                self.typical = Some(took);
                self.succeeded = Some(now);
                self.failure.take()
            }
            Err(cause) => {
                let before = self.failure.take();
                let (since, times) = before.map_or((now, 0), |known| (known.since, known.times));
                self.failure = Some(Failure { cause, since, times: times.saturating_add(1) });
                None
            }
        }
    }
}

impl Failure {
    /// Until the remote is tried again, unless somebody insists.
    pub(super) fn pause(&self) -> Duration {
        let (first, most) = PAUSES;
        (first * 2_u32.saturating_pow(self.times.saturating_sub(1).min(8))).min(most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(5);

    #[test]
    fn only_who_comes_before_the_patience_is_over_waits() {
        let start = Instant::now();
        let ms = Duration::from_millis;
        let mut flight = Flight::default();
        let until = |flight: &Flight, at| flight.deadline(false, None, TIMEOUT, start + at);
        assert_eq!(until(&flight, ms(0)), start + PATIENCE);
        flight.begin(start);
        assert_eq!(until(&flight, ms(10)), start + PATIENCE * 2);
        assert_eq!(until(&flight, ms(1000)), start + ms(1000));
        // A remote that usually takes long is waited for; the time-out rules all the same.
        flight.typical = Some(ms(700));
        assert_eq!(until(&flight, ms(1000)), start + ms(4200));
        flight.typical = Some(ms(60_000));
        assert_eq!(until(&flight, ms(1000)), start + TIMEOUT * 2);
        assert_eq!(flight.deadline(false, Some(ms(20)), TIMEOUT, start), start + ms(40));
        assert!(flight.landed(Err("gone".into()), ms(5000), Millis(7)).is_none());
        assert_eq!(until(&flight, ms(6000)), start + ms(6000));
        assert_eq!(flight.landed(Ok(()), ms(3), Millis(9)).unwrap().since, Millis(7));
    }

    #[test]
    fn pauses_between_failures_grow_to_two_seconds() {
        let mut flight = Flight::default();
        let mut pauses = Vec::new();
        for _ in 0..8 {
            flight.landed(Err("gone".into()), TIMEOUT, Millis(1));
            pauses.push(flight.failure.as_ref().unwrap().pause().as_millis());
        }
        assert_eq!(pauses, [50, 100, 200, 400, 800, 1600, 2000, 2000]);
    }
}
