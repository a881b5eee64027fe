//! A registry that answers what a test says and remembers what it was asked.

#![allow(dead_code, reason = "each test file uses its part")]

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use parking_lot::Mutex;
use tokio::sync::broadcast;
use tokio::task::JoinHandle;
use wellspring_properties::{Environment, PropertySource};

/// What was asked: `METHOD path?query`, headers, body.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) line: String,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: String,
}

type Answers = Arc<Mutex<HashMap<String, (u16, String)>>>;
/// An event's name and data.
pub(crate) type Events = broadcast::Sender<(String, String)>;

#[derive(Debug, Clone, Default)]
struct Known {
    asked: Arc<Mutex<Vec<Asked>>>,
    answers: Answers,
    streams: Arc<Mutex<HashMap<String, Events>>>,
}

/// A server on a free port of its own.
#[derive(Debug)]
pub(crate) struct Fake {
    pub(crate) address: SocketAddr,
    known: Known,
    task: JoinHandle<()>,
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Fake {
    pub(crate) async fn start() -> Self {
        Self::start_on("127.0.0.1:0").await
    }

    #[allow(clippy::disallowed_methods, reason = "a fake is served the short way")]
    pub(crate) async fn start_on(address: &str) -> Self {
        let listener = tokio::net::TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let known = Known::default();
        let router = Router::new().fallback(answer).with_state(known.clone());
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, known, task }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The answer to every request that begins with `METHOD path`; the longest such line wins.
    pub(crate) fn answers(&self, line: &str, status: u16, body: &str) {
        self.known.answers.lock().insert(line.to_owned(), (status, body.to_owned()));
    }

    /// Server-sent events at `path`; what is sent goes to every open stream.
    pub(crate) fn streams(&self, path: &str) -> Events {
        let (events, _) = broadcast::channel(16);
        self.known.streams.lock().insert(path.to_owned(), events.clone());
        events
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.known.asked.lock().clone()
    }

    pub(crate) fn count(&self, line: &str) -> usize {
        self.known.asked.lock().iter().filter(|asked| asked.line.starts_with(line)).count()
    }
}

#[allow(clippy::disallowed_methods, reason = "a fake reads what tests send")]
async fn answer(State(known): State<Known>, request: Request) -> Response {
    let line = format!("{} {}", request.method(), request.uri());
    let headers = request.headers().clone();
    let body = to_bytes(request.into_body(), 1 << 20).await.unwrap();
    let body = String::from_utf8(body.to_vec()).unwrap();
    let stream = known.streams.lock().get(line.split(' ').nth(1).unwrap()).map(broadcast::Sender::subscribe);
    known.asked.lock().push(Asked { line: line.clone(), headers, body });
    if let Some(events) = stream {
        let body = futures_util::stream::unfold(events, |mut events| async {
            let (name, data) = events.recv().await.ok()?;
            let data = data.replace('\n', " ");
            Some((Ok::<_, std::io::Error>(format!("event: {name}\ndata: {data}\n\n")), events))
        });
        let response = Response::builder().header("content-type", "text/event-stream");
        return response.body(Body::from_stream(body)).unwrap();
    }
    let known = known.answers.lock();
    let found =
        known.iter().filter(|(start, _)| line.starts_with(*start)).max_by_key(|(start, _)| start.len());
    let (status, body) = found.map_or((404, String::new()), |(_, answer)| answer.clone());
    Response::builder()
        .status(status)
        .header("content-type", "application/json")
        .body(Body::from(body))
        .unwrap()
}

pub(crate) fn env(pairs: &[(&str, &str)]) -> Environment {
    Environment::new(vec![PropertySource::of_pairs("test", pairs.iter().copied())], vec![])
}
