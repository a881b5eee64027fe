//! The registry's figures, read when somebody looks.

use std::sync::Arc;

use wellspring_telemetry::{Meters, names};
use wellspring_wire::eureka::Status;

use crate::Node;
use crate::peers::client::Peer;
use crate::state::Registry;

pub(crate) fn publish(meters: &Meters, node: &Arc<Node>) {
    for status in Status::ALL {
        let node = Arc::clone(node);
        meters.gauge_fn(names::REGISTRY_INSTANCES, &[("status", status.as_str())], move || {
            node.with(|state, _| float(state.counts().get(status)))
        });
    }
    let read = |name, read: fn(&mut Registry, wellspring_wire::Millis) -> f64| {
        let node = Arc::clone(node);
        meters.gauge_fn(name, &[], move || node.with(read));
    };
    read(names::REGISTRY_RENEWALS_EXPECTED, |state, _| float(state.renewals().expected()));
    read(names::REGISTRY_RENEWALS_THRESHOLD, |state, _| float(state.renewals().threshold()));
    read(names::REGISTRY_RENEWALS_LAST_MINUTE, |state, now| float(state.renewals().last_minute(now)));
    read(names::REGISTRY_EXPIRY_ENABLED, |state, now| f64::from(u8::from(state.expiry_enabled(now))));
}

pub(crate) fn of_peer(meters: &Meters, peer: &Arc<Peer>) {
    let host = format!("{}:{}", peer.address().host(), peer.address().port());
    let tags = [("peer", host.as_str())];
    let waiting = Arc::clone(peer);
    meters.gauge_fn(names::REGISTRY_REPLICATION_WAITING, &tags, move || float(waiting.state().0));
    let reachable = Arc::clone(peer);
    meters.gauge_fn(names::REGISTRY_PEER_REACHABLE, &tags, move || f64::from(u8::from(reachable.state().2)));
    let dropped = Arc::clone(peer);
    meters.counter_fn(names::REGISTRY_REPLICATION_DROPPED, &tags, move || dropped.state().1);
}

#[expect(clippy::cast_precision_loss, reason = "a count")]
fn float(count: usize) -> f64 {
    count as f64
}
