//! A collector that takes OTLP over HTTP: it decodes the protobuf and keeps the spans.
//!
//! The messages are those of OpenTelemetry's `trace.proto`, as far as spans are told apart by them.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use parking_lot::Mutex;
use prost::Message;

#[derive(Clone, PartialEq, Message)]
struct Export {
    #[prost(message, repeated, tag = "1")]
    resources: Vec<ResourceSpans>,
}

#[derive(Clone, PartialEq, Message)]
struct ResourceSpans {
    #[prost(message, optional, tag = "1")]
    resource: Option<Resource>,
    #[prost(message, repeated, tag = "2")]
    scopes: Vec<ScopeSpans>,
}

#[derive(Clone, PartialEq, Message)]
struct Resource {
    #[prost(message, repeated, tag = "1")]
    attributes: Vec<KeyValue>,
}

#[derive(Clone, PartialEq, Message)]
struct ScopeSpans {
    #[prost(message, repeated, tag = "2")]
    spans: Vec<Span>,
}

#[derive(Clone, PartialEq, Message)]
struct Span {
    #[prost(bytes = "vec", tag = "1")]
    trace: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    id: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    parent: Vec<u8>,
    #[prost(string, tag = "5")]
    name: String,
    /// 2 is a server's, 3 a client's.
    #[prost(int32, tag = "6")]
    kind: i32,
    #[prost(fixed64, tag = "7")]
    start: u64,
    #[prost(fixed64, tag = "8")]
    end: u64,
    #[prost(message, repeated, tag = "9")]
    attributes: Vec<KeyValue>,
}

#[derive(Clone, PartialEq, Message)]
struct KeyValue {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(message, optional, tag = "2")]
    value: Option<AnyValue>,
}

#[derive(Clone, PartialEq, Message)]
struct AnyValue {
    #[prost(string, optional, tag = "1")]
    text: Option<String>,
}

/// A span as both collectors tell it. Times are microseconds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Told {
    pub(crate) service: String,
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) trace: String,
    pub(crate) id: String,
    pub(crate) parent: Option<String>,
    pub(crate) start: u64,
    pub(crate) tags: Vec<(String, String)>,
}

/// Listens until the test's process ends.
pub(crate) struct Sink {
    pub(crate) port: u16,
    spans: Arc<Mutex<Vec<Told>>>,
}

impl Sink {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let spans: Arc<Mutex<Vec<Told>>> = Arc::default();
        let kept = Arc::clone(&spans);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let kept = Arc::clone(&kept);
                std::thread::spawn(move || take(stream.unwrap(), &kept));
            }
        });
        Self { port, spans }
    }

    pub(crate) fn of_trace(&self, trace: &str) -> Vec<Told> {
        self.spans.lock().iter().filter(|span| span.trace == trace).cloned().collect()
    }
}

/// Requests of one connection, until it is closed.
fn take(stream: TcpStream, kept: &Mutex<Vec<Told>>) {
    let mut reader = BufReader::new(stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head).unwrap_or(0) == 0 {
                return;
            }
        }
        let head = head.to_ascii_lowercase();
        assert!(head.starts_with("post /v1/traces http/1.1\r\n"), "{head}");
        assert!(head.contains("\r\ncontent-type: application/x-protobuf\r\n"), "{head}");
        let length = head.split("\r\ncontent-length: ").nth(1).unwrap().split("\r\n").next().unwrap();
        let mut body = vec![0; length.parse().unwrap()];
        reader.read_exact(&mut body).unwrap();
        let export = Export::decode(body.as_slice()).unwrap();
        kept.lock().extend(export.resources.iter().flat_map(told));
        let answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n";
        reader.get_mut().write_all(answer).unwrap();
    }
}

fn told(resource: &ResourceSpans) -> Vec<Told> {
    let attributes =
        resource.resource.as_ref().map(|resource| texts(&resource.attributes)).unwrap_or_default();
    let service = attributes.into_iter().find(|(key, _)| key == "service.name").unwrap().1;
    let spans = resource.scopes.iter().flat_map(|scope| &scope.spans);
    let one = |span: &Span| {
        assert!(span.end > span.start, "{span:?}");
        let mut tags = texts(&span.attributes);
        tags.sort();
        Told {
            service: service.clone(),
            // Zipkin shows names in small letters.
            name: span.name.to_lowercase(),
            kind: match span.kind {
                2 => "SERVER".to_owned(),
                3 => "CLIENT".to_owned(),
                kind => panic!("kind {kind}"),
            },
            trace: hex(&span.trace),
            id: hex(&span.id),
            parent: (!span.parent.is_empty()).then(|| hex(&span.parent)),
            start: span.start / 1000,
            tags,
        }
    };
    spans.map(one).collect()
}

fn texts(attributes: &[KeyValue]) -> Vec<(String, String)> {
    let text = |attribute: &KeyValue| attribute.value.as_ref().and_then(|value| value.text.clone());
    attributes.iter().filter_map(|attribute| Some((attribute.key.clone(), text(attribute)?))).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
