//! Several answers in one, JSON for gRPC, changed bodies, maintenance, canaries.

use serde_json::json;
use wellspring_test_support::Echo;
use wellspring_test_support::http1::{self, Request};

use crate::support::{Gateway, one_route};

#[tokio::test(flavor = "multi_thread")]
async fn parts_are_asked_together_and_merged() {
    let (users, orders) = (Echo::start(), Echo::start());
    let yaml = format!(
        r"
spring.cloud.discovery.client.simple.instances.users[0].uri: {users}
spring.cloud.gateway.routes:
- id: page
  uri: no://op
  predicates: ['Path=/page/{{id}}']
  filters:
  - AddResponseHeader=X-Page, yes
  - name: Compose
    args:
      timeout: 30s
      parts:
      - {{name: user, uri: 'lb://users/users/{{id}}'}}
      - {{name: orders, uri: '{orders}/orders/{{id}}', on-failure: 'null'}}
      - {{name: slow, uri: '{orders}/delay/5000', timeout: 100ms, default: '[]', on-failure: default}}
      - {{name: large, uri: '{orders}/bytes/5000', max-size: 1KB, on-failure: 'null'}}
      - {{name: gone, uri: 'http://127.0.0.1:1/', default: {{none: true}}, flatten: true}}
- id: strict
  uri: no://op
  predicates: [Path=/strict]
  filters:
  - name: Compose
    args: {{parts: [{{name: late, uri: '{orders}/delay/5000', timeout: 100ms}}]}}
",
        users = users.url(""),
        orders = orders.url("")
    );
    let gateway = Gateway::start(&yaml).await;
    let port = gateway.port();
    let reply = Request::new("GET", "/page/7?q=1").header("Authorization", "Bearer x").send(port).unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text());
    let page = reply.json();
    assert_eq!((&page["user"]["path"], &page["user"]["query"]), (&json!("/users/7"), &json!("q=1")));
    assert_eq!(page["user"]["headers"]["authorization"], json!(["Bearer x"]));
    assert_eq!(page["orders"]["path"], "/orders/7");
    assert_eq!((&page["slow"], &page["large"], &page["none"]), (&json!([]), &json!(null), &json!(true)));
    assert_eq!(reply.header("x-compose-failed"), Some("slow,large,gone"));
    assert_eq!(reply.header("x-page"), Some("yes"));
    assert_eq!(http1::get(port, "/strict").unwrap().status, 504);
    assert_eq!(Request::new("POST", "/page/7").body("x").send(port).unwrap().status, 405);
    gateway.running.stop().await;
    let bad =
        one_route("no://op", &["{name: Compose, args: {parts: [{name: a, uri: 'ftp://x', on-fail: null}]}}"]);
    let error = Gateway::try_start(&bad).await.err().unwrap().to_string();
    assert!(error.contains("on-fail") && error.contains("application.yml:"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn maintenance_answers_for_the_upstream() {
    let upstream = Echo::start();
    let down = "{name: Maintenance, args: {retryAfter: 2m, body: back soon}}";
    let gateway = Gateway::start(&one_route(&upstream.url(""), &[down])).await;
    let reply = http1::get(gateway.port(), "/a").unwrap();
    assert_eq!(
        (reply.status, reply.text().as_str(), reply.header("retry-after")),
        (503, "back soon", Some("120"))
    );
    assert!(upstream.requests().is_empty());
    gateway.running.stop().await;
    for up in ["Maintenance=false", "{name: Maintenance, args: {allowIps: 127.0.0.0/8}}"] {
        let gateway = Gateway::start(&one_route(&upstream.url(""), &[up])).await;
        assert_eq!(http1::get(gateway.port(), "/a").unwrap().status, 200, "{up}");
        gateway.running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_are_changed_on_their_way() {
    let upstream = Echo::start();
    let gateway = Gateway::start(&one_route(
        &upstream.url(""),
        &[
            "{name: ModifyRequestBody, args: {template: {user: '{{/name}}', note: 'by {{/name}}', tags: ['{{/tag}}']}}}",
            "{name: ModifyResponseBody, args: {set: {'[/via]': gateway}, remove: [/headers]}}",
        ],
    ))
    .await;
    let reply =
        Request::new("POST", "/a").json(&json!({"name": "ana", "tag": 3})).send(gateway.port()).unwrap();
    assert_eq!((&reply.json()["via"], &reply.json()["headers"]), (&json!("gateway"), &json!(null)));
    let sent: serde_json::Value =
        serde_json::from_str(upstream.requests()[0]["body"].as_str().unwrap()).unwrap();
    assert_eq!(sent, json!({"user": "ana", "note": "by ana", "tags": [3]}));
    gateway.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn canaries_are_chosen_by_header_cookie_and_weight() {
    let (stable, canary) = (Echo::start(), Echo::start());
    let yaml = format!(
        r"
spring.cloud.gateway.routes:
- {{id: by-header, uri: '{canary}', predicates: ['Path=/**', 'Header=X-Canary, yes']}}
- {{id: by-cookie, uri: '{canary}', predicates: ['Path=/**', 'Cookie=canary, yes']}}
- {{id: new, uri: '{canary}', predicates: ['Path=/**', 'Weight=split, 20']}}
- {{id: old, uri: '{stable}', predicates: ['Path=/**', 'Weight=split, 80']}}
",
        stable = stable.url(""),
        canary = canary.url("")
    );
    let gateway = Gateway::start(&yaml).await;
    let port = gateway.port();
    for (name, value) in [("X-Canary", "yes"), ("Cookie", "a=b; canary=yes")] {
        let reply = Request::new("GET", "/a").header(name, value).send(port).unwrap();
        assert_eq!(reply.json()["port"], canary.port(), "{name}");
    }
    let before = canary.requests().len();
    for _ in 0..400 {
        http1::get(port, "/a").unwrap();
    }
    let share = canary.requests().len() - before;
    // 80 are expected; five standard deviations to either side.
    assert!((40..=120).contains(&share), "{share} of 400");
    gateway.running.stop().await;
}
