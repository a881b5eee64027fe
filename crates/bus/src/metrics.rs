//! What the bus counts.

use std::sync::Arc;

use wellspring_telemetry::meters::{Counter, Meters};
use wellspring_telemetry::names;

use crate::transport::{State, Transport};

/// Follows the state of a transport.
pub fn watch(meters: &Meters, transport: &Arc<dyn Transport>) {
    let (waiting, connected) = (Arc::clone(transport), transport.state());
    let tags = &[("transport", transport.name())];
    #[expect(clippy::cast_precision_loss, reason = "a queue has at most some thousand messages")]
    meters.gauge_fn(names::BUS_WAITING, tags, move || waiting.waiting() as f64);
    meters
        .gauge_fn(names::BUS_CONNECTED, tags, move || f64::from(u8::from(*connected.borrow() == State::Up)));
}

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
