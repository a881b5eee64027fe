//! What the tests on a real broker share, whichever broker it is.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use wellspring_bus::transport::State;
use wellspring_bus::{Bus, RemoteEvent};

/// An application's own event, numbered so that a missing one and one too many are seen.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Numbered {
    pub(crate) number: u32,
}

impl RemoteEvent for Numbered {
    const TYPE: &'static str = "NumberedEvent";
    const CLASS: &'static str = "com.acme.NumberedEvent";
}

/// Polls for a state; brokers on a busy machine get `patience`.
pub(crate) async fn until<F: AsyncFnMut() -> bool>(what: &str, patience: Duration, mut holds: F) {
    let deadline = tokio::time::Instant::now() + patience;
    while !holds().await {
        assert!(tokio::time::Instant::now() < deadline, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

pub(crate) async fn connected(bus: &Bus) {
    until("connected", Duration::from_secs(180), async || bus.state() == State::Up).await;
}

/// Counts how often each numbered event was handled.
pub(crate) fn counting(bus: &Bus) -> Arc<Mutex<HashMap<u32, usize>>> {
    let counts = Arc::new(Mutex::new(HashMap::new()));
    let seen = Arc::clone(&counts);
    bus.on_event(move |event: Numbered| {
        *seen.lock().entry(event.number).or_insert(0) += 1;
        async { Ok(()) }
    });
    counts
}
