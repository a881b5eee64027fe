//! The accept loop over real sockets: protocols, limits, malformed requests, drain.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::routing::{get, post};
use wellspring_daemon::{App, Options, Running};
use wellspring_test_support::http1::{self, Request};
use wellspring_test_support::poll;

fn router(begun: &Begun) -> Router {
    Router::new()
        .route(
            "/hello/{name}",
            get(|axum::extract::Path(name): axum::extract::Path<String>| async move { name }),
        )
        .route("/echo", post(|body: String| async move { body }))
        .route("/empty", get(|| async { http::StatusCode::NOT_FOUND }))
        .route(
            "/slow",
            get(|axum::Extension(begun): axum::Extension<Begun>| async move {
                begun.0.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(300)).await;
                "slow"
            }),
        )
        .route(
            "/endless",
            get(|axum::Extension(begun): axum::Extension<Begun>| async move {
                begun.0.fetch_add(1, Ordering::Relaxed);
                std::future::pending::<&str>().await
            }),
        )
        .layer(axum::Extension(begun.clone()))
}

/// How many calls of the slow handlers have begun.
#[derive(Debug, Clone, Default)]
struct Begun(Arc<AtomicUsize>);

impl Begun {
    fn wait_for(&self, count: usize) {
        poll::until("the handlers run", SOON, || self.0.load(Ordering::Relaxed) >= count);
    }
}

const SOON: Duration = Duration::from_secs(60);

async fn started(options: Options) -> Running {
    counting(options, &Begun::default()).await
}

async fn counting(options: Options, begun: &Begun) -> Running {
    let router = router(begun);
    App::new("orders").build(|_| async { Ok(router) }).start(options).await.unwrap()
}

fn port(running: &Running) -> u16 {
    running.local_addr().port()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_router_and_health_answer_on_one_port() {
    let running = started(Options::local()).await;
    let hello = http1::get(port(&running), "/hello/ana").unwrap();
    assert_eq!((hello.status, hello.text().as_str()), (200, "ana"));
    let health = http1::get(port(&running), "/actuator/health").unwrap();
    assert_eq!((health.status, health.text().as_str()), (200, "{\"status\":\"UP\"}"));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn http2_without_tls_is_served_on_the_same_port() {
    let running = started(Options::local()).await;
    let client = reqwest::Client::builder()
        .tls_backend_preconfigured(no_trust())
        .http2_prior_knowledge()
        .no_proxy()
        .build()
        .unwrap();
    let answer = client.get(format!("http://{}/hello/h2", running.local_addr())).send().await.unwrap();
    assert_eq!(answer.version(), http::Version::HTTP_2);
    assert_eq!(answer.text().await.unwrap(), "h2");
    drop(client);
    running.stop().await;
}

fn no_trust() -> rustls::ClientConfig {
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth()
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_paths_and_methods_get_the_error_page_but_a_handlers_empty_404_stays_empty() {
    let running = started(Options::local()).await;
    let unknown = http1::get(port(&running), "/none").unwrap();
    assert_eq!(unknown.status, 404);
    assert_eq!(unknown.json()["path"], "/none");
    assert_eq!(unknown.json()["error"], "Not Found");
    let wrong = Request::new("DELETE", "/hello/x").send(port(&running)).unwrap();
    assert_eq!(wrong.status, 405);
    assert_eq!(wrong.header("allow"), Some("GET,HEAD"));
    assert_eq!(wrong.json()["status"], 405);
    let own = http1::get(port(&running), "/empty").unwrap();
    assert_eq!((own.status, own.body.len()), (404, 0));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_context_path_is_in_front_of_everything() {
    let running = started(Options::local().with("server.servlet.context-path", "/app/")).await;
    assert_eq!(http1::get(port(&running), "/app/hello/x?q=1").unwrap().text(), "x");
    assert_eq!(http1::get(port(&running), "/app/actuator/health").unwrap().status, 200);
    for outside in ["/hello/x", "/actuator/health", "/application/hello/x"] {
        let answer = http1::get(port(&running), outside).unwrap();
        assert_eq!(answer.status, 404, "{outside}");
        assert_eq!(answer.json()["path"], outside);
    }
    assert_eq!(http1::get(port(&running), "/app/none").unwrap().json()["path"], "/app/none");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_requests_are_refused_and_the_server_lives_on() {
    let running = started(Options::local()).await;
    let long = "x".repeat(20_000);
    let table = [
        ("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_owned(), 400),
        ("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n".to_owned(), 400),
        (format!("GET /hello/x HTTP/1.1\r\nHost: x\r\nX: {long}\r\n\r\n"), 431),
        ("GET  HTTP\r\n\r\n".to_owned(), 400),
        ("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3, 4\r\n\r\nabc".to_owned(), 400),
        ("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n".to_owned(), 400),
    ];
    for (bytes, status) in table {
        let shown: String = bytes.chars().take(120).collect();
        let answer = http1::exchange(port(&running), bytes.as_bytes()).unwrap();
        assert_eq!(answer.status, status, "{shown}");
    }
    assert_eq!(http1::get(port(&running), "/hello/x").unwrap().status, 200);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn chunked_and_sized_bodies_follow_one_another_on_a_connection() {
    let running = started(Options::local()).await;
    let mut stream = TcpStream::connect(running.local_addr()).unwrap();
    let requests = "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n\
                    POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nConnection: close\r\n\r\nde";
    stream.write_all(requests.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert_eq!(answer.matches("HTTP/1.1 200 OK").count(), 2, "{answer}");
    assert!(answer.contains("abc") && answer.ends_with("de"), "{answer}");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_never_completes_its_head_is_closed() {
    for start in ["", "G", "PRI * HT", "GET / HTTP/1.1\r\nHost:"] {
        let running = started(Options::local().with("server.tomcat.connection-timeout", "200ms")).await;
        let mut stream = TcpStream::connect(running.local_addr()).unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        stream.write_all(start.as_bytes()).unwrap();
        let mut answer = Vec::new();
        let ended = stream.read_to_end(&mut answer);
        let timed_out = ended.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock);
        assert!(!timed_out, "still open after {start:?}");
        running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_loses_no_request_in_flight_and_closes_idle_connections() {
    let calls = Begun::default();
    let running = counting(Options::local(), &calls).await;
    let address = running.local_addr();
    let mut idle = TcpStream::connect(address).unwrap();
    idle.write_all(b"GET /hello/x HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut busy: Vec<_> = (0..10).map(|_| TcpStream::connect(address).unwrap()).collect();
    for stream in &mut busy {
        stream.write_all(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    }
    calls.wait_for(10);
    let mut first = [0];
    idle.read_exact(&mut first).unwrap();
    // As long as the calls take, and not as long as an idle connection may stay.
    tokio::time::timeout(SOON, running.stop()).await.expect("a stop that ends");
    for mut stream in busy {
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("slow"), "{answer}");
    }
    let mut answer = String::new();
    idle.read_to_string(&mut answer).unwrap();
    assert!(first == *b"H" && answer.ends_with('x'), "{answer}");
    assert!(TcpStream::connect(address).is_err(), "still accepting");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_immediate_stop_does_not_wait() {
    let calls = Begun::default();
    let immediate = Options::local()
        .with("server.shutdown", "immediate")
        .with("spring.lifecycle.timeout-per-shutdown-phase", "1h");
    let running = counting(immediate, &calls).await;
    let mut stream = TcpStream::connect(running.local_addr()).unwrap();
    stream.write_all(b"GET /endless HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    calls.wait_for(1);
    tokio::time::timeout(SOON, running.stop()).await.expect("nobody waits for what never ends");
}

#[tokio::test(flavor = "multi_thread")]
async fn several_applications_live_in_one_process() {
    let (first, second) = (started(Options::local()).await, started(Options::local()).await);
    assert_ne!(port(&first), port(&second));
    first.stop().await;
    assert_eq!(http1::get(port(&second), "/hello/x").unwrap().status, 200);
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn open_connections_are_measured_and_those_that_never_ask_are_counted() {
    let options = Options::local()
        .with("management.endpoints.web.exposure.include", "metrics")
        .with("server.tomcat.connection-timeout", "200ms");
    let running = started(options).await;
    let measured = |metric: &str| {
        let reply = http1::get(port(&running), &format!("/actuator/metrics/wellspring.server.{metric}"));
        reply.unwrap().json()["measurements"][0]["value"].as_f64().unwrap()
    };
    let silent: Vec<_> = (0..3).map(|_| TcpStream::connect(running.local_addr()).unwrap()).collect();
    poll::until("three connections and the one that asks", SOON, || measured("connections") >= 4.0);
    poll::until("silence ends them", SOON, || measured("connections.refused") >= 3.0);
    drop(silent);
    poll::until("one is left, which asks", SOON, || measured("connections") <= 1.0);
    running.stop().await;
}
