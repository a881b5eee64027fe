//! Breakers set by hand for a time.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::sync::Arc;
use std::time::Duration;

use wellspring_daemon::admin::Admin;
use wellspring_daemon::admin::events::Query;
use wellspring_daemon::admin::resilience::{BreakerChange, Resilience as _};
use wellspring_daemon::{Patterns, Tasks};
use wellspring_lb_client::{Client, discovery, http};
use wellspring_resilience::circuit_breaker::{CircuitBreakerConfig, State};

fn texts(admin: &Admin) -> Vec<String> {
    let (events, _) = admin.log().page(&Query::default(), 100);
    events.iter().rev().map(|event| event.text.clone()).collect()
}

#[tokio::test(start_paused = true)]
async fn what_was_set_for_a_time_is_closed_again_unless_somebody_has_decided_anew() {
    let http = http::client(http::Options::default()).unwrap();
    let client = Client::new(Arc::new(discovery::Simple::default()), http);
    let (admin, tasks) = (Admin::default(), Tasks::default());
    let patterns = Patterns::watch("gateway", &client, &admin, &tasks, true);
    let breaker = client.breaker("orders", CircuitBreakerConfig::default()).unwrap();
    let set = |state: &str, minutes: u64| {
        let change =
            BreakerChange { state: state.to_owned(), minutes, actor: "ana".to_owned(), reason: None };
        patterns.change("orders", &change).unwrap().1
    };
    let set_for_five = set("FORCED_OPEN", 5);
    assert_eq!((set_for_five.set_by.as_deref(), set_for_five.until.is_some()), (Some("ana"), true));
    tokio::time::sleep(Duration::from_secs(299)).await;
    assert_eq!(breaker.state(), State::ForcedOpen);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(breaker.state(), State::Closed);
    set("FORCED_OPEN", 5);
    assert!(set("FORCED_OPEN", 0).until.is_none(), "a later order counts");
    tokio::time::sleep(Duration::from_secs(301)).await;
    assert_eq!(breaker.state(), State::ForcedOpen);
    let wanted = [
        "orders: CLOSED to FORCED_OPEN",
        "orders was FORCED_OPEN for 5 minutes, set by ana",
        "orders: FORCED_OPEN to CLOSED",
        "orders: CLOSED to FORCED_OPEN",
    ];
    assert_eq!(texts(&admin), wanted);
}
