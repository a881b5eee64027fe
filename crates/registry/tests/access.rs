//! Users with scopes: who may write what, how others are refused, and who it was in the event log.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod started;

use reqwest::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use serde_json::{Value, json};
use started::{Started, instance};
use wellspring_test_support::port;

const USERS: [(&str, &dyn std::fmt::Display); 9] = [
    ("wellspring.registry.access.users[0].name", &"orders-team"),
    ("wellspring.registry.access.users[0].password", &"s3cret"),
    ("wellspring.registry.access.users[0].apps", &"ORDERS"),
    ("wellspring.registry.access.users[1].name", &"operator"),
    ("wellspring.registry.access.users[1].token", &"0perate"),
    ("wellspring.registry.access.users[1].role", &"admin"),
    ("wellspring.registry.access.users[2].name", &"node"),
    ("wellspring.registry.access.users[2].password", &"p33r"),
    ("wellspring.registry.access.users[2].role", &"peer"),
];

#[tokio::test(flavor = "multi_thread")]
async fn writing_is_for_users_reading_for_everybody_and_the_log_knows_who() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().display().to_string();
    let mut settings = USERS.to_vec();
    settings.push(("wellspring.registry.state-directory", &path));
    let node = Started::with(&settings).await;
    let body = |app: &str| json!({ "instance": instance(app, "i1") }).to_string();
    let register = async |app: &str, credentials: Option<&str>| {
        let mut request = node.post(&format!("apps/{app}"), body(app));
        if let Some(credentials) = credentials {
            request = match credentials.split_once(':') {
                Some((name, password)) => request.basic_auth(name, Some(password)),
                None => request.bearer_auth(credentials),
            };
        }
        request.send().await.unwrap()
    };
    let refused = register("ORDERS", None).await;
    assert_eq!(refused.status(), 401);
    let asks: Vec<_> = refused.headers().get_all(WWW_AUTHENTICATE).iter().cloned().collect();
    assert_eq!(asks, ["Basic realm=\"Realm\"", "Bearer"]);
    let page: Value = serde_json::from_slice(&refused.bytes().await.unwrap()).unwrap();
    assert_eq!((&page["status"], &page["path"]), (&json!(401), &json!("/eureka/apps/ORDERS")));
    for (app, credentials, expected) in [
        ("ORDERS", "orders-team:wrong", 401),
        ("ORDERS", "nobody:s3cret", 401),
        ("ORDERS", "wrong-token", 401),
        ("PAYMENTS", "orders-team:s3cret", 403),
        ("ORDERS", "orders-team:s3cret", 204),
        ("PAYMENTS", "0perate", 204),
    ] {
        assert_eq!(register(app, Some(credentials)).await.status(), expected, "{app} by {credentials}");
    }
    // Every kind of write, of somebody else's application and without credentials.
    for (method, path) in [
        ("PUT", "apps/PAYMENTS/i1"),
        ("PUT", "apps/PAYMENTS/i1/status?value=DOWN"),
        ("DELETE", "apps/PAYMENTS/i1/status"),
        ("PUT", "apps/PAYMENTS/i1/metadata?a=b"),
        ("DELETE", "apps/payments/i1"),
        ("POST", "peerreplication/batch/"),
        ("PUT", "asg/a/status?value=ENABLED"),
    ] {
        let url = format!("{}/{path}", node.base());
        let call = || node.http.request(method.parse().unwrap(), &url).body(String::new());
        assert_eq!(call().send().await.unwrap().status(), 401, "{method} {path}");
        let other = call().basic_auth("orders-team", Some("s3cret")).send().await.unwrap();
        assert_eq!(other.status(), 403, "{method} {path}");
    }
    let as_peer = node
        .put("apps/ORDERS/i1")
        .header("x-netflix-discovery-replication", "true")
        .basic_auth("orders-team", Some("s3cret"));
    assert_eq!(as_peer.send().await.unwrap().status(), 403, "only a peer speaks as one");
    for path in ["apps", "apps/ORDERS", "apps/ORDERS/i1", "digest", "status"] {
        let answer = node.http.get(format!("{}/{path}", node.base())).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
    }
    let batch = json!({"replicationList": [{"appName": "ORDERS", "id": "i1", "action": "Cancel"}]});
    let sent = node.post("peerreplication/batch/", batch.to_string()).basic_auth("node", Some("p33r"));
    assert_eq!(sent.send().await.unwrap().status(), 200);
    let Started { running, .. } = node;
    running.stop().await;
    let log = std::fs::read_to_string(directory.path().join("events.jsonl")).unwrap();
    let told: Vec<_> = log
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .map(|line| format!("{} {} by {} {}", line["what"], line["app"], line["by"], line["actor"]))
        .collect();
    assert_eq!(
        told.join("\n").replace('"', ""),
        "registered ORDERS by client orders-team\nregistered PAYMENTS by client operator\ncancelled ORDERS by peer node"
    );
    assert!(!log.contains("s3cret") && !log.contains("0perate"));
}

#[tokio::test(flavor = "multi_thread")]
async fn closed_for_readers_the_lists_the_pages_and_the_watch_are_closed_too() {
    let mut settings = USERS.to_vec();
    settings.push(("wellspring.registry.access.reading", &"users"));
    let node = Started::with(&settings).await;
    let root = format!("http://{}", node.running.local_addr());
    for path in
        ["/eureka/apps", "/eureka/apps/delta", "/eureka/watch", "/eureka/status", "/", "/lastn", "/nothing"]
    {
        let answer = node.http.get(format!("{root}{path}")).send().await.unwrap();
        assert_eq!(answer.status(), 401, "{path}");
    }
    let known = node.get("apps").header(AUTHORIZATION, "Bearer 0perate").send().await.unwrap();
    assert_eq!(known.status(), 200);
    assert_eq!(node.http.get(format!("{root}/actuator/health")).send().await.unwrap().status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn peers_show_the_credentials_of_their_url() {
    let ports = [port::free(), port::free()];
    let urls = ports.map(|port| format!("http://node:p33r@127.0.0.1:{port}/eureka/")).join(",");
    let start = async |port: u16| {
        let my_url = format!("http://127.0.0.1:{port}/eureka/");
        let mut settings = USERS.to_vec();
        settings.push(("server.port", &port));
        settings.push(("eureka.client.service-url.defaultZone", &urls));
        settings.push(("eureka.client.register-with-eureka", &false));
        settings.push(("eureka.server.my-url", &my_url));
        Started::with(&settings).await
    };
    let (a, b) = (start(ports[0]).await, start(ports[1]).await);
    let body = json!({ "instance": instance("ORDERS", "i1") }).to_string();
    let sent = a.post("apps/ORDERS", body).basic_auth("orders-team", Some("s3cret")).send().await.unwrap();
    assert_eq!(sent.status(), 204);
    b.eventually_status("apps/ORDERS/i1", 200).await;
}
