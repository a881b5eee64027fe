//! The local response cache and changes of JSON bodies.

use wellspring_test_support::Echo;
use wellspring_test_support::http1::{self, Request};

use crate::support::{Gateway, one_route};

const ON: &str = "spring.cloud.gateway.filter.local-response-cache.enabled: true\n";

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_given_again() {
    let upstream = Echo::start();
    let gateway =
        Gateway::start(&format!("{ON}{}", one_route(&upstream.url(""), &["LocalResponseCache=30s,1MB"])))
            .await;
    let port = gateway.port();
    let first = http1::get(port, "/a?b").unwrap();
    assert_eq!(first.header("cache-control"), Some("max-age=30"));
    let second = http1::get(port, "/a?b").unwrap();
    assert_eq!(first.body, second.body);
    assert!(second.header("cache-control").is_some_and(|value| value.starts_with("max-age=")));
    assert_eq!(upstream.requests().len(), 1);
    for (request, asked) in [
        (Request::new("GET", "/a?c"), 2),
        (Request::new("GET", "/a?b").header("Authorization", "x"), 3),
        (Request::new("GET", "/a?b").header("Cache-Control", "no-cache"), 4),
        (Request::new("GET", "/a?b").header("Cache-Control", "no-store"), 5),
        (Request::new("POST", "/a?b").body("x"), 6),
        (Request::new("GET", "/a?b"), 6),
        (Request::new("GET", "/status/404"), 7),
        (Request::new("GET", "/status/404"), 8),
        (Request::new("GET", "/headers?Cache-Control=private"), 9),
        (Request::new("GET", "/headers?Cache-Control=private"), 10),
        (Request::new("GET", "/headers?Vary=X-L").header("X-L", "de"), 11),
        (Request::new("GET", "/headers?Vary=X-L").header("X-L", "en"), 12),
        (Request::new("GET", "/headers?Vary=X-L").header("X-L", "de"), 12),
    ] {
        request.send(port).unwrap();
        assert_eq!(upstream.requests().len(), asked, "{request:?}");
    }
    gateway.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cache_must_be_switched_on() {
    let refused = Gateway::try_start(&one_route("http://127.0.0.1:1", &["LocalResponseCache=30s"])).await;
    assert!(refused.is_err_and(|error| format!("{error:#}").contains("local-response-cache.enabled")));
}

#[tokio::test(flavor = "multi_thread")]
async fn json_bodies_are_changed_by_pointer() {
    let upstream = Echo::start();
    let filters = [
        "{name: ModifyRequestBody, args: {set: {\"[/a]\": 1}, remove: \"/b\"}}",
        "{name: ModifyResponseBody, args: {rename: {\"[/body]\": sent}, remove: [/headers, /port]}}",
    ];
    let gateway = Gateway::start(&one_route(&upstream.url(""), &filters)).await;
    let answer = Request::new("POST", "/x").json(&serde_json::json!({"b": 2})).send(gateway.port()).unwrap();
    let json = answer.json();
    assert_eq!(json["sent"], "{\"a\":1}");
    assert!(json.get("headers").is_none() && json.get("body").is_none());
    let plain = Request::new("POST", "/bytes/5").body("{\"b\":2}").send(gateway.port()).unwrap();
    assert_eq!(plain.text(), "xxxxx");
    assert_eq!(upstream.requests()[1]["body"], "{\"b\":2}");
    gateway.running.stop().await;
}
