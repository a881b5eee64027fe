//! What the bus counts.

use std::sync::Arc;

use wellspring_telemetry::meters::{Counter, Meters, Timer};
use wellspring_telemetry::names;
#[cfg(feature = "server")]
use wellspring_wire::Millis;

#[cfg(feature = "server")]
use crate::Bus;
use crate::transport::{State, Transport};

/// Older events are not expected to be answered any more.
#[cfg(feature = "server")]
const LOOK_BACK: std::time::Duration = std::time::Duration::from_hours(1);

/// Follows the state of a transport.
pub fn watch(meters: &Meters, transport: &Arc<dyn Transport>) {
    let (waiting, connected) = (Arc::clone(transport), transport.state());
    let tags = &[("transport", transport.name())];
    #[expect(clippy::cast_precision_loss, reason = "a queue has at most some thousand messages")]
    meters.gauge_fn(names::BUS_WAITING, tags, move || waiting.waiting() as f64);
    meters
        .gauge_fn(names::BUS_CONNECTED, tags, move || f64::from(u8::from(*connected.borrow() == State::Up)));
}

/// Follows the ack board.
#[cfg(feature = "server")]
pub(crate) fn watch_board(meters: &Meters, bus: &Bus) {
    let bus = bus.clone();
    #[expect(clippy::cast_precision_loss, reason = "a board has some thousand events")]
    meters.gauge_fn(names::BUS_UNANSWERED, &[], move || {
        let (now, registry) = (Millis::now(), bus.registry());
        bus.ack_log(|log| {
            let recent = log.entries().take_while(|entry| now.since(entry.sent) < LOOK_BACK);
            recent.filter(|entry| !entry.is_complete(&registry)).count() as f64
        })
    });
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
    pub(crate) ack_time: Timer,
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
            ack_time: meters.timer(names::BUS_ACK_TIME, &[]),
            foreign_acks: ack("foreign"),
        }
    }
}

impl Default for Instruments {
    fn default() -> Self {
        Self::bind(&Meters::default())
    }
}
