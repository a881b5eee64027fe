//! What the bus counts.

use wellspring_telemetry::meters::{Counter, Meters};
use wellspring_telemetry::names;

/// Counters of one bus.
#[derive(Debug, Clone)]
pub struct Instruments {
    pub(crate) published: Counter,
    pub(crate) unpublished: Counter,
    pub(crate) received: Counter,
    pub(crate) applied: Counter,
    pub(crate) failed: Counter,
    pub(crate) poison: Counter,
    pub(crate) acknowledged: Counter,
    pub(crate) foreign_acks: Counter,
}

impl Instruments {
    /// Binds the counters to `meters`.
    pub fn bind(meters: &Meters) -> Self {
        let event = |outcome| meters.counter(names::BUS_EVENTS, &[("outcome", outcome)]);
        let ack = |outcome| meters.counter(names::BUS_ACKS, &[("outcome", outcome)]);
        Self {
            published: event("published"),
            unpublished: event("unpublished"),
            received: event("received"),
            applied: event("applied"),
            failed: event("failed"),
            poison: event("poison"),
            acknowledged: ack("noted"),
            foreign_acks: ack("foreign"),
        }
    }
}

impl Default for Instruments {
    fn default() -> Self {
        Self::bind(&Meters::default())
    }
}
