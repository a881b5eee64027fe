//! Calls by service name over real connections.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod fakes;

use std::time::Duration;

use fakes::{Fake, env};
use serde::Deserialize;
use wellspring_lb_client::Client;
use wellspring_lb_client::config::Refresher;
use wellspring_lb_client::http::CallError;
use wellspring_resilience::circuit_breaker::Outcome;
use wellspring_telemetry::Meters;

/// A client that knows these addresses of `orders`.
fn client(addresses: &[String], more: &[(&str, &str)]) -> Client {
    let keys: Vec<String> = (0..addresses.len())
        .map(|position| format!("spring.cloud.discovery.client.simple.instances.orders[{position}].uri"))
        .collect();
    let mut pairs: Vec<(&str, &str)> =
        keys.iter().map(String::as_str).zip(addresses.iter().map(String::as_str)).collect();
    pairs.extend_from_slice(more);
    Client::from_env(&env(&pairs), &Meters::default()).unwrap()
}

fn nobody() -> String {
    format!("http://127.0.0.1:{}", wellspring_test_support::port::free())
}

#[derive(Debug, Deserialize, PartialEq)]
struct Order {
    id: u64,
}

#[tokio::test]
async fn both_ways_of_writing_an_address_are_balanced() {
    let fake = Fake::start().await;
    fake.answers("GET /7?a=%20b&c=d%26e", 200, r#"{"id":7}"#);
    let client = client(&[fake.url()], &[]);
    for address in ["lb://orders/7?a=%20b", "http://orders/7?a=%20b", "LB://ORDERS/7?a=%20b"] {
        let order: Order = client.get(address).query(&[("c", "d&e")]).fetch().await.unwrap();
        assert_eq!(order, Order { id: 7 }, "{address}");
    }
}

#[tokio::test]
async fn an_address_with_a_port_is_taken_as_it_is() {
    let fake = Fake::start().await;
    fake.answers("GET /x", 200, "{}");
    let client = client(&[], &[]);
    let response = client.get(format!("{}/x", fake.url())).send().await.unwrap();
    assert_eq!(response.status(), 200);
}

#[tokio::test]
async fn json_goes_out_and_headers_with_it() {
    let fake = Fake::start().await;
    fake.answers("POST /", 201, "{}");
    let client = client(&[fake.url()], &[]);
    let call = client.post("lb://orders/").header("x-user", "me").json(&serde_json::json!({"a": 1}));
    assert_eq!(call.send().await.unwrap().status(), 201);
    let sent = fake.asked().remove(0);
    assert_eq!(
        (&*sent.body, sent.headers["content-type"].to_str().unwrap()),
        (r#"{"a":1}"#, "application/json")
    );
    assert_eq!(sent.headers["x-user"], "me");
}

#[tokio::test]
async fn a_refused_get_goes_to_another_instance() {
    let fake = Fake::start().await;
    fake.answers("GET /", 200, "{}");
    let client = client(&[nobody(), fake.url()], &[]);
    for _ in 0..6 {
        assert_eq!(client.get("lb://orders/").send().await.unwrap().status(), 200);
    }
    assert_eq!(fake.count("GET"), 6);
}

#[tokio::test]
async fn a_refused_post_does_not() {
    let fake = Fake::start().await;
    fake.answers("POST /", 200, "{}");
    let client = client(&[nobody(), fake.url()], &[]);
    let mut refused = 0;
    for _ in 0..2 {
        if let Err(error) = client.post("lb://orders/").send().await {
            assert!(matches!(error, CallError::Refused { .. }), "{error:?}");
            refused += 1;
        }
    }
    assert_eq!(refused, 1);
}

#[tokio::test]
async fn listed_statuses_are_tried_again_and_the_last_answer_is_given() {
    let (bad, good) = (Fake::start().await, Fake::start().await);
    bad.answers("GET /", 503, "busy");
    good.answers("GET /", 200, "{}");
    let settings = [("spring.cloud.loadbalancer.retry.retryable-status-codes", "503")];
    let both = client(&[bad.url(), good.url()], &settings);
    for _ in 0..4 {
        assert_eq!(both.get("lb://orders/").send().await.unwrap().status(), 200);
    }
    let alone = client(&[bad.url()], &settings);
    let before = bad.asked().len();
    let error = alone.get("lb://orders/").fetch::<Order>().await.unwrap_err();
    assert_eq!(error.status().unwrap(), 503);
    assert_eq!(bad.asked().len(), before + 2);
}

#[tokio::test]
async fn errors_say_what_happened() {
    let fake = Fake::start().await;
    fake.answers("GET /", 200, "no json");
    let known = client(&[fake.url()], &[]);
    let nowhere = known.get("lb://stock/").send().await.unwrap_err();
    assert_eq!(nowhere.to_string(), "no instances available for stock");
    assert!(matches!(known.get("lb:///x").send().await.unwrap_err(), CallError::Address(_)));
    assert!(matches!(known.get("lb://orders/").fetch::<Order>().await.unwrap_err(), CallError::Body { .. }));
    let bad_header = known.get("lb://orders/").header("a b", "c").send().await.unwrap_err();
    assert!(matches!(bad_header, CallError::Request { .. }), "{bad_header}");
    let gone = client(&[nobody()], &[]).get("lb://orders/").send().await.unwrap_err();
    assert!(matches!(gone, CallError::Refused { .. }), "{gone:?}");
}

#[tokio::test]
async fn a_silent_instance_times_out() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = client(&[format!("http://{}", listener.local_addr().unwrap())], &[]);
    let call = client.post("lb://orders/").timeout(Duration::from_millis(100));
    assert!(matches!(call.send().await.unwrap_err(), CallError::TimedOut { .. }));
}

#[tokio::test]
async fn settings_of_the_service_add_headers() {
    let fake = Fake::start().await;
    fake.answers("GET /", 200, "{}");
    let settings = [
        ("spring.cloud.loadbalancer.clients.orders.x-forwarded.enabled", "true"),
        ("spring.cloud.loadbalancer.sticky-session.add-service-instance-cookie", "true"),
        ("spring.cloud.loadbalancer.configurations", "request-based-sticky-session"),
    ];
    let client = client(&[fake.url()], &settings);
    client.get("lb://orders/").header("cookie", "a=1; sc-lb-instance-id=old").send().await.unwrap();
    let sent = fake.asked().remove(0).headers;
    assert_eq!(sent["x-forwarded-host"], "orders");
    assert_eq!(sent["x-forwarded-proto"], "http");
    assert_eq!(sent["cookie"], format!("a=1; sc-lb-instance-id={}", fake.address));
}

#[tokio::test]
async fn instances_that_are_not_healthy_are_not_chosen() {
    let (well, ill) = (Fake::start().await, Fake::start().await);
    for fake in [&well, &ill] {
        fake.answers("GET /", 200, "{}");
    }
    ill.answers("GET /actuator/health", 503, "{}");
    let settings = [
        ("spring.cloud.loadbalancer.configurations", "health-check"),
        ("spring.cloud.loadbalancer.health-check.interval", "1s"),
    ];
    let client = client(&[ill.url(), well.url()], &settings);
    let balancer = client.balancer("orders");
    let request = wellspring_lb_client::pick::Request::default();
    let alive = async || (balancer.candidates(&request).len() == 1).then_some(());
    wellspring_test_support::poll::until_some("one left", Duration::from_secs(90), alive).await;
    for _ in 0..4 {
        client.get("lb://orders/x").send().await.unwrap();
    }
    assert_eq!((well.count("GET /x"), ill.count("GET /x")), (4, 0));
    ill.answers("GET /actuator/health", 200, "{}");
    let back = async || (balancer.candidates(&request).len() == 2).then_some(());
    wellspring_test_support::poll::until_some("both back", Duration::from_secs(90), back).await;
}

#[tokio::test]
async fn a_breaker_named_like_the_service_opens_and_says_so() {
    let fake = Fake::start().await;
    fake.answers("GET /", 500, "");
    let settings = [
        ("resilience4j.circuitbreaker.instances.orders.sliding-window-size", "4"),
        ("resilience4j.circuitbreaker.instances.orders.wait-duration-in-open-state", "2s"),
        ("resilience4j.circuitbreaker.instances.orders.permitted-number-of-calls-in-half-open-state", "1"),
    ];
    let client = client(&[fake.url()], &settings);
    for _ in 0..4 {
        assert_eq!(client.get("lb://orders/").send().await.unwrap().status(), 500);
    }
    let refused = client.get("lb://orders/").send().await.unwrap_err();
    assert_eq!(refused.to_string(), "CircuitBreaker 'orders' is OPEN and does not permit further calls");
    assert_eq!(fake.asked().len(), 4);
    fake.answers("GET /", 200, "");
    let closed = async || {
        client.get("lb://orders/").send().await.is_ok_and(|answer| answer.status() == 200).then_some(())
    };
    wellspring_test_support::poll::until_some("a call is tried", Duration::from_secs(90), closed).await;
    assert_eq!(client.guard("orders").breaker.as_ref().unwrap().state().to_string(), "CLOSED");
}

#[tokio::test]
async fn a_named_retry_and_time_limiter_go_around_the_call() {
    let fake = Fake::start().await;
    fake.answers("POST /", 503, "");
    let settings = [
        ("resilience4j.retry.instances.patient.max-attempts", "3"),
        ("resilience4j.retry.instances.patient.wait-duration", "1ms"),
        ("resilience4j.timelimiter.instances.hasty.timeout-duration", "50ms"),
    ];
    let known = client(&[fake.url()], &settings);
    let last = known.post("lb://orders/").resilience("patient").send().await.unwrap();
    assert_eq!((last.status().as_u16(), fake.asked().len()), (503, 3));
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = client(&[format!("http://{}", silent.local_addr().unwrap())], &settings);
    let late = silent.post("lb://orders/").resilience("hasty").send().await.unwrap_err();
    assert!(matches!(late, CallError::Rejected(_)), "{late:?}");
}

#[tokio::test]
async fn a_refresh_changes_the_patterns_settings_and_loses_no_state() {
    let key = |pattern: &str, key: &str| format!("resilience4j.{pattern}.instances.orders.{key}");
    let size = key("circuitbreaker", "sliding-window-size");
    let limit = key("bulkhead", "max-concurrent-calls");
    let attempts = key("retry", "max-attempts");
    let minimum = key("circuitbreaker", "minimum-number-of-calls");
    let env = env(&[(&size, "10"), (&minimum, "2"), (&limit, "3"), (&attempts, "2")]);
    let client = Client::from_env(&env, &Meters::default()).unwrap();
    let refresher = Refresher::fixed(env);
    client.follow(&refresher);

    let old = client.guard("orders");
    let slot = old.bulkhead.as_ref().unwrap().try_acquire().unwrap();
    let breaker = old.breaker.clone().unwrap();
    for _ in 0..2 {
        breaker.acquire().unwrap().end(Outcome::Failure("e"));
    }
    let set = |pairs: &[(&String, &str)]| {
        refresher.set(pairs.iter().map(|(key, value)| ((*key).clone(), (*value).to_owned())).collect())
    };
    set(&[(&size, "20"), (&limit, "5"), (&attempts, "4")]);
    let new = client.guard("orders");
    let kept = new.breaker.as_ref().unwrap();
    assert_eq!((kept.state().as_str(), kept.config().sliding_window_size), ("OPEN", 20));
    assert_eq!(new.bulkhead.as_ref().unwrap().available(), 4);
    assert_eq!(new.retry.as_ref().unwrap().config().max_attempts, 4);
    drop(slot);
    assert_eq!(new.bulkhead.as_ref().unwrap().available(), 5);

    // Settings that cannot work leave everything as it is.
    set(&[(&size, "0"), (&attempts, "7")]);
    let guard = client.guard("orders");
    assert_eq!(guard.breaker.as_ref().unwrap().config().sliding_window_size, 20);
    assert_eq!(guard.retry.as_ref().unwrap().config().max_attempts, 4);
}
