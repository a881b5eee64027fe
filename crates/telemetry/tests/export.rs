//! Finished spans reach collectors as Zipkin JSON and as OTLP, and a collector that is down costs nothing but spans.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;
use wellspring_telemetry::traces::{Exporter, Propagation, Targets, Tracer};
use wellspring_telemetry::{Meters, Reading};
use wellspring_test_support::poll;

const SOON: Duration = Duration::from_secs(90);

fn http() -> reqwest::Client {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    reqwest::Client::builder().tls_backend_preconfigured(tls).no_proxy().build().unwrap()
}

/// A collector that answers 202 to everything and keeps it.
struct Sink {
    port: u16,
    reports: Arc<Mutex<Vec<Report>>>,
}

#[derive(Clone)]
struct Report {
    head: Vec<String>,
    body: Vec<u8>,
}

impl Report {
    fn header(&self, name: &str) -> Option<&str> {
        self.head.iter().find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then_some(value)
        })
    }
}

impl Sink {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let reports = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&reports);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut reader = BufReader::new(stream.unwrap());
                while let Some(report) = read(&mut reader) {
                    kept.lock().push(report);
                    reader
                        .get_mut()
                        .write_all(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
                        .unwrap();
                }
            }
        });
        Self { port, reports }
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    fn requests(&self) -> Vec<Report> {
        self.reports.lock().clone()
    }
}

fn read(reader: &mut impl BufRead) -> Option<Report> {
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line.trim().is_empty() {
            break;
        }
        head.push(line.trim().to_owned());
    }
    let mut report = Report { head, body: Vec::new() };
    report.body.resize(report.header("content-length")?.parse().ok()?, 0);
    reader.read_exact(&mut report.body).ok()?;
    Some(report)
}

struct Traced {
    tracer: Tracer,
    meters: Meters,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

fn traced(targets: Targets) -> Traced {
    let (meters, stop) = (Meters::default(), CancellationToken::new());
    let ended = stop.clone().cancelled_owned();
    let (exporter, run) = Exporter::new(targets, "orders", http(), &meters, ended).unwrap();
    let task = tokio::spawn(run);
    Traced { tracer: Tracer::new(Propagation::default(), 1.0, Some(exporter)), meters, stop, task }
}

fn serve(tracer: &Tracer) {
    let parent = "00-6b0140802fa557c5974c604b1a390686-c44d702b486425ff-01";
    let headers =
        HeaderMap::from_iter([(http::HeaderName::from_static("traceparent"), parent.parse().unwrap())]);
    let server = tracer.server(&headers);
    let client = server.trace().client();
    client.end(|| ("http get".into(), vec![("uri", "/leaf/{id}".to_owned()), ("method", "GET".to_owned())]));
    server.end(|| ("http get /call/{id}".into(), vec![("status", "200".to_owned())]));
}

#[tokio::test(flavor = "multi_thread")]
async fn zipkin_gets_json_with_names_parents_and_the_service() {
    let sink = Sink::start();
    let traced = traced(Targets { zipkin: Some(sink.url("/api/v2/spans")), ..Targets::default() });
    serve(&traced.tracer);
    // Both may come in one report, or each in its own.
    let mut spans = Vec::new();
    let reports = poll::until_some("reports of both spans", SOON, async || {
        let reports = sink.requests();
        spans = reports
            .iter()
            .flat_map(|report| serde_json::from_slice::<Vec<serde_json::Value>>(&report.body).unwrap())
            .collect();
        (spans.len() >= 2).then_some(reports)
    })
    .await;
    for report in reports {
        assert_eq!(report.header("content-type"), Some("application/json"));
        assert_eq!(report.header("b3"), Some("0"));
    }
    let (client, server) = (&spans[0], &spans[1]);
    assert_eq!(client["traceId"], "6b0140802fa557c5974c604b1a390686");
    assert_eq!(client["kind"], "CLIENT");
    assert_eq!(client["parentId"], server["id"]);
    assert_eq!(client["tags"], serde_json::json!({"method": "GET", "uri": "/leaf/{id}"}));
    assert_eq!(server["name"], "http get /call/{id}");
    assert_eq!(server["parentId"], "c44d702b486425ff");
    assert_ne!(server["id"], server["parentId"]);
    assert_eq!(server["localEndpoint"]["serviceName"], "orders");
    assert!(server["timestamp"].as_u64().unwrap() > 1_700_000_000_000_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn large_reports_are_gzipped_and_a_stop_sends_what_is_queued() {
    let sink = Sink::start();
    let traced = traced(Targets { zipkin: Some(sink.url("/api/v2/spans")), ..Targets::default() });
    for _ in 0..100 {
        serve(&traced.tracer);
    }
    traced.stop.cancel();
    traced.task.await.unwrap();
    let (mut spans, mut gzipped) = (0, 0);
    for report in sink.requests() {
        let mut json = String::new();
        if report.header("content-encoding") == Some("gzip") {
            gzipped += 1;
            flate2::read::GzDecoder::new(report.body.as_slice()).read_to_string(&mut json).unwrap();
            assert!(json.len() > 1024, "a small report is sent as it is");
        } else {
            json = String::from_utf8(report.body).unwrap();
            assert!(json.len() <= 1024, "a report of {} bytes is gzipped", json.len());
        }
        spans += serde_json::from_str::<Vec<serde_json::Value>>(&json).unwrap().len();
    }
    assert_eq!(spans, 200);
    assert!(gzipped > 0, "no report was large enough to show anything");
}

#[tokio::test(flavor = "multi_thread")]
async fn otlp_gets_protobuf_with_the_service_and_span_names() {
    let sink = Sink::start();
    let traced = traced(Targets {
        otlp: Some(sink.url("/v1/traces")),
        otlp_headers: vec![("x-key".to_owned(), "secret".to_owned())],
        ..Targets::default()
    });
    serve(&traced.tracer);
    let holds = |body: &[u8], text: &str| body.windows(text.len()).any(|window| window == text.as_bytes());
    // Both spans may come in one report, or each in its own.
    let mut body = Vec::new();
    let reports = poll::until_some("reports of both spans", SOON, async || {
        let reports = sink.requests();
        body = reports.iter().flat_map(|report| report.body.clone()).collect();
        (holds(&body, "http get /call/{id}") && holds(&body, "/leaf/{id}")).then_some(reports)
    })
    .await;
    let trace = 0x6b01_4080_2fa5_57c5_974c_604b_1a39_0686_u128.to_be_bytes();
    for report in reports {
        assert_eq!(report.header("content-type"), Some("application/x-protobuf"));
        assert_eq!(report.header("x-key"), Some("secret"));
        for text in ["service.name", "orders"] {
            assert!(holds(&report.body, text), "{text} is missing");
        }
        assert!(report.body.windows(16).any(|window| window == trace));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_down_costs_spans_and_nothing_else() {
    let port = wellspring_test_support::port::free();
    let traced = traced(Targets { zipkin: Some(format!("http://127.0.0.1:{port}/")), ..Targets::default() });
    serve(&traced.tracer);
    traced.stop.cancel();
    traced.task.await.unwrap();
    let dropped = traced.meters.find("wellspring.traces.dropped").unwrap();
    assert_eq!(dropped.series[0].1, Reading::Counter(2));
}
