//! Kubernetes: its own API server where it is, and always a stand-in; the EndpointSlice is written as the controllers of a
//! cluster would write it.

use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::Arc;

use serde_json::{Value, json};
use wellspring_test_support::directory::{Server, TOKEN};
use wellspring_test_support::{poll, port};

use super::stand_in::{StandIn, Store};
use super::{BACK, at_once, blocking, client, lists, stays};

fn ask(server: &Server, method: &str, path: &str, body: &Value) -> bool {
    let url = format!("https://127.0.0.1:{}{path}", server.port());
    let mut command = Command::new("curl");
    command.args([
        "-sf",
        "-X",
        method,
        &url,
        "-H",
        &format!("Authorization: Bearer {TOKEN}"),
        "--data-binary",
        "@-",
    ]);
    command.args(["-H", "Content-Type: application/json"]).arg("--cacert").arg(server.authority());
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(body.to_string().as_bytes()).unwrap();
    child.wait().unwrap().success()
}

pub(crate) const SLICES: &str = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices";

fn slice(endpoints: &[(&str, bool)]) -> Value {
    let endpoints: Vec<Value> = endpoints
        .iter()
        .map(|(address, ready)| json!({"addresses": [address], "conditions": {"ready": ready}, "zone": "a"}))
        .collect();
    json!({
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
        "metadata": {"name": "orders-1", "labels": {"kubernetes.io/service-name": "orders", "app": "shop"}},
        "ports": [{"name": "metrics", "port": 9000}, {"name": "http", "port": 8080}],
        "endpoints": endpoints,
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn kubernetes_tells_of_endpoints_at_once_and_of_those_that_are_not_ready() {
    let name = "kubernetes_tells_of_endpoints_at_once_and_of_those_that_are_not_ready";
    let Some(mut server) = blocking(move || Server::kubernetes(name)).await else { return };
    poll::until("the API server takes objects", BACK, || {
        ask(&server, "GET", "/api/v1/namespaces/default", &Value::Null)
    });
    let url = format!("https://127.0.0.1:{}", server.port());
    let client = client(&[
        ("spring.cloud.kubernetes.client.master-url", &url),
        ("spring.cloud.kubernetes.client.oauth-token", TOKEN),
        ("spring.cloud.kubernetes.client.ca-cert-file", server.authority().to_str().unwrap()),
        ("spring.cloud.kubernetes.client.namespace", "default"),
    ]);
    client.first_fetch().await.unwrap();

    assert!(ask(&server, "POST", SLICES, &slice(&[("10.1.0.1", true)])));
    lists(&client, &["10.1.0.1:8080"], at_once()).await;
    let one = format!("{SLICES}/orders-1");
    assert!(ask(&server, "PUT", &one, &slice(&[("10.1.0.1", true), ("10.1.0.2", true)])));
    lists(&client, &["10.1.0.1:8080", "10.1.0.2:8080"], at_once()).await;
    let found = client.discovery().instances("orders");
    assert_eq!(
        (found[0].zone(), found[0].metadata().get("app").map(String::as_str)),
        (Some("a"), Some("shop"))
    );
    // A pod that is killed is no longer ready: so much the cluster's controllers say.
    assert!(ask(&server, "PUT", &one, &slice(&[("10.1.0.1", true), ("10.1.0.2", false)])));
    lists(&client, &["10.1.0.1:8080"], at_once()).await;

    server.kill();
    stays(&client, &["10.1.0.1:8080"]).await;
    let server = blocking(move || {
        server.start();
        server
    })
    .await;
    poll::until("the API server takes objects again", BACK, || {
        ask(&server, "PUT", &one, &slice(&[("10.1.0.1", true), ("10.1.0.3", true)]))
    });
    lists(&client, &["10.1.0.1:8080", "10.1.0.3:8080"], BACK).await;
    assert!(ask(&server, "DELETE", &one, &Value::Null));
    lists(&client, &[], at_once()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_documented_kubernetes_tells_of_endpoints_at_once_and_may_forget_or_go_away() {
    let store = Arc::<Store>::default();
    let server = StandIn::start(port::free(), &store);
    let port = server.port();
    let url = format!("http://127.0.0.1:{port}");
    let client = client(&[
        ("spring.cloud.kubernetes.client.master-url", &url),
        ("spring.cloud.kubernetes.client.oauth-token", TOKEN),
        ("spring.cloud.kubernetes.client.namespace", "default"),
    ]);
    client.first_fetch().await.unwrap();
    store.put("orders-1", Some(slice(&[("10.1.0.1", true)])));
    lists(&client, &["10.1.0.1:8080"], at_once()).await;
    store.put("orders-1", Some(slice(&[("10.1.0.1", true), ("10.1.0.2", true)])));
    lists(&client, &["10.1.0.1:8080", "10.1.0.2:8080"], at_once()).await;
    store.put("orders-1", Some(slice(&[("10.1.0.1", true), ("10.1.0.2", false)])));
    lists(&client, &["10.1.0.1:8080"], at_once()).await;

    // Away; meanwhile things change, and the server forgets how: everything is read again.
    drop(server);
    stays(&client, &["10.1.0.1:8080"]).await;
    let mut second = slice(&[("10.1.0.3", true)]);
    second["metadata"]["name"] = json!("orders-2");
    store.put("orders-2", Some(second));
    store.forget();
    let server = StandIn::start(port, &store);
    lists(&client, &["10.1.0.1:8080", "10.1.0.3:8080"], BACK).await;
    store.put("orders-1", None);
    lists(&client, &["10.1.0.3:8080"], at_once()).await;
    drop(server);
}
