//! etcd, with keys that hang on leases.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use wellspring_test_support::directory::Server;
use wellspring_test_support::http1::Request;

use super::{BACK, at_once, blocking, client, lists, stays};

fn post(etcd: u16, path: &str, body: &Value) -> Value {
    let reply = Request::new("POST", path).json(body).send(etcd).unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()
}

fn lease(etcd: u16, seconds: u32) -> String {
    let granted = post(etcd, "/v3/lease/grant", &json!({"TTL": seconds}));
    granted["ID"].as_str().unwrap().to_owned()
}

fn put(etcd: u16, id: &str, value: &str, lease: &str) {
    let key = STANDARD.encode(format!("/services/orders/{id}"));
    post(etcd, "/v3/kv/put", &json!({"key": key, "value": STANDARD.encode(value), "lease": lease}));
}

fn named(address: &str) -> String {
    json!({"Op": 0, "Addr": address, "Metadata": {"zone": "a"}}).to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn etcd_tells_of_keys_at_once_and_of_leases_that_ended() {
    let name = "etcd_tells_of_keys_at_once_and_of_leases_that_ended";
    let Some(mut server) = blocking(move || Server::etcd(name)).await else { return };
    let port = server.port();
    let url = format!("http://127.0.0.1:{port}");
    let client = client(&[("wellspring.discovery.etcd.endpoints", &url)]);
    client.first_fetch().await.unwrap();

    let long = lease(port, 600);
    put(port, "o-1", &named("127.0.0.1:8001"), &long);
    lists(&client, &["127.0.0.1:8001"], at_once()).await;
    let mut short = lease(port, 2);
    put(port, "o-2", "127.0.0.1:8002", &short);
    lists(&client, &["127.0.0.1:8001", "127.0.0.1:8002"], at_once()).await;
    assert_eq!(client.discovery().instances("orders")[0].zone(), Some("a"));

    // Kept alive it stays; no longer, as after a crash, it goes with its lease.
    let until = Instant::now() + Duration::from_secs(4);
    let mut kept = Instant::now();
    while Instant::now() < until {
        let answer = post(port, "/v3/lease/keepalive", &json!({"ID": short}));
        if kept.elapsed() > Duration::from_secs(1) || answer["result"]["TTL"].is_null() {
            // The machine has slept over it, not etcd: it may have gone rightly.
            short = lease(port, 2);
            put(port, "o-2", "127.0.0.1:8002", &short);
            lists(&client, &["127.0.0.1:8001", "127.0.0.1:8002"], BACK).await;
        }
        kept = Instant::now();
        assert_eq!(super::orders(&client).len(), 2);
        sleep(Duration::from_millis(400)).await;
    }
    lists(&client, &["127.0.0.1:8001"], BACK).await;

    server.kill();
    stays(&client, &["127.0.0.1:8001"]).await;
    let server = blocking(move || {
        server.start();
        server
    })
    .await;
    stays(&client, &["127.0.0.1:8001"]).await;
    put(port, "o-3", &named("127.0.0.1:8003"), &long);
    lists(&client, &["127.0.0.1:8001", "127.0.0.1:8003"], BACK).await;
    put(port, "o-3", &named("127.0.0.1:8004"), &long);
    lists(&client, &["127.0.0.1:8001", "127.0.0.1:8004"], at_once()).await;
    drop(server);
}
