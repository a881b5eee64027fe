//! The daemon over real sockets: endpoints, the built-in transport, the ack board.

#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use serde_json::{Value, json};
use wellspring_bus::transport::sse::Sse;
use wellspring_bus::transport::{State, Transport};
use wellspring_bus::{Bus, Event, Failure, Options, Payload};
use wellspring_daemon::Running;
use wellspring_lb_client::{Client, discovery, http};
use wellspring_test_support::{Fault, FaultProxy};

const PATIENCE: Duration = Duration::from_secs(90);

struct Daemon {
    running: Running,
    url: String,
    client: Client,
}

impl Daemon {
    async fn start(settings: &[(&str, &str)]) -> Self {
        let mut options = wellspring_daemon::Options::local();
        // The same argument twice would be a list.
        options.args.retain(|arg| !settings.iter().any(|(name, _)| arg.starts_with(&format!("--{name}="))));
        for (name, value) in settings {
            options = options.with(name, value);
        }
        let running = wellspring_bus::app().start(options).await.unwrap();
        let url = format!("http://127.0.0.1:{}", running.local_addr().port());
        Self { running, url, client: client() }
    }

    async fn send(
        &self,
        method: &str,
        path: &str,
        content_type: Option<&str>,
        body: &'static str,
    ) -> (u16, Value) {
        let method = method.parse().unwrap();
        let mut request = self.client.http().request(method, format!("{}{path}", self.url)).body(body);
        if let Some(content_type) = content_type {
            request = request.header("content-type", content_type);
        }
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        (status, serde_json::from_slice(&response.bytes().await.unwrap()).unwrap_or_default())
    }

    async fn get(&self, path: &str) -> Value {
        self.send("GET", path, None, "").await.1
    }

    async fn post(&self, path: &str) -> u16 {
        self.send("POST", path, None, "").await.0
    }

    /// An application in another process, as far as the bus can tell.
    async fn join(&self, id: &str) -> (Bus, Arc<AtomicUsize>) {
        join(&self.url, id).await
    }
}

fn client() -> Client {
    Client::new(Arc::new(discovery::Simple::default()), http::client(http::Options::default()).unwrap())
}

async fn join(url: &str, id: &str) -> (Bus, Arc<AtomicUsize>) {
    let transport = Sse::connect(client(), url, false);
    let mut state = transport.state();
    let bus = Bus::start(Options::new(id), Arc::new(transport));
    let refreshed = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&refreshed);
    bus.on_refresh_call(move || {
        count.fetch_add(1, SeqCst);
        Box::pin(async { Ok::<_, Failure>(vec![]) })
    });
    tokio::time::timeout(PATIENCE, state.wait_for(|state| *state == State::Up)).await.unwrap().unwrap();
    (bus, refreshed)
}

async fn until<F: AsyncFnMut() -> bool>(what: &str, mut holds: F) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while !holds().await {
        assert!(tokio::time::Instant::now() < deadline, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_refresh_reaches_applications_in_other_processes_and_the_board_shows_who_applied_it() {
    let daemon = Daemon::start(&[]).await;
    let (orders, of_orders) = daemon.join("orders:8081:a1").await;
    let (_stock, of_stock) = daemon.join("stock:8082:b2").await;
    assert_eq!(daemon.post("/actuator/busrefresh/orders").await, 204);
    until("orders refreshed", async || of_orders.load(SeqCst) == 1).await;
    until("the ack is on the board", async || {
        let event = daemon.get("/actuator/busacks").await["events"][0].clone();
        event["destination"] == "orders:**" && event["acknowledged"][0]["by"] == "orders:8081:a1"
    })
    .await;
    assert_eq!(of_stock.load(SeqCst), 0);
    let event = orders.publish("", Payload::Refresh).await.unwrap();
    until("stock refreshed by orders", async || of_stock.load(SeqCst) == 1).await;
    until("everyone has acknowledged", async || {
        let entry = daemon.get(&format!("/actuator/busacks/{}", event.id)).await;
        entry["acknowledged"].as_array().is_some_and(|acks| acks.len() == 3)
    })
    .await;
    daemon.running.stop().await;
}

#[tokio::test]
async fn the_silent_get_the_refresh_again() {
    let daemon = Daemon::start(&[]).await;
    let (orders, refreshed) = daemon.join("orders:8081:a1").await;
    daemon.post("/actuator/busrefresh").await;
    until("orders is known", async || {
        daemon.get("/actuator/busacks").await["members"].as_array().is_some_and(|members| members.len() == 2)
    })
    .await;
    orders.close().await;
    daemon.post("/actuator/busrefresh/orders").await;
    let event = daemon.get("/actuator/busacks").await["events"][0].clone();
    assert_eq!(event["silent"], json!(["orders:8081:a1"]));
    assert_eq!(event["complete"], false);
    let (_back, again) = daemon.join("orders:8081:a1").await;
    let path = format!("/actuator/busacks/{}", event["id"].as_str().unwrap());
    let (status, answer) = daemon.send("POST", &path, None, "").await;
    assert_eq!((status, &answer["sent"][0]["to"]), (200, &json!("orders:8081:a1")));
    until("it has answered", async || daemon.get(&path).await["complete"] == true).await;
    assert_eq!((refreshed.load(SeqCst), again.load(SeqCst)), (1, 1));
    assert_eq!(daemon.send("POST", "/actuator/busacks/nosuch", None, "").await.0, 404);
}

#[tokio::test]
async fn a_dropped_connection_resumes_without_loss_and_without_repetition() {
    let daemon = Daemon::start(&[]).await;
    let proxy = FaultProxy::start(daemon.running.local_addr());
    let (_orders, refreshed) = join(&format!("http://127.0.0.1:{}", proxy.port()), "orders:8081:a1").await;
    let mut sent = Vec::new();
    for round in 0..3 {
        proxy.set(Fault::Reset);
        for _ in 0..3 {
            sent.push(daemon.post("/actuator/busrefresh/orders").await);
        }
        proxy.set(Fault::None);
        until("all are acknowledged", async || {
            let events = daemon.get("/actuator/busacks").await["events"].as_array().unwrap().clone();
            events.len() == 3 * (round + 1)
                && events.iter().all(|event| event["acknowledged"].as_array().unwrap().len() == 1)
        })
        .await;
    }
    let refreshed = refreshed.load(SeqCst);
    assert!((1..=9).contains(&refreshed), "{refreshed} refreshes for 9 events");
    assert_eq!(sent, [204; 9]);
}

#[tokio::test]
async fn a_restarted_daemon_makes_its_clients_refresh_once() {
    let port = wellspring_test_support::port::free().to_string();
    let daemon = Daemon::start(&[("server.port", &port)]).await;
    let proxy = FaultProxy::start(daemon.running.local_addr());
    let (_orders, refreshed) = join(&format!("http://127.0.0.1:{}", proxy.port()), "orders:8081:a1").await;
    daemon.running.stop().await;
    let _again = Daemon::start(&[("server.port", &port)]).await;
    until("orders has caught up", async || refreshed.load(SeqCst) == 1).await;
}

#[tokio::test]
async fn the_endpoints_answer_as_the_originals_do() {
    let daemon = Daemon::start(&[]).await;
    let (json, form) = (Some("application/json"), Some("application/x-www-form-urlencoded"));
    for (method, path, content_type, body, status) in [
        ("POST", "/actuator/busrefresh", None, "", 204),
        ("POST", "/actuator/busrefresh", json, "{}", 204),
        ("POST", "/actuator/busrefresh/nosuch/9000", None, "", 204),
        ("POST", "/actuator/busrefresh", form, "x=1", 415),
        ("GET", "/actuator/busrefresh", None, "", 405),
        ("POST", "/actuator/busenv", json, r#"{"name":"a.b","value":"v"}"#, 204),
        ("POST", "/actuator/busenv/orders", json, r#"{"name":"a.b","value":5}"#, 204),
        ("POST", "/actuator/busenv", json, r#"{"name":"a.b"}"#, 400),
        ("POST", "/actuator/busenv", json, r#"{"value":"v"}"#, 400),
        ("POST", "/actuator/busenv", json, r#"{"name":"a","value":null}"#, 400),
        ("POST", "/actuator/busenv", json, "{", 400),
        ("POST", "/actuator/busenv", None, "", 415),
        ("POST", "/actuator/busenv", form, "name=a&value=b", 415),
        ("POST", "/actuator/busshutdown", None, "", 404),
        ("POST", "/monitor", json, r#"{"path":"orders.yml"}"#, 200),
    ] {
        assert_eq!(daemon.send(method, path, content_type, body).await.0, status, "{method} {path} {body}");
    }
    let destinations: Vec<_> = daemon.get("/actuator/busacks").await["events"]
        .as_array()
        .unwrap()
        .iter()
        .rev()
        .map(|event| event["destination"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(destinations, ["**", "**", "nosuch:9000:**", "**", "orders:**", "orders:**"]);
    let links = daemon.get("/actuator").await["_links"].clone();
    for link in ["busrefresh", "busrefresh-destinations", "busenv", "busenv-destinations"] {
        assert!(links[link]["href"].is_string(), "{link}");
    }
}

#[tokio::test]
async fn messages_of_clients_are_checked() {
    let daemon = Daemon::start(&[("wellspring.bus.max-message-size", "1KB")]).await;
    let mut large = Event::new("a:1:x", "**", Payload::Unknown { type_info: None, payload: None });
    large.id = "x".repeat(2000);
    for (body, status) in [
        (Event::new("a:1:x", "**", Payload::Refresh).to_json(), 204),
        (b"hello".to_vec(), 400),
        (br#"{"type":"RefreshRemoteApplicationEvent","destinationService":"**"}"#.to_vec(), 400),
        (large.to_json(), 413),
    ] {
        let url = format!("{}/bus/events", daemon.url);
        let response = daemon.client.http().post(url).body(body.clone()).send().await.unwrap();
        assert_eq!(response.status().as_u16(), status, "{}", String::from_utf8_lossy(&body));
    }
}

#[tokio::test]
async fn health_tells_the_transport_and_a_disabled_bus_has_no_endpoints() {
    let daemon = Daemon::start(&[("management.endpoint.health.show-details", "always")]).await;
    let health = daemon.get("/actuator/health").await;
    assert_eq!(
        (&health["status"], &health["components"]["bus"]["details"]["transport"]),
        (&json!("UP"), &json!("memory"))
    );
    let none = Daemon::start(&[("spring.cloud.bus.enabled", "false")]).await;
    assert_eq!(none.post("/actuator/busrefresh").await, 404);
    assert_eq!(
        none.send("POST", "/monitor", Some("application/json"), r#"{"path":"a.yml"}"#).await,
        (200, json!(["a"]))
    );
}

#[tokio::test]
async fn a_daemon_that_is_away_is_told_to_the_publisher() {
    let mut options = Options::new("orders:8081:a1");
    options.own.confirm_timeout = Duration::from_millis(300);
    let nowhere = format!("http://127.0.0.1:{}", wellspring_test_support::port::free());
    let bus = Bus::start(options, Arc::new(Sse::connect(client(), &nowhere, false)));
    let error = bus.publish("", Payload::Refresh).await.unwrap_err();
    assert!(error.is_retryable(), "{error}");
    assert!(bus.ack_log(|log| log.entries().next().is_none()), "what was not sent is not on the log");
    let begin = tokio::time::Instant::now();
    bus.close().await;
    assert!(begin.elapsed() < PATIENCE);
}

/// The daemon's admin API.
async fn api(daemon: &Daemon, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let admin = daemon.running.admin_addr().unwrap();
    let url = format!("http://{admin}/api/v1{path}");
    let request = client().http().request(method.parse().unwrap(), url).header("x-wellspring", "1");
    let request = if method == "POST" {
        request.header("content-type", "application/json").body(body.to_string())
    } else {
        request
    };
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    (status, serde_json::from_slice(&response.bytes().await.unwrap()).unwrap_or_default())
}

#[tokio::test]
async fn operators_send_by_the_admin_api_and_the_event_log_has_every_event_and_ack() {
    let daemon = Daemon::start(&[("wellspring.admin.address", "127.0.0.1:0")]).await;
    let get = async |path: &str| api(&daemon, "GET", path, &Value::Null).await;
    let (orders, refreshed) = daemon.join("orders:8081:a1").await;
    let (status, empty) = get("/bus").await;
    assert_eq!(
        (status, &empty["connected"], empty["items"].as_array().unwrap().len()),
        (200, &json!(true), 0)
    );
    let order = json!({"destination": "orders", "reason": "new price list"});
    let (status, sent) = api(&daemon, "POST", "/bus/refresh", &order).await;
    assert_eq!((status, &sent["item"]["destination"]), (200, &json!("orders:**")), "{sent}");
    let id = sent["item"]["id"].as_str().unwrap().to_owned();
    until("orders has acknowledged", async || {
        let (_, event) = get(&format!("/bus/{id}")).await;
        event["acks"][0]["by"] == "orders:8081:a1" && event["acks"][0]["ms"].as_i64().unwrap() >= 0
    })
    .await;
    assert_eq!(refreshed.load(SeqCst), 1);
    let (_, noted) = get(&format!("/events/{}", sent["event"])).await;
    assert_eq!(
        (&noted["topic"], &noted["kind"], &noted["actor"], &noted["data"]["reason"]),
        (&json!("admin"), &json!("refresh sent"), &json!("local"), &json!("new price list"))
    );
    until("the log has the event and its ack", async || {
        let (_, log) = get("/events?topics=bus").await;
        let kinds: Vec<&str> =
            log["items"].as_array().unwrap().iter().map(|one| one["kind"].as_str().unwrap()).collect();
        kinds == ["acked", "sent"] && log["items"][0]["subject"] == id.as_str()
    })
    .await;

    let value = json!({"name": "db.password", "value": "s3cret", "destination": "orders"});
    let (status, set) = api(&daemon, "POST", "/bus/env", &value).await;
    assert_eq!((status, &set["item"]["type"]), (200, &json!("EnvironmentChangeRemoteApplicationEvent")));
    let (_, all) = get("/events").await;
    assert!(!all.to_string().contains("s3cret"), "{all}");
    assert_eq!(api(&daemon, "POST", "/bus/env", &json!({"value": "x"})).await.0, 400);

    orders.close().await;
    let (_, again) = api(&daemon, "POST", "/bus/refresh", &order).await;
    let id = again["item"]["id"].as_str().unwrap();
    assert_eq!(again["item"]["silent"], json!(["orders:8081:a1"]));
    let (status, resent) = api(&daemon, "POST", &format!("/bus/{id}/resend"), &json!({})).await;
    assert_eq!((status, &resent["items"][0]["to"]), (200, &json!("orders:8081:a1")), "{resent}");
    let (_, event) = get(&format!("/bus/{id}")).await;
    assert_eq!((&event["complete"], event["resends"].as_array().unwrap().len()), (&json!(false), 1));
    let changed = set["item"]["id"].as_str().unwrap();
    assert_eq!(api(&daemon, "POST", &format!("/bus/{changed}/resend"), &json!({})).await.0, 409);
    assert_eq!(api(&daemon, "POST", "/bus/none/resend", &json!({})).await.0, 404);
    assert_eq!(get("/bus/none").await.0, 404);
    daemon.running.stop().await;
}
