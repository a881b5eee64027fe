//! A config server in this process, and Git remotes that answer as hosting services do.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::{AUTHORIZATION, CONTENT_TYPE, LOCATION, WWW_AUTHENTICATE};
use http::{HeaderMap, StatusCode, Uri};
use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use wellspring_daemon::app::Options;
use wellspring_daemon::{App, Running};
use wellspring_test_support::http1;

pub struct Server {
    running: Running,
}

impl Server {
    /// With properties, `name=value` each.
    pub async fn start(properties: &[(&str, &str)]) -> Self {
        Self::try_start(properties).await.expect("the server starts")
    }

    pub async fn try_start(properties: &[(&str, &str)]) -> Result<Self, String> {
        let base = Options::local().with("spring.cloud.bus.enabled", false);
        let options = properties.iter().fold(base, |options, (name, value)| options.with(name, value));
        let running =
            wellspring_config_server::app().start(options).await.map_err(|error| error.to_string())?;
        Ok(Self { running })
    }

    pub fn port(&self) -> u16 {
        self.running.local_addr().port()
    }

    pub async fn get(&self, path: &str) -> http1::Reply {
        self.send(http1::Request::new("GET", path)).await
    }

    pub async fn send(&self, request: http1::Request) -> http1::Reply {
        let port = self.port();
        tokio::task::spawn_blocking(move || request.send(port)).await.unwrap().unwrap()
    }

    pub async fn json(&self, path: &str) -> Value {
        let reply = self.get(path).await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
        reply.json()
    }

    /// A value of the first source that has the key.
    pub async fn value(&self, path: &str, key: &str) -> Value {
        let environment = self.json(path).await;
        let sources = environment["propertySources"].as_array().unwrap().clone();
        sources.iter().find_map(|source| source["source"].get(key).cloned()).unwrap_or(Value::Null)
    }
}

/// Serves a repository over smart HTTP with the installed `git`, as hosting services do.
pub struct HttpRemote {
    running: Running,
    pub requests: Arc<AtomicUsize>,
}

#[derive(Clone)]
struct Hosting {
    repository: PathBuf,
    authorization: Option<String>,
    requests: Arc<AtomicUsize>,
}

impl HttpRemote {
    /// `authorization`: the header that is asked for.
    pub async fn start(repository: PathBuf, authorization: Option<&str>) -> Self {
        let requests = Arc::new(AtomicUsize::new(0));
        let hosting = Hosting {
            repository,
            authorization: authorization.map(str::to_owned),
            requests: Arc::clone(&requests),
        };
        let router = Router::new().fallback(host).with_state(hosting);
        let app = App::new("hosting").build(|_| async move { Ok(router) });
        Self { running: app.start(Options::local()).await.unwrap(), requests }
    }

    pub fn url(&self) -> String {
        format!("http://{}/team/config.git", self.running.local_addr())
    }

    pub fn port(&self) -> u16 {
        self.running.local_addr().port()
    }
}

async fn host(
    State(hosting): State<Hosting>,
    uri: Uri,
    headers: HeaderMap,
    body: axum::body::Bytes,
) -> Response {
    hosting.requests.fetch_add(1, Ordering::Relaxed);
    if uri.path().starts_with("/moved/") {
        let to = format!("/{}?{}", uri.path().trim_start_matches("/moved/"), uri.query().unwrap_or_default());
        return (StatusCode::MOVED_PERMANENTLY, [(LOCATION, to)]).into_response();
    }
    let sent = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    if hosting.authorization.is_some() && hosting.authorization.as_deref() != sent {
        return (StatusCode::UNAUTHORIZED, [(WWW_AUTHENTICATE, "Basic")]).into_response();
    }
    let (arguments, kind, prefix): (&[&str], _, &[u8]) = match uri.path().rsplit('/').next() {
        Some("refs") => (
            &["--advertise-refs"],
            "application/x-git-upload-pack-advertisement",
            b"001e# service=git-upload-pack\n0000",
        ),
        Some("git-upload-pack") => (&[], "application/x-git-upload-pack-result", b""),
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    let mut child = Command::new("git")
        .arg("upload-pack")
        .arg("--stateless-rpc")
        .args(arguments)
        .arg(&hosting.repository)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&body).await.unwrap();
    let output = child.wait_with_output().await.unwrap();
    ([(CONTENT_TYPE, kind)], Body::from([prefix, &output.stdout].concat())).into_response()
}
