//! Looking on: access log, tap, breakers, replay.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};
use wellspring_daemon::Options;
use wellspring_test_support::http1::{self, Request};
use wellspring_test_support::{Echo, poll};

use crate::support::{Gateway, one_route};

const KEYS: &str = "wellspring.gateway.security: {default-access: permit, api-keys: {keys: [{consumer: acme, key: '{noop}secret'}]}}\n";

#[tokio::test(flavor = "multi_thread")]
async fn the_access_log_names_consumer_and_route_and_masks_secrets() {
    let upstream = Echo::start();
    let folder = tempfile::tempdir().unwrap();
    for (format, wanted) in [
        (
            "common",
            r#"^127\.0\.0\.1 - acme \[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d \+0000\] "GET /a\?x=1&access_token=\*{6} HTTP/1\.1" 200 \d+ \d+ all$"#,
        ),
        (
            "combined",
            r#"^127\.0\.0\.1 - acme \[[^]]+\] "GET /a\?x=1&access_token=\*{6} HTTP/1\.1" 200 \d+ "http://here/" "agent \\"x\\""$"#,
        ),
        ("json", r#"^\{.*"consumer":"acme".*"status":200.*"route":"all".*\}$"#),
    ] {
        let file = folder.path().join(format);
        let yaml = format!(
            "wellspring.gateway.access-log: {{enabled: true, format: {format}, file: {}}}\n{KEYS}{}",
            file.display(),
            one_route(&upstream.url(""), &[])
        );
        let gateway = Gateway::start(&yaml).await;
        let reply = Request::new("GET", "/a?x=1&access_token=abc.def")
            .header("X-Api-Key", "secret")
            .header("User-Agent", "agent \"x\"")
            .header("Referer", "http://here/")
            .send(gateway.port())
            .unwrap();
        assert_eq!(reply.status, 200);
        let read = || std::fs::read_to_string(&file).unwrap();
        poll::until("the line is written", Duration::from_secs(90), || read().ends_with('\n'));
        let text = read();
        let line = text.trim_end();
        let regex = wellspring_pattern::JavaRegex::new(wanted).unwrap();
        assert!(regex.finds(line), "{format}: {line}");
        assert!(!text.contains("abc.def") && !text.contains("secret"), "{text}");
        if format == "json" {
            let entry: Value = serde_json::from_str(line).unwrap();
            assert_eq!(entry["bytes"].as_u64(), Some(reply.body.len() as u64));
            assert_eq!(entry["upstream"], format!("127.0.0.1:{}", upstream.port()));
        }
        gateway.running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn live_requests_can_be_tapped_on_the_admin_listener() {
    let upstream = Echo::start();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("application.yml");
    std::fs::write(
        &file,
        format!("wellspring.admin.address: 127.0.0.1:0\n{}", one_route(&upstream.url(""), &[])),
    )
    .unwrap();
    let options = Options { config: Some(file), ..Options::local() };
    let running = wellspring_gateway::app().start(options).await.unwrap();
    let (port, admin) = (running.local_addr().port(), running.admin_addr().unwrap());
    assert_eq!(http1::get(admin.port(), "/api/v1/tap?colour=red").unwrap().status, 400);
    let mut stream = TcpStream::connect(admin).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(90))).unwrap();
    write!(stream, "GET /api/v1/tap?route=all&status=4xx HTTP/1.1\r\nHost: {admin}\r\n\r\n").unwrap();
    let mut lines = BufReader::new(stream).lines().map(Result::unwrap);
    assert!(lines.any(|line| line == ": open"));
    assert_eq!(http1::get(port, "/status/204").unwrap().status, 204);
    let tapped = Request::new("GET", "/status/404?token=abc")
        .header("Authorization", "Bearer abc")
        .send(port)
        .unwrap();
    assert_eq!(tapped.status, 404);
    let data = lines.find_map(|line| line.strip_prefix("data: ").map(str::to_owned)).unwrap();
    let seen: Value = serde_json::from_str(&data).unwrap();
    assert_eq!(
        (&seen["uri"], &seen["status"], &seen["route"]),
        (&json!("/status/404?token=******"), &json!(404), &json!("all"))
    );
    assert_eq!(seen["headers"]["authorization"], json!(["******"]));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn breakers_are_shown_as_resilience4j_shows_them() {
    let upstream = Echo::start();
    let settings = "resilience4j.circuitbreaker.instances.orders: {slidingWindowSize: 4, minimumNumberOfCalls: 4, registerHealthIndicator: true}\nmanagement: {health.circuitbreakers.enabled: true, endpoint.health.show-details: always}\n";
    let filter = "{name: CircuitBreaker, args: {name: orders, statusCodes: [500]}}";
    let gateway = Gateway::start(&format!("{settings}{}", one_route(&upstream.url(""), &[filter]))).await;
    let port = gateway.port();
    let get = |path: &str| http1::get(port, path).unwrap();
    let statuses: Vec<u16> =
        ["200", "500", "500", "500", "200"].map(|s| get(&format!("/status/{s}")).status).to_vec();
    assert_eq!(statuses, [200, 500, 500, 500, 503]);
    assert_eq!(
        get("/actuator/circuitbreakers").json()["circuitBreakers"]["orders"],
        json!({"failureRate": "75.0%", "slowCallRate": "0.0%", "failureRateThreshold": "50.0%", "slowCallRateThreshold": "100.0%",
               "bufferedCalls": 4, "failedCalls": 3, "slowCalls": 0, "slowFailedCalls": 0, "notPermittedCalls": 1, "state": "OPEN"})
    );
    let events = get("/actuator/circuitbreakerevents/orders").json()["circuitBreakerEvents"].clone();
    let kinds: Vec<&str> =
        events.as_array().unwrap().iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(
        kinds,
        ["SUCCESS", "ERROR", "ERROR", "ERROR", "FAILURE_RATE_EXCEEDED", "STATE_TRANSITION", "NOT_PERMITTED"]
    );
    let turned = get("/actuator/circuitbreakerevents/orders/STATE_TRANSITION").json();
    assert_eq!(turned["circuitBreakerEvents"][0]["stateTransition"], "CLOSED_TO_OPEN");
    let health = get("/actuator/health").json();
    assert_eq!(
        health["components"]["circuitBreakers"]["components"]["orders"]["status"], "CIRCUIT_OPEN",
        "{health}"
    );
    assert_eq!(health["status"], "UP");
    let change = |to: &str| {
        Request::new("POST", "/actuator/circuitbreakers/orders")
            .json(&json!({"updateState": to}))
            .send(port)
            .unwrap()
    };
    assert_eq!(change("CLOSE").json()["currentState"], "CLOSED");
    assert_eq!(get("/status/200").status, 200);
    assert_eq!(change("BREAK").status, 400);
    gateway.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn recorded_requests_are_replayed_against_other_routes() {
    let upstream = Echo::start();
    let gateway = Gateway::start(&one_route(&upstream.url(""), &[])).await;
    let proposed = format!(
        "spring.cloud.gateway.routes:\n- id: orders\n  uri: {0}\n  predicates: [Path=/orders/**]\n  filters: [StripPrefix=1]\n- id: all\n  uri: {0}\n  predicates: [Path=/**]\n",
        upstream.url("")
    );
    let requests = "GET /a\n127.0.0.1 - - [21/Nov/2026:13:00:00 +0000] \"GET /orders/7 HTTP/1.1\" 200 5 3 all\nGET /orders/8\nwhat is this\n";
    let replay = |routes: &str| {
        Request::new("POST", "/actuator/gateway/replay")
            .json(&json!({"routes": routes, "requests": requests}))
            .send(gateway.port())
            .unwrap()
    };
    let report = replay(&proposed).json();
    assert_eq!(
        (&report["requests"], &report["same"], &report["different"]),
        (&json!(3), &json!(1), &json!(2)),
        "{report}"
    );
    let difference = &report["differences"][0];
    assert_eq!((&difference["example"], &difference["times"]), (&json!("GET /orders/7"), &json!(2)));
    assert_eq!(
        (&difference["before"]["route"], &difference["after"]["route"]),
        (&json!("all"), &json!("orders"))
    );
    assert_eq!(difference["after"]["target"], upstream.url("/7"));
    assert_eq!(report["unread"].as_array().unwrap().len(), 1);
    let bad = replay("spring.cloud.gateway.routes:\n- id: x\n  uri: http://h\n  filters: [Nonsense=1]\n");
    assert_eq!(bad.status, 400);
    assert!(upstream.requests().is_empty(), "nothing is sent");
    gateway.running.stop().await;
}
