//! The admin API: what it answers, that its description matches, that a stream resumes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use futures_util::future::BoxFuture;
use http::Request;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use wellspring_admin::config::{
    Change, ConfigClient, ConfigCommit, ConfigRepository, Configs, Denied, Diff, Effective, History, Pin,
    PinOrder, Property, RejectedCommit, Valued, Wanted,
};
use wellspring_admin::events::New;
use wellspring_admin::{Access, Admin, Health, Instance, Part, Service, Services, Topic, api};

struct Daemon(Arc<AtomicBool>);

impl Part for Daemon {
    fn name(&self) -> String {
        "registry".to_owned()
    }

    fn address(&self) -> String {
        "127.0.0.1:8761".to_owned()
    }

    fn health(&self) -> BoxFuture<'_, Health> {
        let status = if self.0.load(Relaxed) { "UP" } else { "DOWN" };
        let health = json!({
            "name": "registry", "address": "127.0.0.1:8761", "status": status,
            "components": {"git": {"status": status, "details": {"why": "unreachable"}}, "ping": {"status": "UP"}}
        });
        Box::pin(std::future::ready(serde_json::from_value(health).unwrap()))
    }
}

struct Registered;

impl Services for Registered {
    fn services(&self) -> Vec<Service> {
        let instance = |id: &str, status: &str| Instance {
            id: id.to_owned(),
            host: "host7".to_owned(),
            port: 8081,
            status: status.to_owned(),
            lease_seconds: Some(90),
            ..Instance::default()
        };
        vec![
            Service::new("PRICING".to_owned(), vec![instance("p1", "UP")]),
            Service::new("ORDERS".to_owned(), vec![instance("o1", "UP"), instance("o2", "DOWN")]),
        ]
    }
}

/// A config server with one of everything.
struct Configured;

impl Configs for Configured {
    fn daemon(&self) -> String {
        "config-server".to_owned()
    }

    fn drift(&self, registered: Vec<Service>) -> BoxFuture<'_, Result<Vec<ConfigClient>, Denied>> {
        let client = |service: Service| ConfigClient {
            application: service.name,
            state: "never".to_owned(),
            ..ConfigClient::default()
        };
        Box::pin(std::future::ready(Ok(registered.into_iter().map(client).collect())))
    }

    fn history(&self, wanted: Wanted, _: usize) -> BoxFuture<'_, Result<History, Denied>> {
        let known = wanted.label.is_none();
        let history = History {
            items: vec![ConfigCommit::default()],
            rejected: Some(RejectedCommit::default()),
            ..History::default()
        };
        Box::pin(std::future::ready(
            known.then_some(history).ok_or(Denied::Unknown("label", "v9".to_owned())),
        ))
    }

    fn diff(&self, _: Wanted, from: String, to: String) -> BoxFuture<'_, Result<Diff, Denied>> {
        let change = Change { to: Some(Valued::default()), ..Change::default() };
        Box::pin(std::future::ready(Ok(Diff { from, to, items: vec![change], ..Diff::default() })))
    }

    fn effective(&self, _: Wanted) -> BoxFuture<'_, Result<Effective, Denied>> {
        Box::pin(std::future::ready(Ok(Effective {
            items: vec![Property::default()],
            ..Effective::default()
        })))
    }

    fn repositories(&self) -> Vec<ConfigRepository> {
        vec![ConfigRepository { rejected: vec![RejectedCommit::default()], ..ConfigRepository::default() }]
    }

    fn pins(&self) -> Vec<Pin> {
        vec![Pin::default()]
    }

    fn pin(&self, order: PinOrder) -> BoxFuture<'_, Result<Pin, Denied>> {
        let pin = Pin { commit: order.commit.unwrap_or_default(), ..Pin::default() };
        Box::pin(std::future::ready(Ok(pin)))
    }

    fn encrypt(&self, value: &str) -> Result<String, Denied> {
        Ok(format!("{{cipher}}{value}"))
    }

    fn decrypt(&self, value: &str) -> Result<String, Denied> {
        value
            .strip_prefix("{cipher}")
            .map(str::to_owned)
            .ok_or_else(|| Denied::Conflict("no cipher".to_owned()))
    }

    fn unpin(&self, order: PinOrder) -> BoxFuture<'_, Result<Pin, Denied>> {
        let pin = Pin { label: order.label.unwrap_or_default(), ..Pin::default() };
        Box::pin(std::future::ready(Ok(pin)))
    }
}

struct Platform {
    admin: Admin,
    well: Arc<AtomicBool>,
    router: Router,
    stopping: CancellationToken,
}

fn platform(token: Option<&str>) -> Platform {
    let (admin, well, stopping) =
        (Admin::default(), Arc::new(AtomicBool::new(true)), CancellationToken::new());
    admin.add_part(Daemon(Arc::clone(&well)));
    admin.show_services(Registered);
    admin.show_config(Configured);
    let router = api::router(admin.clone(), Access::new(token.map(str::to_owned)), stopping.clone());
    Platform { admin, well, router, stopping }
}

impl Platform {
    async fn send(&self, path: &str, headers: &[(&str, &str)]) -> Response {
        let mut request = Request::get(format!("/api/v1{path}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        let answer = self.send(path, &[("host", "127.0.0.1:9770")]).await;
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&body).unwrap())
    }
}

#[tokio::test]
async fn the_overview_says_what_is_wrong_and_since_when() {
    let platform = platform(None);
    let (_, overview) = platform.get("/overview").await;
    assert_eq!(overview["status"], "UP");
    assert_eq!(overview["services"], json!({"services": 2, "instances": 3, "up": 2}));
    // The config server here has refused a commit.
    let of_health = |answer: &Value| {
        let items = answer.as_array().unwrap().iter();
        items.filter(|one| one["component"] == "git").cloned().collect::<Vec<_>>()
    };
    assert_eq!(of_health(&overview["problems"]), [] as [Value; 0]);
    assert!(overview["problems"][0]["description"].as_str().unwrap().contains("is not served"));
    platform.well.store(false, Relaxed);
    let (_, problems) = platform.get("/problems").await;
    let problem = &of_health(&problems["items"])[0];
    assert_eq!((&problem["daemon"], &problem["component"]), (&json!("registry"), &json!("git")));
    assert_eq!(problem["details"], json!({"why": "unreachable"}));
    let (_, again) = platform.get("/problems").await;
    assert_eq!(
        problem["since"],
        of_health(&again["items"])[0]["since"],
        "since the change, not since the look"
    );
    let (_, events) = platform.get("/events?topics=health").await;
    assert_eq!(events["items"][0]["text"], "git went from UP to DOWN");
    assert_eq!(events["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn services_are_listed_by_name_paged_and_filtered() {
    let platform = platform(None);
    let (_, page) = platform.get("/services?limit=1").await;
    assert_eq!((&page["items"][0]["name"], &page["next"]), (&json!("ORDERS"), &json!("ORDERS")));
    let (_, page) = platform.get("/services?limit=1&cursor=ORDERS").await;
    assert_eq!((&page["items"][0]["name"], &page["next"]), (&json!("PRICING"), &Value::Null));
    let (_, down) = platform.get("/services?q=down").await;
    assert_eq!(down["items"].as_array().unwrap().len(), 1);
    let (_, one) = platform.get("/services/orders/instances/o2").await;
    assert_eq!(one["status"], "DOWN");
}

#[tokio::test]
async fn errors_have_one_form() {
    let platform = platform(None);
    for (path, status, code) in [
        ("/services/none", 404, "WS-1611"),
        ("/events/x", 404, "WS-1611"),
        ("/nothing", 404, "WS-1611"),
        ("/services?limit=0", 400, "WS-1612"),
        ("/events?topics=rumours", 400, "WS-1612"),
        ("/stream?last=x", 400, "WS-1612"),
    ] {
        let (found, body) = platform.get(path).await;
        assert_eq!((found, body["code"].as_str()), (status, Some(code)), "{path}: {body}");
        assert!(body["message"].is_string());
    }
}

#[tokio::test]
async fn other_names_and_wrong_tokens_are_refused() {
    let open = platform(None);
    for (host, status) in
        [("localhost:1", 200), ("[::1]:9770", 200), ("evil.example", 403), ("10.0.0.7", 403)]
    {
        assert_eq!(open.send("/daemons", &[("host", host)]).await.status(), status, "{host}");
    }
    let closed = platform(Some("s3cret"));
    for (value, status) in [("Bearer s3cret", 200), ("Bearer s3cre", 401), ("s3cret", 401)] {
        let headers = [("host", "example.org"), ("authorization", value)];
        assert_eq!(closed.send("/daemons", &headers).await.status(), status, "{value}");
    }
}

#[tokio::test]
async fn the_description_covers_every_route_and_every_answer_fits_it() {
    let platform = platform(None);
    platform.admin.record(New::of(Topic::Bus, "sent", "bus", "orders:**"));
    let (_, description) = platform.get("/openapi.json").await;
    let paths = description["paths"].as_object().unwrap();
    assert!(paths.len() >= 9, "{paths:?}");
    for (path, operations) in paths {
        let filled = path
            .trim_start_matches("/api/v1")
            .replace("{name}", if path.contains("daemons") { "registry" } else { "ORDERS" })
            .replace("{id}", if path.contains("events") { "1" } else { "o1" });
        // What is compared has to be named.
        let filled =
            if path.contains("/config/") { format!("{filled}?application=x&from=a") } else { filled };
        let content = &operations["get"]["responses"]["200"]["content"];
        let Some(schema) = content.get("application/json").map(|json| &json["schema"]) else { continue };
        let filled = filled.replace("/search", "/search?q=o1").replace("{endpoint}", "health");
        let (status, answer) = platform.get(&filled).await;
        // What only other daemons know is not to be had here.
        let elsewhere =
            operations["get"]["x-domain"].as_str().is_some_and(|domain| domain != "config server");
        if elsewhere && matches!(status, 404 | 502) {
            continue;
        }
        assert_eq!(status, 200, "{filled}");
        fits(&description, schema, &answer, path);
    }
}

#[tokio::test]
async fn labels_are_pinned_and_set_free() {
    let platform = platform(None);
    let send = async |method: &str, path: &str, body: &str| {
        let request =
            Request::builder().method(method).uri(format!("/api/v1{path}")).header("host", "localhost");
        let request = request.header("x-wellspring", "1");
        let request = request.header("content-type", "application/json").body(Body::from(body.to_owned()));
        let response = platform.router.clone().oneshot(request.unwrap()).await.unwrap();
        let status = response.status().as_u16();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice::<Value>(&bytes).unwrap_or_default())
    };
    let (status, pin) = send("POST", "/config/pins", r#"{"commit": "abc"}"#).await;
    assert_eq!((status, &pin["commit"]), (200, &json!("abc")));
    let (_, noted) = platform.get("/events?topics=admin").await;
    assert_eq!(noted["items"][0]["daemon"], "config-server", "who did it, not who was asked: {noted}");
    let (_, problems) = platform.get("/problems").await;
    assert_eq!(problems["items"][0]["daemon"], "config-server", "{problems}");
    let (status, pin) = send("DELETE", "/config/pins/feature%2Fx", "").await;
    assert_eq!((status, &pin["label"]), (200, &json!("feature/x")));
    assert_eq!(platform.get("/config/history?label=v9").await.0, 404);
    assert_eq!(platform.get("/config/diff?application=x").await.0, 400);
    let (_, description) = platform.get("/openapi.json").await;
    let paths = &description["paths"];
    assert!(paths["/api/v1/config/pins"]["post"]["requestBody"]["required"].as_bool().unwrap());
    assert!(
        paths["/api/v1/config/pins"]["get"].is_object()
            && paths["/api/v1/config/pins/{label}"]["delete"].is_object()
    );
}

/// Every member of an answer is described, and has the described type.
fn fits(description: &Value, schema: &Value, answer: &Value, at: &str) {
    if answer.is_null() {
        return;
    }
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.rsplit('/').next().unwrap();
        let named = &description["components"]["schemas"][name];
        assert!(named.is_object(), "{at}: {name} is not described");
        return fits(description, named, answer, &format!("{at} {name}"));
    }
    match schema["type"].as_str() {
        Some("object") => {
            for (key, value) in answer.as_object().unwrap_or_else(|| panic!("{at}: {answer}")) {
                let described = schema["properties"].get(key).or(schema.get("additionalProperties"));
                fits(
                    description,
                    described.unwrap_or_else(|| panic!("{at}.{key}")),
                    value,
                    &format!("{at}.{key}"),
                );
            }
        }
        Some("array") => {
            for item in answer.as_array().unwrap_or_else(|| panic!("{at}: {answer}")) {
                fits(description, &schema["items"], item, at);
            }
        }
        Some("string") => assert!(answer.is_string(), "{at}: {answer}"),
        Some("integer") => assert!(answer.is_i64() || answer.is_u64(), "{at}: {answer}"),
        Some("boolean") => assert!(answer.is_boolean(), "{at}: {answer}"),
        _ => {}
    }
}

#[tokio::test]
async fn a_dropped_stream_resumes_without_loss_and_ends_with_the_daemon() {
    let platform = platform(None);
    let note =
        |subject: &str| platform.admin.record(New::of(Topic::Registry, "registered", "registry", subject));
    note("a");
    let seen = note("b");
    note("c");
    platform.admin.record(New::of(Topic::Bus, "sent", "bus", "x"));
    let id = seen.to_string();
    let headers = [("host", "localhost"), ("last-event-id", id.as_str())];
    let answer = platform.send("/stream?topics=registry", &headers).await;
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    note("d");
    platform.stopping.cancel();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    let text = String::from_utf8(body.to_vec()).unwrap();
    let subjects: Vec<_> = text
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .map(|data| serde_json::from_str::<Value>(data).unwrap()["subject"].clone())
        .collect();
    assert_eq!(subjects.first(), Some(&json!("c")), "{text}");
    assert!(!text.contains("reset") && !text.contains("\"b\""), "{text}");
    let lost = platform.send("/stream?last=999", &[("host", "localhost")]).await;
    let body = lost.into_body().collect().await.unwrap().to_bytes();
    assert!(String::from_utf8_lossy(&body).contains("event: reset"));
}
