//! Gateway configurations as people write them (`conformance/gateway-yaml`) start unchanged, and their routes work.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::path::PathBuf;

use serde_json::Value;
use wellspring_test_support::broker::Redis;
use wellspring_test_support::http1::{self, Reply, Request};
use wellspring_test_support::{Daemon, Echo, Launch, tools};

fn gateway(file: &str) -> Launch {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("conformance/gateway-yaml");
    Launch::new("wellspring-gateway").config(folder.join(file))
}

fn get(daemon: &Daemon, path: &str, headers: &[(&str, &str)]) -> Reply {
    let request =
        headers.iter().fold(Request::new("GET", path), |request, (name, value)| request.header(name, value));
    request.send(daemon.port()).unwrap()
}

/// What the upstream saw.
fn seen(reply: &Reply) -> Value {
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()
}

#[test]
fn canary_releases_by_cookie_header_and_weight() {
    let (stable, canary) = (Echo::start(), Echo::start());
    let gateway = gateway("canary-weights.yml")
        .var("STABLE_URL", stable.url(""))
        .var("CANARY_URL", canary.url(""))
        .start();

    let by_cookie = seen(&get(&gateway, "/shop/1", &[("Cookie", "canary=always")]));
    assert_eq!(by_cookie["port"], canary.port());
    assert_eq!(seen(&get(&gateway, "/shop/1", &[("X-Tester", "qa-12")]))["port"], canary.port());
    assert_eq!(by_cookie["headers"]["x-gateway"][0], "edge", "the default filter");

    let releases: Vec<String> = (0..400)
        .map(|_| get(&gateway, "/shop/1", &[]).header("X-Release").unwrap_or_default().to_owned())
        .collect();
    let canaries = releases.iter().filter(|release| *release == "canary").count();
    assert!(releases.iter().all(|release| release == "canary" || release == "stable"));
    // 5 % of 400: five standard deviations are 22.
    assert!((1..=42).contains(&canaries), "{canaries} of 400 went to the canary");

    let moved = get(&gateway, "/cart?x=1", &[("Host", "old-shop.example.com")]);
    assert_eq!((moved.status, moved.header("Location")), (308, Some("https://shop.example.com?x=1")));
    let reply = get(&gateway, "/v2/items/a/b", &[("Cookie", "secret=1")]);
    let rewritten = seen(&reply);
    assert_eq!(rewritten["path"], "/items/v2/a/b");
    assert_eq!(rewritten["headers"]["cookie"], Value::Null);
    assert_eq!(reply.header("X-Api-Version"), Some("2"));
    assert_eq!(get(&gateway, "/nothing", &[]).status, 404);
}

#[test]
fn the_routes_of_the_compose_file_are_taken_as_they_stand() {
    let file = tools::root().join("deploy/compose/gateway.yml");
    let gateway = Launch::new("wellspring-gateway").config(file).start();
    assert!(!gateway.log().contains("WARN"), "{}", gateway.log());
    assert_eq!(get(&gateway, "/orders/7", &[]).status, 503, "no instance is known here");
    assert_eq!(get(&gateway, "/inventory/stock/a", &[]).status, 503);
    assert_eq!(get(&gateway, "/elsewhere", &[]).status, 404);
}

#[test]
fn services_by_name_with_breaker_and_fallback() {
    let gateway =
        gateway("petclinic-style.yml").var("MANAGEMENT_ENDPOINT_GATEWAY_ACCESS", "read-only").start();
    // No instance of the service: the breaker's fallback answers.
    let reply = get(&gateway, "/api/owner/owners/1", &[]);
    assert_eq!(reply.status, 503, "{}", reply.text());
    assert_eq!(
        Request::new("POST", "/api/vet/vets").send(gateway.port()).unwrap().status,
        404,
        "GET and HEAD only"
    );
    let routes = http1::get(gateway.port(), "/actuator/gateway/routes").unwrap().json();
    let ids: Vec<&str> =
        routes.as_array().unwrap().iter().filter_map(|route| route["route_id"].as_str()).collect();
    assert_eq!(
        ids,
        ["owners-service", "visits-service", "vets-service", "assistant-service", "fallback-page"]
    );
}

#[test]
fn quotas_size_limits_and_origins() {
    let Some(redis) = Redis::start("gateway_yaml quotas_size_limits_and_origins") else { return };
    let upstream = Echo::start();
    let gateway = gateway("rate-limit-and-breaker.yml")
        .var("SEARCH_URL", upstream.url(""))
        .var("UPLOAD_URL", upstream.url(""))
        .var("REDIS_PORT", redis.port().to_string())
        .start();
    let mut upload = Request::new("POST", "/uploads/a").body(vec![b'x'; 6 << 20]);
    upload.tolerate_early_answer = true;
    assert_eq!(upload.send(gateway.port()).unwrap().status, 413);
    assert_eq!(Request::new("POST", "/uploads/a").body("small").send(gateway.port()).unwrap().status, 200);
    let retried = Request::new("PUT", "/uploads/a").body("small").send(gateway.port()).unwrap();
    assert_eq!(retried.status, 200);
    let origin = get(&gateway, "/cached-search", &[("Origin", "https://shop.example.com")]);
    assert_eq!(origin.header("Access-Control-Allow-Origin"), Some("https://shop.example.com"));
    assert_eq!(get(&gateway, "/cached-search", &[("Origin", "https://evil.example.org")]).status, 403);
}
