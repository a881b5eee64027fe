//! The actuator over real sockets: what is exposed, in which shape, and what callers may change.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use axum::Router;
use axum::routing::get;
use serde_json::{Value, json};
use wellspring_daemon::actuator::{Access, Endpoint, Reply};
use wellspring_daemon::health::Component;
use wellspring_daemon::{App, Options, Running};
use wellspring_test_support::http1::{self, Request};

const V3: &str = "application/vnd.spring-boot.actuator.v3+json";
const V2: &str = "application/vnd.spring-boot.actuator.v2+json";

fn everything() -> Options {
    Options::local().with("management.endpoints.web.exposure.include", "*")
}

async fn started(options: Options) -> Running {
    let app = App::new("orders").build(|cx| async move {
        cx.health.add("git", || async { Component::up().detail("k", "v").describe("a remote") });
        cx.actuator.add(
            Endpoint::new("busenv")
                .write("", |_| async { Reply::done() })
                .write("{*destinations}", |call| async move {
                    Reply::json(&json!({"for": call.selector("destinations")}))
                }),
        )?;
        cx.actuator.add(
            Endpoint::new("gateway")
                .default_access(Access::None)
                .single_link()
                .read("routes/{id}", |call| async move { Reply::json(&json!({"id": call.selector("id")})) })
                .write("refresh", |_| async { Reply::done() })
                .write_always("look", |_| async { Reply::json(&json!({})) }),
        )?;
        Ok(Router::new().route("/hello/{name}", get(|| async { "hi" })))
    });
    app.start(options).await.unwrap()
}

fn port(running: &Running) -> u16 {
    running.local_addr().port()
}

#[tokio::test(flavor = "multi_thread")]
async fn only_health_is_exposed_unless_asked() {
    let running = started(Options::local()).await;
    for id in ["info", "metrics", "prometheus", "env", "loggers", "busenv", "shutdown"] {
        assert_eq!(http1::get(port(&running), &format!("/actuator/{id}")).unwrap().status, 404, "{id}");
    }
    let index = http1::get(port(&running), "/actuator").unwrap().json();
    let links: Vec<_> = index["_links"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(links, ["self", "health", "health-path"]);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_index_uses_the_callers_host_and_names_variables() {
    let running = started(everything().with("management.endpoint.gateway.access", "read-only")).await;
    let index =
        Request::new("GET", "/actuator").header("Host", "example.org:81").send(port(&running)).unwrap();
    assert_eq!(index.header("content-type"), Some(V3));
    let links = index.json()["_links"].clone();
    assert_eq!(links["self"], json!({"href": "http://example.org:81/actuator", "templated": false}));
    assert_eq!(
        links["busenv-destinations"],
        json!({"href": "http://example.org:81/actuator/busenv/{*destinations}", "templated": true})
    );
    assert_eq!(links["metrics-requiredMetricName"]["templated"], true);
    assert_eq!(links["gateway"]["href"], "http://example.org:81/actuator/gateway");
    assert!(links.get("gateway-id").is_none() && links.get("shutdown").is_none());
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn methods_media_types_and_slashes_are_answered_as_spring_does() {
    let running = started(everything()).await;
    let table = [
        ("GET", "/actuator/health", "", 200, Some(V3)),
        ("GET", "/actuator/health", "*/*", 200, Some(V3)),
        ("GET", "/actuator/health", V2, 200, Some(V2)),
        ("GET", "/actuator/health", "application/json", 200, Some("application/json")),
        ("GET", "/actuator/health", "text/plain", 406, Some("application/json")),
        ("GET", "/actuator/health", "text/html", 406, Some("text/html;charset=UTF-8")),
        ("HEAD", "/actuator/health", "", 200, Some(V3)),
        ("OPTIONS", "/actuator/health", "", 200, None),
        ("POST", "/actuator/health", "", 405, Some("application/json")),
        ("GET", "/actuator/health/", "", 404, Some("application/json")),
        ("GET", "/actuator/", "", 404, Some("application/json")),
        ("GET", "/actuator/busenv", "", 405, Some("application/json")),
        ("POST", "/actuator/busenv", "", 204, None),
        ("GET", "/actuator/metrics/no.such", "", 404, None),
        ("GET", "/actuator/loggers/no.such", "", 404, None),
        ("GET", "/actuator/env/no.such", "", 404, None),
        ("GET", "/actuator/health/no-such", "", 404, None),
        ("GET", "/actuator/gateway/routes/7", "", 404, Some("application/json")),
        ("GET", "/actuator/prometheus", "", 200, Some("text/plain;version=0.0.4;charset=utf-8")),
    ];
    for (method, path, accept, status, content_type) in table {
        let mut request = Request::new(method, path);
        if !accept.is_empty() {
            request = request.header("Accept", accept);
        }
        let answer = request.send(port(&running)).unwrap();
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (status, content_type),
            "{method} {path} {accept}"
        );
        if content_type.is_none() || method == "HEAD" {
            assert!(answer.body.is_empty(), "{method} {path}");
        }
    }
    let refused =
        Request::new("GET", "/actuator/health").header("Accept", "text/plain").send(port(&running)).unwrap();
    assert_eq!(refused.header("accept"), Some(format!("{V3}, {V2}, application/json").as_str()));
    let options = Request::new("OPTIONS", "/actuator/health").send(port(&running)).unwrap();
    assert_eq!(options.header("allow"), Some("GET,HEAD,OPTIONS"));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn operations_get_their_path_variables() {
    let running = started(everything().with("management.endpoint.gateway.access", "read-only")).await;
    let busenv = Request::new("POST", "/actuator/busenv/orders/8081").send(port(&running)).unwrap();
    assert_eq!(busenv.json(), json!({"for": "orders/8081"}));
    assert_eq!(http1::get(port(&running), "/actuator/gateway/routes/7").unwrap().json(), json!({"id": "7"}));
    let write = Request::new("POST", "/actuator/gateway/refresh").send(port(&running)).unwrap();
    assert_eq!(write.status, 405, "read-only");
    assert_eq!(Request::new("POST", "/actuator/gateway/look").send(port(&running)).unwrap().status, 200);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn health_shows_what_its_settings_say() {
    let plain = started(Options::local()).await;
    assert_eq!(http1::get(port(&plain), "/actuator/health").unwrap().text(), "{\"status\":\"UP\"}");
    assert_eq!(http1::get(port(&plain), "/actuator/health/readiness").unwrap().text(), "{\"status\":\"UP\"}");
    assert_eq!(http1::get(port(&plain), "/actuator/health/git").unwrap().status, 404);
    plain.stop().await;

    let shown = started(
        Options::local()
            .with("management.endpoint.health.show-details", "always")
            .with("management.endpoint.health.probes.enabled", "true")
            .with("management.endpoint.health.probes.add-additional-paths", "true")
            .with("management.endpoint.health.group.mine.include", "git,ping")
            .with("management.health.refresh-scope.enabled", "false"),
    )
    .await;
    let health = http1::get(port(&shown), "/actuator/health").unwrap().json();
    assert_eq!(health["groups"], json!(["liveness", "mine", "readiness"]));
    let names: Vec<_> = health["components"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(names, ["diskSpace", "git", "livenessState", "ping", "readinessState"]);
    assert_eq!(
        health["components"]["git"],
        json!({"description": "a remote", "status": "UP", "details": {"k": "v"}})
    );
    let mine = http1::get(port(&shown), "/actuator/health/mine").unwrap();
    assert_eq!(
        mine.text(),
        "{\"status\":\"UP\",\"components\":{\"git\":{\"description\":\"a remote\",\"status\":\"UP\",\"details\":{\"k\":\"v\"}},\"ping\":{\"status\":\"UP\"}}}"
    );
    assert_eq!(http1::get(port(&shown), "/livez").unwrap().text(), "{\"status\":\"UP\"}");
    assert_eq!(http1::get(port(&shown), "/readyz").unwrap().status, 200);
    let old = Request::new("GET", "/actuator/health/mine").header("Accept", V2).send(port(&shown)).unwrap();
    assert_eq!(old.json()["details"]["ping"], json!({"status": "UP"}));
    shown.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_that_is_down_is_503_with_the_whole_body_and_liveness_stays_up() {
    let options = Options::local()
        .with("management.endpoint.health.show-components", "always")
        .with("management.endpoint.health.group.strict.include", "*")
        .with("management.endpoint.health.group.strict.status.http-mapping.down", "500");
    let running = started(options).await;
    running.context().health.add("git", || async { Component::down().detail("why", "asked") });
    let health = http1::get(port(&running), "/actuator/health").unwrap();
    assert_eq!(health.status, 503);
    assert_eq!(health.json()["components"]["git"], json!({"status": "DOWN"}));
    assert_eq!(http1::get(port(&running), "/actuator/health/strict").unwrap().status, 500);
    assert_eq!(http1::get(port(&running), "/actuator/health/liveness").unwrap().status, 200);
    running.context().health.set_ready(false);
    let ready = http1::get(port(&running), "/actuator/health/readiness").unwrap();
    assert_eq!((ready.status, ready.text().as_str()), (503, "{\"status\":\"OUT_OF_SERVICE\"}"));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_measured_by_template() {
    let running = started(everything()).await;
    for name in ["a", "b", "c"] {
        http1::get(port(&running), &format!("/hello/{name}")).unwrap();
    }
    http1::get(port(&running), "/none/1").unwrap();
    http1::get(port(&running), "/none/2").unwrap();
    let of = |uri: &str| {
        http1::get(port(&running), &format!("/actuator/metrics/http.server.requests?tag=uri:{uri}"))
            .unwrap()
            .json()
    };
    assert_eq!(of("/hello/{name}")["measurements"][0], json!({"statistic": "COUNT", "value": 3.0}));
    let unknown = of("/**");
    assert_eq!(unknown["measurements"][0]["value"], 2.0);
    let tags: Vec<_> =
        unknown["availableTags"].as_array().unwrap().iter().map(|tag| tag["tag"].clone()).collect();
    assert_eq!(tags, ["error", "exception", "method", "outcome", "status"]);
    let text = http1::get(port(&running), "/actuator/prometheus").unwrap().text();
    let line = "http_server_requests_seconds_count{error=\"none\",exception=\"none\",method=\"GET\",outcome=\"SUCCESS\",status=\"200\",uri=\"/hello/{name}\"} 3\n";
    assert!(text.contains(line), "{text}");
    assert_prometheus(&text);
    assert!(text.contains("\nhttp_server_requests_active 1.0\n"), "{text}");
    let open = Request::new("GET", "/actuator/prometheus")
        .header("Accept", "application/openmetrics-text;version=1.0.0")
        .send(port(&running))
        .unwrap();
    assert!(open.text().ends_with("# EOF\n"));
    running.stop().await;
}

/// Each sample belongs to a declared family, and each family is declared once.
fn assert_prometheus(text: &str) {
    let mut declared = std::collections::HashMap::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert!(declared.insert(name.to_owned(), kind.to_owned()).is_none(), "twice: {name}");
        } else if !line.starts_with('#') {
            let (series, value) = line.rsplit_once(' ').unwrap();
            let name = series.split('{').next().unwrap();
            let family = name.strip_suffix("_count").or(name.strip_suffix("_sum")).unwrap_or(name);
            assert!(declared.contains_key(name) || declared[family] == "summary", "{line}");
            assert!(value.parse::<f64>().is_ok(), "{line}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_names_that_admin_tools_look_for_are_there() {
    let running = started(everything()).await;
    http1::get(port(&running), "/hello/x").unwrap();
    let names = http1::get(port(&running), "/actuator/metrics").unwrap().json()["names"].clone();
    for name in [
        "application.ready.time",
        "application.started.time",
        "disk.free",
        "disk.total",
        "http.server.requests",
        "logback.events",
        "process.cpu.usage",
        "process.files.max",
        "process.files.open",
        "process.start.time",
        "process.uptime",
        "system.cpu.count",
        "system.cpu.usage",
        "system.load.average.1m",
    ] {
        assert!(names.as_array().unwrap().contains(&Value::from(name)), "{name}");
    }
    let info = http1::get(port(&running), "/actuator/info").unwrap().json();
    for key in ["artifact", "name", "version", "group", "time"] {
        assert!(info["build"][key].is_string(), "{key}");
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn levels_are_changed_by_admin_tools() {
    let running = started(everything()).await;
    let post = |name: &str, content_type: &str, body: &str| {
        let request =
            Request::new("POST", &format!("/actuator/loggers/{name}")).header("Content-Type", content_type);
        request.body(body).send(port(&running)).unwrap().status
    };
    let seen = |name: &str| http1::get(port(&running), &format!("/actuator/loggers/{name}")).unwrap().json();
    for content_type in ["application/json", V2, V3] {
        assert_eq!(post("some.new.logger", content_type, "{\"configuredLevel\":\"debug\"}"), 204);
    }
    assert_eq!(seen("some.new.logger"), json!({"configuredLevel": "DEBUG", "effectiveLevel": "DEBUG"}));
    assert_eq!(seen("some.new"), json!({"effectiveLevel": "INFO"}));
    assert_eq!(post("some.new.logger", V3, "{}"), 204);
    assert_eq!(seen("some.new.logger"), json!({"effectiveLevel": "INFO"}));
    assert_eq!(post("some.new.logger", V3, "{\"configuredLevel\":\"LOUD\"}"), 400);
    assert_eq!(post("some.new.logger", V3, "{"), 400);
    let all = http1::get(port(&running), "/actuator/loggers").unwrap().json();
    assert_eq!(all["levels"], json!(["OFF", "ERROR", "WARN", "INFO", "DEBUG", "TRACE"]));
    assert_eq!(all["loggers"].as_object().unwrap().keys().next().unwrap(), "ROOT");
    assert!(all["groups"]["web"]["members"].is_array());
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn values_are_masked_and_places_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("application.yml");
    std::fs::write(&file, "a:\n  password: s3cret\n").unwrap();
    let masked = started(Options { config: Some(file.clone()), ..everything() }).await;
    for path in ["/actuator/env", "/actuator/env/a.password", "/actuator/configprops"] {
        let text = http1::get(port(&masked), path).unwrap().text();
        assert!(!text.contains("s3cret"), "{path}: {text}");
    }
    let one = http1::get(port(&masked), "/actuator/env/a.password").unwrap().json();
    assert_eq!(one["property"]["value"], "******");
    let origins: Vec<_> = one["propertySources"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|source| source["property"]["origin"].as_str())
        .collect();
    assert_eq!(origins.len(), 1);
    assert!(origins[0].contains("2:13"), "{origins:?}");
    assert_eq!(Request::new("POST", "/actuator/env").send(port(&masked)).unwrap().status, 405);
    masked.stop().await;

    let options = everything()
        .with("management.endpoint.env.show-values", "always")
        .with("management.endpoint.env.post.enabled", "true");
    let open = started(Options { config: Some(file), ..options }).await;
    assert_eq!(
        http1::get(port(&open), "/actuator/env/a.password").unwrap().json()["property"]["value"],
        "s3cret"
    );
    let set =
        Request::new("POST", "/actuator/env").json(&json!({"name": "a.b", "value": "1"})).send(port(&open));
    assert_eq!(set.unwrap().status, 200);
    assert_eq!(http1::get(port(&open), "/actuator/env/a.b").unwrap().json()["property"]["value"], "1");
    open.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_answers_the_keys_that_changed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("application.yml");
    std::fs::write(&file, "greeting: one\nother: same\n").unwrap();
    let running = started(Options { config: Some(file.clone()), ..everything() }).await;
    let refresh = || Request::new("POST", "/actuator/refresh").send(port(&running)).unwrap();
    assert_eq!(refresh().json(), json!([]));
    std::fs::write(&file, "greeting: two\nother: same\n").unwrap();
    assert_eq!(refresh().json(), json!(["greeting"]));
    std::fs::write(&file, "greeting: [\n").unwrap();
    assert_eq!(refresh().status, 500);
    assert_eq!(running.context().refresher.env().get("greeting").as_deref(), Some("two"));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_actuator_moves_to_a_port_of_its_own() {
    let running = started(
        Options::local()
            .with("management.server.port", "0")
            .with("management.server.base-path", "/admin")
            .with("management.endpoints.web.base-path", "/manage"),
    )
    .await;
    let own = running.management_addr().port();
    assert_ne!(own, port(&running));
    assert_eq!(http1::get(own, "/admin/manage/health").unwrap().status, 200);
    assert_eq!(http1::get(port(&running), "/manage/health").unwrap().status, 404);
    assert_eq!(http1::get(port(&running), "/hello/x").unwrap().status, 200);
    assert_eq!(http1::get(own, "/hello/x").unwrap().status, 404);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_protect_everything_but_health() {
    let running = started(
        everything()
            .with("spring.security.user.name", "ana")
            .with("spring.security.user.password", "s3cret")
            .with("management.endpoint.health.show-details", "when-authorized"),
    )
    .await;
    let refused = http1::get(port(&running), "/hello/x").unwrap();
    assert_eq!((refused.status, refused.header("www-authenticate")), (401, Some("Basic realm=\"Realm\"")));
    assert_eq!(http1::get(port(&running), "/actuator/env").unwrap().status, 401);
    assert_eq!(http1::get(port(&running), "/actuator/health").unwrap().text(), "{\"status\":\"UP\"}");
    let with = |path: &str| {
        Request::new("GET", path)
            .header("Authorization", "Basic YW5hOnMzY3JldA==")
            .send(port(&running))
            .unwrap()
    };
    assert_eq!(with("/hello/x").status, 200);
    assert!(with("/actuator/health").json()["components"]["ping"].is_object());
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_is_asked_for_only_when_allowed() {
    let running = started(everything().with("management.endpoint.shutdown.access", "unrestricted")).await;
    assert_eq!(Request::new("POST", "/actuator/shutdown").send(port(&running)).unwrap().status, 200);
    tokio::time::timeout(std::time::Duration::from_secs(60), running.wait()).await.unwrap();
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn error_pages_show_messages_only_when_allowed() {
    for (setting, shown) in [("never", None), ("always", Some("no \"LOUD\"")), ("on-param", None)] {
        let running = started(everything().with("server.error.include-message", setting)).await;
        let post = Request::new("POST", "/actuator/loggers/a").json(&json!({"configuredLevel": "LOUD"}));
        let page = post.send(port(&running)).unwrap().json();
        assert_eq!(page.get("message").is_some(), shown.is_some(), "{setting}: {page}");
        running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_to_calls_is_told_by_the_events_of_their_patterns() {
    let options = Options::local()
        .with("management.endpoints.web.exposure.include", "*")
        .with("resilience4j.retry.instances.again.max-attempts", 2)
        .with("resilience4j.retry.instances.again.wait-duration", "1ms")
        .with("resilience4j.bulkhead.instances.full.max-concurrent-calls", 0)
        .with("resilience4j.bulkhead.instances.roomy.event-consumer-buffer-size", 3)
        .with("resilience4j.ratelimiter.instances.told.subscribe-for-events", true)
        .with("resilience4j.ratelimiter.instances.silent.limit-for-period", 5)
        .with("resilience4j.timelimiter.instances.late.timeout-duration", "50ms");
    let slow = axum::Router::new().route("/slow", axum::routing::get(std::future::pending::<()>));
    let mut made = None;
    let hand = std::sync::Arc::new(parking_lot::Mutex::new(None));
    let given = std::sync::Arc::clone(&hand);
    let app = App::new("orders").build(|cx| async move {
        *given.lock() = Some(cx.client.clone());
        Ok(slow)
    });
    let running = app.start(options).await.unwrap();
    made.clone_from(&*hand.lock());
    let client = made.unwrap();
    let own = format!("http://127.0.0.1:{}", port(&running));
    let nobody = format!("http://127.0.0.1:{}/", wellspring_test_support::port::free());
    for (name, address, ends_well) in [
        ("again", nobody, false),
        ("full", format!("{own}/actuator/health"), false),
        ("roomy", format!("{own}/actuator/health"), true),
        ("roomy", format!("{own}/actuator/health"), true),
        ("told", format!("{own}/actuator/health"), true),
        ("silent", format!("{own}/actuator/health"), true),
        ("late", format!("{own}/slow"), false),
    ] {
        let outcome = client.get(address).resilience(name).send().await;
        assert_eq!(outcome.is_ok(), ends_well, "{name}: {outcome:?}");
    }
    let page = |path: &str| http1::get(port(&running), &format!("/actuator/{path}")).unwrap().json();
    let kinds = |page: &serde_json::Value, list: &str| -> Vec<String> {
        page[list]
            .as_array()
            .unwrap()
            .iter()
            .map(|event| event["type"].as_str().unwrap().to_owned())
            .collect()
    };

    let retries = page("retryevents");
    assert_eq!(kinds(&retries, "retryEvents"), ["RETRY", "ERROR"]);
    let last = &retries["retryEvents"][1];
    assert_eq!((&last["retryName"], &last["numberOfAttempts"]), (&"again".into(), &2.into()), "{last}");
    assert_eq!(last["errorMessage"], "Refused");
    assert!(last["creationTime"].as_str().unwrap().ends_with("Z[UTC]"), "{last}");
    assert_eq!(kinds(&page("retryevents/again/error"), "retryEvents"), ["ERROR"]);
    assert_eq!(kinds(&page("retryevents/other"), "retryEvents"), [""; 0]);

    assert_eq!(kinds(&page("bulkheadevents/full"), "bulkheadEvents"), ["CALL_REJECTED"]);
    // Of four events the last three are kept.
    let roomy = page("bulkheadevents/roomy");
    assert_eq!(kinds(&roomy, "bulkheadEvents"), ["CALL_FINISHED", "CALL_PERMITTED", "CALL_FINISHED"]);
    assert_eq!(roomy["bulkheadEvents"][0]["bulkheadName"], "roomy");
    let limited = page("ratelimiterevents");
    assert_eq!(kinds(&limited, "rateLimiterEvents"), ["SUCCESSFUL_ACQUIRE"]);
    assert_eq!(limited["rateLimiterEvents"][0]["rateLimiterName"], "told");
    let late = page("timelimiterevents");
    assert_eq!(kinds(&late, "timeLimiterEvents"), ["TIMEOUT"]);
    assert_eq!(late["timeLimiterEvents"][0]["timeLimiterName"], "late");
    running.stop().await;
}
