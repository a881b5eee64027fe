//! The server's instruments.

use std::time::Duration;

use wellspring_telemetry::{Counter, Meters, Timer, names};

/// Of mirrors.
#[derive(Debug, Clone)]
pub(crate) struct Instruments {
    fetched: Timer,
    failed: Timer,
    /// Commits that were not served because they do not parse.
    pub(crate) rejected: Counter,
}

impl Instruments {
    pub(crate) fn bind(meters: &Meters) -> Self {
        Self {
            fetched: meters.timer(names::CONFIG_FETCHES, &[("outcome", "success")]),
            failed: meters.timer(names::CONFIG_FETCHES, &[("outcome", "failure")]),
            rejected: meters.counter(names::CONFIG_COMMITS_REJECTED, &[]),
        }
    }

    pub(crate) fn fetched(&self, good: bool, took: Duration) {
        if good { self.fetched.record(took) } else { self.failed.record(took) }
    }
}
