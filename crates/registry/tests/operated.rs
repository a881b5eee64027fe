//! What an operator does to a registry through the admin API, as its clients see it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod started;

use serde_json::{Value, json};
use started::{Started, instance};

struct Operated {
    registry: Started,
    api: String,
}

impl Operated {
    async fn start() -> Self {
        let registry = Started::with(&[("wellspring.admin.address", &"127.0.0.1:0")]).await;
        let api = format!("http://{}/api/v1", registry.running.admin_addr().unwrap());
        Self { registry, api }
    }

    async fn send(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        let method = http::Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = self.registry.http.request(method, format!("{}{path}", self.api));
        request = request.header("x-wellspring", "1");
        if !body.is_null() {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        (status, serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or_default())
    }

    async fn get(&self, path: &str) -> Value {
        let (status, answer) = self.send("GET", path, Value::Null).await;
        assert_eq!(status, 200, "{path}: {answer}");
        answer
    }
}

const ONE: &str = "/services/orders/instances/o1";

#[tokio::test(flavor = "multi_thread")]
async fn clients_see_what_an_operator_does_and_the_log_says_who() {
    let operated = Operated::start().await;
    operated.registry.register(instance("ORDERS", "o1")).await;
    let (status, drained) =
        operated.send("POST", &format!("{ONE}/drain"), json!({"minutes": 5, "reason": "disk"})).await;
    assert_eq!(
        (status, &drained["status"], &drained["ownStatus"]),
        (200, &json!("OUT_OF_SERVICE"), &json!("UP"))
    );
    let seen = operated.registry.json("apps/ORDERS/o1").await;
    assert_eq!(seen["instance"]["status"], "OUT_OF_SERVICE");
    let shown = operated.get(ONE).await;
    assert_eq!((&shown["overriddenBy"], &shown["reason"]), (&json!("local"), &json!("disk")));
    assert!(shown["overriddenUntil"].as_i64().unwrap() > shown["registeredAt"].as_i64().unwrap());
    let about: Vec<_> =
        shown["events"].as_array().unwrap().iter().map(|event| event["kind"].clone()).collect();
    assert!(about.contains(&json!("drained")), "{about:?}");
    assert_eq!(operated.send("POST", &format!("{ONE}/drain"), json!({"minutes": 0})).await.0, 400);

    assert_eq!(operated.send("POST", &format!("{ONE}/undrain"), json!({})).await.0, 200);
    assert_eq!(operated.registry.json("apps/ORDERS/o1").await["instance"]["status"], "UP");
    assert_eq!(operated.send("POST", &format!("{ONE}/undrain"), json!({})).await.0, 409);

    let (_, labelled) =
        operated.send("POST", &format!("{ONE}/metadata"), json!({"key": "zone", "value": "b"})).await;
    assert_eq!(labelled["zone"], "b");
    assert_eq!(operated.registry.json("apps/ORDERS/o1").await["instance"]["metadata"]["zone"], "b");

    assert_eq!(operated.get("/search?q=o1").await["items"][0]["url"], "/#/services/ORDERS/o1");
    assert_eq!(operated.send("DELETE", &format!("{ONE}?reason=gone"), Value::Null).await.0, 200);
    assert_eq!(operated.registry.status("apps/ORDERS/o1").await, 404);
    for (method, path) in [("DELETE", ONE.to_owned()), ("POST", format!("{ONE}/drain"))] {
        assert_eq!(operated.send(method, &path, json!({})).await.0, 404, "{method} {path}");
    }
    operated
        .registry
        .until("the changes are events", async || {
            let events = operated.get("/events?topics=registry&application=orders").await;
            let kinds: Vec<_> =
                events["items"].as_array().unwrap().iter().map(|event| event["kind"].clone()).collect();
            kinds == ["cancelled", "lifted", "overridden", "registered"]
        })
        .await;
    let by_hand = operated.get("/events?topics=admin&actor=local&limit=1000").await;
    assert_eq!(by_hand["items"].as_array().unwrap().len(), 4, "{by_hand}");
    operated.registry.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_actuator_is_asked_at_the_registered_address_and_nowhere_else() {
    let operated = Operated::start().await;
    // The registry's own actuator stands for an application's.
    let own = operated.registry.running.local_addr();
    let mut info = instance("ORDERS", "o1");
    (info["hostName"], info["port"]) = (json!("127.0.0.1"), json!({"$": own.port(), "@enabled": "true"}));
    operated.registry.register(info).await;
    let health = operated.get(&format!("{ONE}/actuator/health")).await;
    assert_eq!((&health["status"], &health["body"]["status"]), (&json!(200), &json!("UP")), "{health}");
    for endpoint in ["shutdown", "heapdump", "..%2Feureka%2Fapps", "health%2F.."] {
        let (status, answer) = operated.send("GET", &format!("{ONE}/actuator/{endpoint}"), Value::Null).await;
        assert_eq!(status, 400, "{endpoint}: {answer}");
    }
    let (status, answer) = operated
        .send("POST", &format!("{ONE}/actuator/loggers"), json!({"logger": "../shutdown", "level": "DEBUG"}))
        .await;
    assert_eq!(status, 502, "the endpoint is not exposed: {answer}");
    let (status, answer) = operated
        .send("POST", &format!("{ONE}/actuator/loggers"), json!({"logger": "a", "level": "LOUD"}))
        .await;
    assert_eq!((status, &answer["where"]), (400, &json!("body.level")));
    assert_eq!(
        operated.send("GET", "/services/orders/instances/none/actuator/health", Value::Null).await.0,
        404
    );
    operated.registry.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cluster_page_has_the_arithmetic_and_a_dead_peer_is_a_problem() {
    let dead = "http://127.0.0.1:9/eureka/";
    let registry = Started::with(&[
        ("wellspring.admin.address", &"127.0.0.1:0"),
        ("eureka.client.service-url.defaultZone", &dead),
        ("eureka.server.my-url", &"http://127.0.0.1:1/eureka/"),
        ("eureka.client.register-with-eureka", &false),
        ("eureka.client.fetch-registry", &false),
    ])
    .await;
    let api = format!("http://{}/api/v1", registry.running.admin_addr().unwrap());
    let operated = Operated { registry, api };
    operated.registry.register(instance("ORDERS", "o1")).await;
    operated
        .registry
        .until("the peer is known to be away", async || {
            let cluster = operated.get("/cluster").await;
            let peer = &cluster["peers"][0];
            peer["state"] == "unreachable"
                && peer["queue"].as_u64() > Some(0)
                && peer["lastError"].is_string()
        })
        .await;
    let kept = operated.get("/cluster").await["selfPreservation"].clone();
    assert!(kept["explanation"].as_str().unwrap().contains("60/30"), "{kept}");
    let problems = operated.get("/problems").await;
    let peer = problems["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["component"].as_str().unwrap().starts_with("peer"));
    assert_eq!(peer.unwrap()["command"], "wellspring cluster", "{problems}");
    let (status, compared) = operated.send("POST", "/cluster/resync", json!({"peer": dead})).await;
    assert_eq!((status, compared["items"][0]["error"].is_string()), (200, true), "{compared}");
    assert_eq!(operated.send("POST", "/cluster/resync", json!({"peer": "http://other/"})).await.0, 404);
    operated.registry.running.stop().await;
}
