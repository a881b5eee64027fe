//! Consul, with checks that have a time to live.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::json;
use wellspring_test_support::directory::Server;
use wellspring_test_support::http1::Request;

use super::{BACK, at_once, blocking, client, lists, stays};

/// Registers with a check that has to be renewed within `ttl`, and says that all is well.
fn register(consul: u16, id: &str, port: u16, ttl: &str) {
    let service = json!({
        "ID": id, "Name": "orders", "Address": "127.0.0.1", "Port": port, "Meta": {"zone": "a"},
        "Check": {"TTL": ttl, "Status": "passing"},
    });
    let reply = Request::new("PUT", "/v1/agent/service/register").json(&service).send(consul).unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text());
    // Consul remembers over a restart that it was well only when it was renewed once.
    assert!(renew(consul, id));
}

fn renew(consul: u16, id: &str) -> bool {
    let path = format!("/v1/agent/check/pass/service:{id}");
    Request::new("PUT", &path).send(consul).is_ok_and(|reply| reply.status == 200)
}

#[tokio::test(flavor = "multi_thread")]
async fn consul_tells_of_instances_at_once_and_of_those_that_stopped_to_renew() {
    let name = "consul_tells_of_instances_at_once_and_of_those_that_stopped_to_renew";
    let Some(mut server) = blocking(move || Server::consul(name)).await else { return };
    let port = server.port();
    let client =
        client(&[("spring.cloud.consul.host", "127.0.0.1"), ("spring.cloud.consul.port", &port.to_string())]);
    client.first_fetch().await.unwrap();

    register(port, "o-1", 8001, "60s");
    lists(&client, &["127.0.0.1:8001"], at_once()).await;
    register(port, "o-2", 8002, "8s");
    lists(&client, &["127.0.0.1:8001", "127.0.0.1:8002"], at_once()).await;
    assert_eq!(client.discovery().instances("orders")[0].zone(), Some("a"));
    assert_eq!(client.discovery().services(), ["orders"]);

    // Renewed it stays; no longer renewed, as after a crash, it goes with its time to live.
    let alive = Arc::new(AtomicBool::new(true));
    let beats = Arc::clone(&alive);
    let heart = std::thread::spawn(move || {
        while beats.load(Ordering::Relaxed) {
            renew(port, "o-2");
            std::thread::sleep(Duration::from_millis(400));
        }
    });
    for _ in 0..3 {
        stays(&client, &["127.0.0.1:8001", "127.0.0.1:8002"]).await;
    }
    alive.store(false, Ordering::Relaxed);
    heart.join().unwrap();
    let gone = lists(&client, &["127.0.0.1:8001"], BACK).await;
    assert!(gone > Duration::from_secs(1), "{gone:?}");

    // The server is away and comes back; what it is told then is heard.
    server.stop();
    stays(&client, &["127.0.0.1:8001"]).await;
    let server = blocking(move || {
        server.start();
        server
    })
    .await;
    stays(&client, &["127.0.0.1:8001"]).await;
    register(port, "o-3", 8003, "60s");
    lists(&client, &["127.0.0.1:8001", "127.0.0.1:8003"], BACK).await;
    register(port, "o-4", 8004, "60s");
    lists(&client, &["127.0.0.1:8001", "127.0.0.1:8003", "127.0.0.1:8004"], at_once()).await;
    drop(server);
}
