//! An upstream that answers with what it received, and on special paths misbehaves on order.
//!
//! Answers 200 with `{"port","method","path","query","headers":{lower-case name:[values]},"body"}`. The special paths are
//! those of the recorded gateway suites (`tests/conformance/README.md`). It has a thread and runtime of its own, so it
//! serves tests with paused time and tests without a runtime alike.

use std::collections::HashMap;
use std::convert::Infallible;
use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use parking_lot::Mutex;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};
use tokio::sync::oneshot;

use crate::port;

type Body = BoxBody<Bytes, Infallible>;

/// Stops, and drops its connections, when dropped.
#[derive(Debug)]
pub struct Echo {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    port: u16,
    seen: Mutex<Vec<Value>>,
    flaky: Mutex<HashMap<String, u64>>,
}

impl Echo {
    /// On a port of its own: when it is dropped, nobody else listens there, and another one may.
    pub fn start() -> Self {
        Self::on(port::free())
    }

    /// On a given port.
    ///
    /// # Panics
    /// When the port is taken.
    pub fn on(port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap_or_else(|error| {
            panic!("echo upstream on port {port}: {error}");
        });
        listener.set_nonblocking(true).expect("a listener can be non-blocking");
        let address = listener.local_addr().expect("a bound listener has an address");
        let shared = Arc::new(Shared { port: address.port(), ..Shared::default() });
        let (stop, stopped) = oneshot::channel();
        let thread = {
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                let runtime = runtime.expect("a runtime for the echo upstream");
                // Dropping the runtime drops every connection.
                runtime.block_on(async {
                    tokio::select! { () = accept(listener, shared) => {}, _ = stopped => {} }
                });
            })
        };
        Self { address, shared, stop: Some(stop), thread: Some(thread) }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// `http://127.0.0.1:PORT` with `path` appended.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// What was received so far, oldest first, in the form of the answers.
    pub fn requests(&self) -> Vec<Value> {
        self.shared.seen.lock().clone()
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let listener = tokio::net::TcpListener::from_std(listener).expect("a listener of the runtime");
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        stream.set_nodelay(true).ok();
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let shared = Arc::clone(&shared);
                async move { Ok::<_, Infallible>(answer(&shared, request).await) }
            });
            // A client that hangs up is its own affair.
            auto::Builder::new(TokioExecutor::new())
                .serve_connection(TokioIo::new(stream), service)
                .await
                .ok();
        });
    }
}

async fn answer(shared: &Shared, request: Request<Incoming>) -> Response<Body> {
    let (head, body) = request.into_parts();
    let Ok(body) = body.collect().await else { return Response::new(whole("")) };
    let path = head.uri.path().to_owned();
    let query = head.uri.query().unwrap_or_default().to_owned();
    let seen = json!({
        "port": shared.port,
        "method": head.method.as_str(),
        "path": path,
        "query": query,
        "headers": header_lists(&head.headers),
        "body": String::from_utf8_lossy(&body.to_bytes()),
    });
    shared.seen.lock().push(seen.clone());
    let parts: Vec<String> = path
        .split('/')
        .skip(1)
        .map(|part| percent_decode_str(part).decode_utf8_lossy().into_owned())
        .collect();
    let mut response = special(shared, &parts, &query, seen.to_string()).await;
    if head.method == Method::HEAD {
        // hyper leaves the body out and keeps its length.
        return response;
    }
    if matches!(response.status(), StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
        *response.body_mut() = whole("");
    }
    response
}

/// What the first part of the path orders; anything else is answered with 200 and what was seen.
async fn special(shared: &Shared, parts: &[String], query: &str, seen: String) -> Response<Body> {
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    match parts.as_slice() {
        ["status", code, ..] => {
            let status = code.parse().ok().and_then(|code| StatusCode::from_u16(code).ok());
            reply(status.unwrap_or(StatusCode::BAD_REQUEST), seen, &[])
        }
        ["delay", millis, ..] => {
            tokio::time::sleep(Duration::from_millis(millis.parse().unwrap_or(0))).await;
            reply(StatusCode::OK, seen, &[])
        }
        ["bytes", count, ..] => {
            let text = "x".repeat(count.parse().unwrap_or(0));
            reply(StatusCode::OK, text, &[("content-type".into(), "text/plain".into())])
        }
        ["header", name, value @ ..] if !value.is_empty() => {
            reply(StatusCode::OK, seen, &[((*name).to_owned(), value.join("/"))])
        }
        ["headers", ..] if !query.is_empty() => {
            // As a browser's form: parameters without a value are no headers.
            let pairs = url::form_urlencoded::parse(query.as_bytes()).into_owned();
            let pairs: Vec<(String, String)> = pairs.filter(|(_, value)| !value.is_empty()).collect();
            reply(StatusCode::OK, seen, &pairs)
        }
        ["flaky", key, times, ..] => {
            let mut flaky = shared.flaky.lock();
            let count = flaky.entry((*key).to_owned()).or_default();
            *count += 1;
            let fails = *count <= times.parse().unwrap_or(0);
            reply(if fails { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK }, seen, &[])
        }
        ["gzip", ..] => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
            encoder.write_all(seen.as_bytes()).expect("compressing in memory");
            let packed = encoder.finish().expect("compressing in memory");
            reply(StatusCode::OK, packed, &[("content-encoding".into(), "gzip".into())])
        }
        ["sse", count, ..] => events(count.parse().unwrap_or(0)),
        _ => reply(StatusCode::OK, seen, &[]),
    }
}

fn reply(status: StatusCode, body: impl Into<Bytes>, headers: &[(String, String)]) -> Response<Body> {
    let mut response = Response::new(whole(body));
    *response.status_mut() = status;
    let map = response.headers_mut();
    map.insert(header::SERVER, HeaderValue::from_static("echo"));
    for (name, value) in headers {
        let name = HeaderName::from_bytes(name.as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(value)) {
            map.append(name, value);
        }
    }
    map.entry(header::CONTENT_TYPE).or_insert(HeaderValue::from_static("application/json"));
    response
}

/// Server-sent events, 50 ms apart.
fn events(count: u64) -> Response<Body> {
    let ticks = futures_util::stream::unfold(0, move |n| async move {
        if n > 0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        (n < count).then(|| (Ok::<_, Infallible>(Frame::data(Bytes::from(format!("data: {n}\n\n")))), n + 1))
    });
    let body = StreamBody::new(ticks);
    let mut response = Response::new(BodyExt::boxed(body));
    response.headers_mut().insert(header::SERVER, HeaderValue::from_static("echo"));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    response
}

fn whole(body: impl Into<Bytes>) -> Body {
    Full::new(body.into()).boxed()
}

/// Header bytes are read as ISO-8859-1, so none is lost.
fn header_lists(headers: &http::HeaderMap) -> Value {
    let mut lists = Map::new();
    for (name, value) in headers {
        let text: String = value.as_bytes().iter().map(|&byte| char::from(byte)).collect();
        let list = lists.entry(name.as_str()).or_insert_with(|| Value::Array(Vec::new()));
        if let Value::Array(list) = list {
            list.push(Value::String(text));
        }
    }
    Value::Object(lists)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http1;

    #[test]
    fn tells_what_it_received() {
        let echo = Echo::start();
        let request =
            http1::Request::new("POST", "/a%20b?x=1").header("X-One", "1").header("x-one", "2").body("hi");
        let reply = request.send(echo.port()).unwrap();
        assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/json")));
        let seen = reply.json();
        assert_eq!(seen["path"], "/a%20b");
        assert_eq!(seen["query"], "x=1");
        assert_eq!(seen["headers"]["x-one"], json!(["1", "2"]));
        assert_eq!(seen["body"], "hi");
        assert_eq!(echo.requests(), [seen]);
    }

    #[test]
    fn misbehaves_on_order() {
        let echo = Echo::start();
        let get = |path: &str| http1::get(echo.port(), path).unwrap();
        assert_eq!(get("/status/418").status, 418);
        assert!(get("/status/204").body.is_empty());
        assert_eq!(get("/bytes/3").text(), "xxx");
        assert_eq!(get("/header/X-A/b/c").header("x-a"), Some("b/c"));
        let several = get("/headers?a=b&a=c&empty=");
        let values: Vec<&str> =
            several.headers.iter().filter(|(name, _)| name == "a").map(|(_, value)| value.as_str()).collect();
        assert_eq!((values.as_slice(), several.header("empty")), (["b", "c"].as_slice(), None));
        let flaky: Vec<u16> = (0..3).map(|_| get("/flaky/k/2").status).collect();
        assert_eq!(flaky, [503, 503, 200]);
        assert_eq!(get("/gzip").header("content-encoding"), Some("gzip"));
        assert_eq!(get("/sse/2").text(), "data: 0\n\ndata: 1\n\n");
    }

    #[test]
    fn a_head_request_has_the_length_and_no_body() {
        let echo = Echo::start();
        let reply = http1::Request::new("HEAD", "/bytes/5").send(echo.port()).unwrap();
        assert_eq!((reply.header("content-length"), reply.body.len()), (Some("5"), 0));
    }

    #[test]
    fn is_gone_when_dropped() {
        let echo = Echo::start();
        let port = echo.port();
        drop(echo);
        assert!(http1::get(port, "/").is_err());
    }
}
