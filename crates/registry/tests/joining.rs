//! A node takes its place among peers: what it copies, when it opens, whom it tells, who counts as there.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "tests"
)]

mod started;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::Body;
use futures_util::FutureExt as _;
use parking_lot::Mutex;
use serde_json::{Value, json};
use started::{Started, instance};
use wellspring_daemon::{App, Options, Running, Service};
use wellspring_test_support::port;

/// A peer of the original's kind, which is to say that it compares nothing: it has a list, or is not well.
struct Original {
    running: Running,
    list: Arc<Mutex<Option<Value>>>,
    asked: Arc<AtomicUsize>,
}

impl Original {
    async fn start(ids: Option<&[&str]>) -> Self {
        let (list, asked) = (Arc::new(Mutex::new(ids.map(listing))), Arc::<AtomicUsize>::default());
        let (known, count) = (Arc::clone(&list), Arc::clone(&asked));
        let app = App::new("original").build(move |_| {
            let call = move |request: wellspring_daemon::Request| {
                let answer = match request.uri().path() {
                    "/eureka/apps/" => {
                        // The client inside of the node, which fetches like any other, is not what is counted.
                        let copies = !request.headers().contains_key("x-wellspring-client");
                        count.fetch_add(usize::from(copies), Ordering::Relaxed);
                        known.lock().as_ref().map_or((503, String::new()), |list| (200, list.to_string()))
                    }
                    _ => (404, String::new()),
                };
                let response = http::Response::builder().status(answer.0).body(Body::from(answer.1));
                async move { response.unwrap() }
            };
            async { Ok(Service::new(call)) }.boxed()
        });
        Self { running: app.start(Options::local()).await.unwrap(), list, asked }
    }

    fn url(&self) -> String {
        format!("http://{}/eureka/", self.running.local_addr())
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

fn listing(ids: &[&str]) -> Value {
    let all: Vec<Value> = ids.iter().map(|id| instance("FOO", id)).collect();
    let apps = if all.is_empty() { json!([]) } else { json!([{"name": "FOO", "instance": all}]) };
    json!({"applications": {"versions__delta": "1", "apps__hashcode": "", "application": apps}})
}

/// Never in a test.
const NEVER: &str = "1h";

/// What stands on the dashboard beside `name`.
async fn figure(node: &Started, name: &str) -> String {
    let url = format!("http://{}/", node.running.local_addr());
    let page = node.http.get(url).header("accept", "text/html").send().await.unwrap().text().await.unwrap();
    let after = page.split_once(&format!("<td>{name}</td><td>")).unwrap_or_else(|| panic!("no {name}")).1;
    after.split_once("</td>").unwrap().0.to_owned()
}

/// A node that copies from `peer`, which knows nothing of it.
async fn newcomer(peer: &str, retries: Option<u32>, wait: u32, open_count: u32) -> Started {
    let mut settings: Vec<(&str, &dyn std::fmt::Display)> = vec![
        ("eureka.client.service-url.defaultZone", &peer),
        ("eureka.client.register-with-eureka", &false),
        ("eureka.server.registry-sync-retry-wait-ms", &wait),
        ("eureka.server.wait-time-in-ms-when-sync-empty", &3000),
        ("eureka.instance.registry.default-open-for-traffic-count", &open_count),
        ("eureka.instance.hostname", &"elsewhere"),
        ("wellspring.registry.comparison-interval", &NEVER),
    ];
    if let Some(retries) = &retries {
        settings.push(("eureka.server.registry-sync-retries", retries));
    }
    Started::with(&settings).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_peer_is_asked_again_until_it_knows_something() {
    let peer = Original::start(Some(&[])).await;
    let node = newcomer(&peer.url(), Some(1000), 100, 1).await;
    // Nothing to copy yet: it answers from what it has, and does not count on anybody.
    node.until("a second attempt", async || peer.asked() >= 2).await;
    assert_eq!(node.json("apps").await["applications"]["apps__hashcode"], "");
    assert_eq!(figure(&node, "Renews threshold").await, "0");
    *peer.list.lock() = Some(listing(&["i1", "i2", "i3"]));
    node.until("the copy", async || node.json("apps").await["applications"]["apps__hashcode"] == "UP_3_")
        .await;
    // Three are expected, twice a minute each, of which 85 % must come.
    node.until("the opening", async || figure(&node, "Renews threshold").await == "5").await;
    let copied = node.json("apps/FOO/i1").await;
    assert_eq!(copied["instance"]["leaseInfo"]["durationInSecs"], 90, "as the instance asked for");
    let asked = peer.asked();
    tokio::time::sleep(std::time::Duration::from_millis(350)).await; // three pauses
    assert_eq!(peer.asked(), asked, "of what comes later a node is told");
}

#[tokio::test(flavor = "multi_thread")]
async fn after_its_attempts_a_node_opens_with_what_it_expects() {
    let peer = Original::start(None).await;
    let node = newcomer(&peer.url(), Some(4), 600, 0).await;
    assert_eq!(node.status("apps").await, 200, "the empty registry answers meanwhile");
    // Expecting nobody, its lists are closed from then on, and for a while only.
    node.eventually_status("apps", 403).await;
    assert_eq!(peer.asked(), 4);
    node.eventually_status("apps", 200).await;
    assert_eq!(peer.asked(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_registers_nowhere_copies_from_nobody_unless_told_to() {
    let peer = Original::start(Some(&["i1"])).await;
    let node = newcomer(&peer.url(), None, 100, 1).await;
    assert_eq!(figure(&node, "Renews threshold").await, "1", "open already, and one client is expected");
    assert_eq!(node.json("apps").await["applications"]["apps__hashcode"], "");
    assert_eq!(peer.asked(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn peers_follow_the_list_and_an_empty_list_changes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("application.yml");
    let write = |urls: &str| {
        let text = format!(
            "eureka: {{client: {{register-with-eureka: false, service-url: {{defaultZone: \"{urls}\"}}}}, instance: {{hostname: elsewhere}}}}\n"
        );
        std::fs::write(&file, text).unwrap();
    };
    let (first, second) = (Started::plain().await, Started::plain().await);
    let urls = [&first, &second].map(|peer| format!("{}/", peer.base()));
    write(&urls.join(","));
    let path = directory.path().display().to_string();
    let node = Started::with_config(&path, &[("management.endpoints.web.exposure.include", &"*")]).await;
    assert_eq!(figure(&node, "registered-replicas").await, urls.join(", "));
    let refresh = format!("http://{}/actuator/refresh", node.running.local_addr());
    let refreshed = async || assert_eq!(node.http.post(&refresh).send().await.unwrap().status(), 200);

    write(&urls[1]);
    refreshed().await;
    node.until("one peer", async || figure(&node, "registered-replicas").await == urls[1]).await;
    node.register(instance("FOO", "i1")).await;
    second.eventually("apps/FOO/i1", "status", "UP").await;
    assert_eq!(first.status("apps/FOO/i1").await, 404, "told nothing any more");

    write("");
    refreshed().await;
    node.register(instance("FOO", "i2")).await;
    second.eventually("apps/FOO/i2", "status", "UP").await;
    assert_eq!(figure(&node, "registered-replicas").await, urls[1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_is_available_when_it_has_registered_itself() {
    let ports = [port::free(), port::free()];
    // By different names, so that each knows its own URL and the other's.
    let urls = format!("http://localhost:{}/eureka/,http://127.0.0.1:{}/eureka/", ports[0], ports[1]);
    let start = async |number: usize, registers: bool| {
        let host = ["localhost", "127.0.0.1"][number];
        let id = format!("node{number}");
        Started::with(&[
            ("server.port", &ports[number]),
            ("eureka.client.service-url.defaultZone", &urls),
            ("eureka.client.register-with-eureka", &registers),
            ("eureka.instance.hostname", &host),
            ("eureka.instance.instance-id", &id),
            ("eureka.server.peer-node-read-timeout-ms", &5000),
            ("wellspring.registry.comparison-interval", &NEVER),
        ])
        .await
    };
    let (a, b) = (start(0, true).await, start(1, false).await);
    // Its own entry comes back to it from the peer where it registered.
    a.eventually("apps/REGISTRY/node0", "status", "UP").await;
    a.eventually("apps/REGISTRY/node0", "isCoordinatingDiscoveryServer", "true").await;
    b.eventually("apps/REGISTRY/node0", "isCoordinatingDiscoveryServer", "false").await;
    let [url_a, url_b] =
        [format!("http://localhost:{}/eureka/", ports[0]), format!("http://127.0.0.1:{}/eureka/", ports[1])];
    b.until("a is available", async || figure(&b, "available-replicas").await == format!("{url_a},")).await;
    assert_eq!(figure(&b, "unavailable-replicas").await, "");
    assert_eq!(
        (figure(&a, "available-replicas").await, figure(&a, "unavailable-replicas").await),
        (String::new(), format!("{url_b},"))
    );
    let status = b.http.get(format!("{}/status", b.base())).send().await.unwrap().text().await.unwrap();
    assert!(status.contains(&format!("<available-replicas>{url_a},</available-replicas>")), "{status}");
}
