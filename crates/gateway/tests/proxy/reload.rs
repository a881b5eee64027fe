//! Routes are swapped as a whole, under way and under load.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;
use wellspring_test_support::http1::{self, Request};
use wellspring_test_support::{Echo, poll};

use crate::support::{Gateway, one_route};

#[tokio::test(flavor = "multi_thread")]
async fn swaps_under_load_fail_nothing() {
    let upstream = Echo::start();
    let gateway = Gateway::start(&one_route(&upstream.url(""), &[])).await;
    let port = gateway.port();
    let (stop, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let callers: Vec<_> = (0..3)
        .map(|_| {
            let (stop, sent) = (Arc::clone(&stop), Arc::clone(&sent));
            std::thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let answer = Request::new("POST", "/a").body("x").send(port).unwrap();
                    assert_eq!(answer.status, 200);
                    sent.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    for number in 0..50 {
        let route = json!({"uri": upstream.url(""), "predicates": ["Path=/new/**"], "order": -1});
        let path = format!("/actuator/gateway/routes/r{}", number % 3);
        assert_eq!(Request::new("POST", &path).json(&route).send(port).unwrap().status, 201);
        assert_eq!(Request::new("POST", "/actuator/gateway/refresh").send(port).unwrap().status, 200);
    }
    poll::until("there was load", Duration::from_secs(90), || sent.load(Ordering::Relaxed) > 20);
    stop.store(true, Ordering::Relaxed);
    for caller in callers {
        caller.join().unwrap();
    }
    gateway.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_saved_file_brings_new_routes_and_a_bad_one_leaves_the_old() {
    let upstream = Echo::start();
    let gateway = Gateway::start(&one_route(&upstream.url(""), &["\"AddResponseHeader=X-V, 1\""])).await;
    let port = gateway.port();
    let version = || http1::get(port, "/a").unwrap().header("x-v").map(str::to_owned);
    assert_eq!(version().as_deref(), Some("1"));
    gateway.save(&one_route(&upstream.url(""), &["\"AddResponseHeader=X-V, 2\""]));
    poll::until("the new routes serve", Duration::from_secs(90), || version().as_deref() == Some("2"));
    gateway.save(&one_route(&upstream.url(""), &["NoSuchFilter=1"]));
    // Nothing may change: look for longer than a change takes to arrive.
    let changed = poll::within(Duration::from_secs(4), || version().as_deref() != Some("2"));
    assert!(!changed);
    gateway.save(&one_route(&upstream.url(""), &["\"AddResponseHeader=X-V, 3\""]));
    poll::until("the mended routes serve", Duration::from_secs(90), || version().as_deref() == Some("3"));
    gateway.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_bad_definition_keeps_the_old_set() {
    let upstream = Echo::start();
    let gateway = Gateway::start(&one_route(&upstream.url(""), &[])).await;
    let port = gateway.port();
    let weight = json!({"uri": upstream.url(""), "predicates": ["Path=/w", "Weight=g"]});
    assert_eq!(
        Request::new("POST", "/actuator/gateway/routes/w").json(&weight).send(port).unwrap().status,
        201
    );
    assert_eq!(Request::new("POST", "/actuator/gateway/refresh").send(port).unwrap().status, 500);
    assert_eq!(http1::get(port, "/a").unwrap().status, 200);
    assert_eq!(Request::new("DELETE", "/actuator/gateway/routes/w").send(port).unwrap().status, 200);
    assert_eq!(Request::new("POST", "/actuator/gateway/refresh").send(port).unwrap().status, 200);
    assert_eq!(Request::new("DELETE", "/actuator/gateway/routes/all").send(port).unwrap().status, 404);
    gateway.running.stop().await;
}
