//! The server's instruments.

use std::sync::Arc;
use std::time::Duration;

use wellspring_telemetry::{Counter, Meters, Timer, names};

use crate::repository::Repository;

/// Gauges that are asked when somebody looks.
pub(crate) fn watch(meters: &Meters, repository: &Arc<dyn Repository>) {
    let repository = Arc::downgrade(repository);
    meters.gauge_fn(names::CONFIG_REPOSITORIES_STALE, &[], move || {
        let Some(repository) = repository.upgrade() else { return f64::NAN };
        let stale = repository.freshness().iter().filter(|one| one.failing_since.is_some()).count();
        u32::try_from(stale).map_or(f64::NAN, f64::from)
    });
}

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
