//! What the original has not: mirrored traffic and injected faults.

use std::time::Duration;

use tokio::time::Instant;
use wellspring_test_support::http1::{self, Request};
use wellspring_test_support::{Echo, poll};

use crate::support::{Gateway, one_route};

#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_gets_copies_and_never_fails_the_original() {
    let (upstream, mirror) = (Echo::start(), Echo::start());
    let mirrored = format!("Mirror={}", mirror.url(""));
    let gateway = Gateway::start(&one_route(&upstream.url(""), &[&mirrored])).await;
    let port = gateway.port();
    assert_eq!(Request::new("POST", "/a?b").body("copy").send(port).unwrap().status, 200);
    poll::until("the copy has come", Duration::from_secs(90), || mirror.requests().len() == 1);
    assert_eq!(mirror.requests()[0]["body"], "copy");
    assert_eq!(mirror.requests()[0]["query"], "b");
    drop(mirror);
    for _ in 0..3 {
        assert_eq!(http1::get(port, "/a").unwrap().status, 200);
    }
    gateway.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_are_injected_as_often_as_told() {
    let upstream = Echo::start();
    let always = "{name: FaultInjection, args: {delay: 100ms, abort: 418}}";
    let gateway = Gateway::start(&one_route(&upstream.url(""), &[always])).await;
    let started = Instant::now();
    assert_eq!(http1::get(gateway.port(), "/a").unwrap().status, 418);
    assert!(started.elapsed() >= Duration::from_millis(100));
    gateway.running.stop().await;
    let never = "{name: FaultInjection, args: {abort: 418, abortPercent: 0}}";
    let gateway = Gateway::start(&one_route(&upstream.url(""), &[never])).await;
    assert_eq!(http1::get(gateway.port(), "/a").unwrap().status, 200);
    gateway.running.stop().await;
}
