//! Traces through the frame: ids reach the handler, its log lines and its calls; the span that is reported names the route.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::mpsc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use serde_json::Value;
use wellspring_daemon::{App, Options, Running};
use wellspring_telemetry::traces;
use wellspring_test_support::http1::Request;

const TRACE: &str = "6b0140802fa557c5974c604b1a390686";
const CALLER: &str = "c44d702b486425ff";

/// A collector of Zipkin reports.
fn collector() -> (String, mpsc::Receiver<Vec<Value>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/api/v2/spans", listener.local_addr().unwrap());
    let (sender, reports) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut reader = BufReader::new(stream.unwrap());
            let mut length = 0;
            loop {
                let mut line = String::new();
                if reader.read_line(&mut line).unwrap_or(0) == 0 {
                    break;
                }
                if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                if line.trim().is_empty() {
                    let mut body = vec![0; std::mem::take(&mut length)];
                    reader.read_exact(&mut body).unwrap();
                    sender.send(serde_json::from_slice(&body).unwrap()).unwrap();
                    reader
                        .get_mut()
                        .write_all(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
                        .unwrap();
                }
            }
        }
    });
    (url, reports)
}

async fn started(options: Options) -> Running {
    let router = Router::new().route(
        "/call/{id}",
        get(|| async {
            let mut headers = http::HeaderMap::new();
            traces::client().unwrap().inject(&mut headers);
            headers["traceparent"].to_str().unwrap().to_owned()
        }),
    );
    App::new("orders").build(|_| async { Ok(router) }).start(options).await.unwrap()
}

fn call(running: &Running, traceparent: &str) -> String {
    let request = Request::new("GET", "/call/7?q=1").header("traceparent", traceparent);
    request.send(running.local_addr().port()).unwrap().text()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sampled_request_is_reported_with_its_route_and_continues_the_trace() {
    let (url, reports) = collector();
    let running = started(Options::local().with("management.zipkin.tracing.endpoint", url)).await;
    let sent = call(&running, &format!("00-{TRACE}-{CALLER}-01"));
    assert!(sent.starts_with(&format!("00-{TRACE}-")) && sent.ends_with("-01"), "{sent}");
    let spans = reports.recv_timeout(Duration::from_secs(90)).unwrap();
    let span = &spans[0];
    assert_eq!(span["name"], "http get /call/{id}");
    assert_eq!((span["kind"].as_str(), span["parentId"].as_str()), (Some("SERVER"), Some(CALLER)));
    assert_eq!(span["localEndpoint"]["serviceName"], "orders");
    assert_eq!(
        span["tags"],
        serde_json::json!({
            "exception": "none", "http.url": "/call/7", "method": "GET", "outcome": "SUCCESS", "status": "200",
            "uri": "/call/{id}"
        })
    );
    assert!(!sent.contains(span["id"].as_str().unwrap()), "the call has a span of its own");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_caller_does_not_sample_is_not_reported_and_a_stop_flushes() {
    let (url, reports) = collector();
    let running = started(Options::local().with("management.zipkin.tracing.endpoint", url)).await;
    let sent = call(&running, &format!("00-{TRACE}-{CALLER}-00"));
    assert!(sent.ends_with("-00"), "{sent}");
    call(&running, &format!("00-{TRACE}-{CALLER}-01"));
    running.stop().await;
    let spans: Vec<_> = reports.try_iter().flatten().collect();
    assert_eq!(spans.len(), 1, "{spans:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_settings_are_problems_that_name_the_key() {
    for (key, value) in [
        ("management.tracing.sampling.probability", "1.5"),
        ("management.tracing.propagation.type", "JAEGER"),
        ("management.zipkin.tracing.endpoint", "not a url"),
        ("management.otlp.tracing.transport", "grpc"),
        ("logging.structured.format.console", "xml"),
        ("logging.level.a.b", "loud"),
        ("management.server.port", "70000"),
        ("server.port", "many"),
    ] {
        let refused =
            App::new("orders").start(Options::local().with(key, value)).await.unwrap_err().to_string();
        assert!(refused.contains(key), "{key}: {refused}");
    }
}
