//! Spans and trace headers of forwarded requests, as Spring Cloud Gateway with Micrometer Tracing makes them.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::{Value, json};
use wellspring_test_support::http1::{self, Request};
use wellspring_test_support::{Echo, poll};

use crate::support::{Gateway, one_route};

const TRACE: &str = "6b0140802fa557c5974c604b1a390686";
const CALLER: &str = "c44d702b486425ff";

/// Keeps the spans that are reported to it, as Zipkin does.
struct Collector {
    url: String,
    spans: Arc<Mutex<Vec<Value>>>,
}

impl Collector {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/api/v2/spans", listener.local_addr().unwrap());
        let spans: Arc<Mutex<Vec<Value>>> = Arc::default();
        let kept = Arc::clone(&spans);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut reader = BufReader::new(stream.unwrap());
                while let Some(report) = report(&mut reader) {
                    kept.lock().extend(report);
                    let answer = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n";
                    reader.get_mut().write_all(answer).unwrap();
                }
            }
        });
        Self { url, spans }
    }

    fn spans(&self, count: usize) -> Vec<Value> {
        let all = || self.spans.lock().clone();
        poll::until("the spans are reported", Duration::from_secs(90), || all().len() >= count);
        all()
    }

    /// A gateway that reports to it.
    fn settings(&self, more: &str) -> String {
        format!(
            "spring.application.name: gw\nmanagement:\n  zipkin.tracing.endpoint: {}\n  tracing.sampling.probability: 1.0\n{more}",
            self.url
        )
    }
}

/// The next report on a connection, unpacked; nothing at its end.
fn report(reader: &mut BufReader<TcpStream>) -> Option<Vec<Value>> {
    let (mut length, mut packed) = (0, false);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim().to_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        packed |= line == "content-encoding: gzip";
        if line.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let mut text = String::new();
    if packed {
        flate2::read::GzDecoder::new(&*body).read_to_string(&mut text).unwrap();
    } else {
        text = String::from_utf8(body).unwrap();
    }
    Some(serde_json::from_str(&text).unwrap())
}

fn of_kind<'a>(spans: &'a [Value], kind: &str) -> &'a Value {
    spans.iter().find(|span| span["kind"] == kind).unwrap_or_else(|| panic!("no {kind} in {spans:?}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forwarded_request_has_a_server_and_a_client_span_and_the_upstream_gets_the_clients_id() {
    let (upstream, collector) = (Echo::start(), Collector::start());
    let yaml = collector.settings(&one_route(&upstream.url(""), &["PrefixPath=/in"]));
    let gateway = Gateway::start(&yaml).await;
    let answer = Request::new("GET", "/a/x?q=1")
        .header("traceparent", &format!("00-{TRACE}-{CALLER}-01"))
        .header("b3", "0")
        .header("baggage", "k=v")
        .send(gateway.port())
        .unwrap();
    let seen = answer.json()["headers"].clone();
    let spans = collector.spans(2);
    let (server, client) = (of_kind(&spans, "SERVER"), of_kind(&spans, "CLIENT"));
    assert_eq!(
        seen["traceparent"],
        json!([format!("00-{TRACE}-{}-01", client["id"].as_str().unwrap())]),
        "{seen}"
    );
    assert!(seen.get("b3").is_none(), "only the produced form is sent: {seen}");
    assert_eq!(seen["baggage"], json!(["k=v"]));
    assert_eq!((&server["parentId"], &client["parentId"]), (&json!(CALLER), &server["id"]));
    assert_eq!((&server["traceId"], &client["traceId"]), (&json!(TRACE), &json!(TRACE)));
    assert_eq!((&server["name"], &client["name"]), (&json!("http get"), &json!("HTTP GET")));
    assert_eq!(client["localEndpoint"]["serviceName"], "gw");
    assert_eq!(
        client["tags"],
        json!({
            "http.method": "GET", "http.status_code": "200",
            "http.uri": format!("http://127.0.0.1:{}/in/a/x?q=1", gateway.port()),
            "spring.cloud.gateway.route.id": "all", "spring.cloud.gateway.route.uri": upstream.url(""),
        })
    );
    assert_eq!(
        server["tags"],
        json!({"exception": "none", "http.url": "/a/x", "method": "GET", "outcome": "SUCCESS", "status": "200", "uri": "UNKNOWN"})
    );
    gateway.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_are_named_and_every_try_has_a_span() {
    let (upstream, collector) = (Echo::start(), Collector::start());
    let routes = format!(
        "spring.cloud.gateway.routes:\n- {{id: down, uri: 'http://127.0.0.1:1', predicates: [Path=/down/**]}}\n- {{id: again, uri: '{}', predicates: [Path=/status/**], filters: [Retry=2]}}\n",
        upstream.url("")
    );
    let gateway = Gateway::start(&collector.settings(&routes)).await;
    for (path, status) in [("/status/500", 500), ("/down/x", 500), ("/nowhere", 404)] {
        assert_eq!(http1::get(gateway.port(), path).unwrap().status, status);
    }
    // Three tries, one that does not connect, three requests.
    let spans = collector.spans(7);
    let of = |route: &str| -> Vec<&Value> {
        spans.iter().filter(|span| span["tags"]["spring.cloud.gateway.route.id"] == route).collect()
    };
    assert_eq!(of("again").len(), 3);
    let down = of("down")[0];
    assert_eq!(down["tags"]["http.status_code"], "UNKNOWN");
    assert!(down["tags"]["error"].as_str().unwrap().contains("cannot connect"), "{down}");
    let unmatched = spans.iter().find(|span| span["tags"]["http.url"] == "/nowhere").unwrap();
    assert_eq!(
        (&unmatched["name"], &unmatched["tags"]["uri"], &unmatched["tags"]["exception"]),
        (&json!("http get /**"), &json!("/**"), &json!("NoResourceFoundException"))
    );
    let failed = spans.iter().find(|span| span["tags"]["http.url"] == "/down/x").unwrap();
    assert_eq!(failed["tags"]["outcome"], "SERVER_ERROR");
    assert!(failed["tags"]["error"].is_string(), "{failed}");
    gateway.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn trace_headers_pass_as_they_came_unless_tracing_is_asked_for() {
    let upstream = Echo::start();
    let route = one_route(&upstream.url(""), &[]);
    let parent = format!("00-{TRACE}-{CALLER}-01");
    let passed = |more: &'static str| {
        let (route, parent) = (route.clone(), parent.clone());
        async move {
            let gateway = Gateway::start(&format!("{more}{route}")).await;
            let with = Request::new("GET", "/a").header("traceparent", &parent).header("b3", "0");
            let with = with.send(gateway.port()).unwrap().json()["headers"].clone();
            let without = http1::get(gateway.port(), "/a").unwrap().json()["headers"].clone();
            gateway.running.stop().await;
            (with, without)
        }
    };
    for off in [
        "",
        "management.tracing.enabled: false\n",
        "management.tracing.sampling.probability: 1.0\nspring.cloud.gateway.server.webflux.observability.enabled: false\n",
    ] {
        let (with, without) = passed(off).await;
        assert_eq!((&with["traceparent"], &with["b3"]), (&json!([&parent]), &json!(["0"])), "{off}");
        assert!(without.get("traceparent").is_none(), "{off}: {without}");
    }
    let (with, without) = passed("management.tracing.sampling.probability: 0.0\n").await;
    let sent = with["traceparent"][0].as_str().unwrap();
    assert!(sent.starts_with(&format!("00-{TRACE}-")) && !sent.contains(CALLER), "{sent}");
    assert!(without["traceparent"][0].as_str().unwrap().ends_with("-00"), "{without}");
    let (_, without) = passed("management.tracing.propagation.type: [B3, B3_MULTI]\n").await;
    assert!(without.get("b3").is_some() && without.get("x-b3-traceid").is_some(), "{without}");
    assert!(without.get("traceparent").is_none(), "{without}");
}
