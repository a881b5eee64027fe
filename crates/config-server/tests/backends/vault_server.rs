//! A stand-in for Vault that follows its documented HTTP interface: both versions of the key/value engine, tokens with a time to
//! live, AppRole logins, namespaces. Debian has no Vault; where one is in PATH, `vault.rs` asks that as well.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, Method, StatusCode, Uri};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::time::Instant;
use wellspring_daemon::app::Options;
use wellspring_daemon::{App, Running};

pub(crate) struct Vault {
    running: Running,
    pub(crate) state: Arc<Mutex<Contents>>,
}

#[derive(Default)]
pub(crate) struct Contents {
    /// By path: `secret/orders`, or `secret/data/orders` in version 2.
    pub(crate) secrets: HashMap<String, Value>,
    /// What a token may read: paths that begin with the text.
    pub(crate) tokens: HashMap<String, Token>,
    /// Role id and secret id that may sign in, and for how long.
    pub(crate) role: Option<(String, String, Duration)>,
    pub(crate) namespace: Option<String>,
    pub(crate) logins: usize,
    pub(crate) renewals: usize,
    /// Every path that was asked for, with the token.
    pub(crate) asked: Vec<(String, String)>,
    /// Before each answer.
    pub(crate) pause: Duration,
}

#[derive(Clone)]
pub(crate) struct Token {
    pub(crate) reads: String,
    pub(crate) expires: Option<(Instant, Duration)>,
}

impl Vault {
    pub(crate) async fn start(contents: Contents) -> Self {
        let state = Arc::new(Mutex::new(contents));
        let router = Router::new().fallback(answer).with_state(Arc::clone(&state));
        let app = App::new("vault").build(|_| async move { Ok(router) });
        Self { running: app.start(Options::local()).await.unwrap(), state }
    }

    pub(crate) fn port(&self) -> u16 {
        self.running.local_addr().port()
    }
}

async fn answer(
    State(state): State<Arc<Mutex<Contents>>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let pause = state.lock().pause;
    tokio::time::sleep(pause).await;
    let path =
        percent_encoding::percent_decode_str(uri.path().trim_start_matches("/v1/")).decode_utf8_lossy();
    let token = headers.get("x-vault-token").map_or("", |value| value.to_str().unwrap()).to_owned();
    let mut vault = state.lock();
    vault.asked.push((path.to_string(), token.clone()));
    let said = |status: StatusCode, body: Value| (status, axum::Json(body)).into_response();
    let denied = || said(StatusCode::FORBIDDEN, json!({"errors": ["permission denied"]}));
    let namespace = headers.get("x-vault-namespace").and_then(|value| value.to_str().ok());
    if namespace != vault.namespace.as_deref() {
        return denied();
    }
    if path.starts_with("auth/") && path.ends_with("/login") {
        let given: Value = serde_json::from_slice(&body).unwrap_or_default();
        let Some((role, secret, life)) = vault.role.clone() else { return denied() };
        if (given["role_id"].as_str(), given["secret_id"].as_str()) != (Some(&role), Some(&secret)) {
            return said(StatusCode::BAD_REQUEST, json!({"errors": ["invalid role or secret ID"]}));
        }
        vault.logins += 1;
        let issued = format!("issued-{}", vault.logins);
        let token = Token { reads: "secret/".to_owned(), expires: Some((Instant::now() + life, life)) };
        vault.tokens.insert(issued.clone(), token);
        return said(StatusCode::OK, lease(&issued, life));
    }
    let alive = |token: &Token| token.expires.is_none_or(|(end, _)| end > Instant::now());
    let Some(known) = vault.tokens.get(&token).filter(|token| alive(token)).cloned() else { return denied() };
    match (&method, &*path) {
        (&Method::GET, "auth/token/lookup-self") => {
            let left = known.expires.map_or(0, |(end, _)| (end - Instant::now()).as_secs());
            let data =
                json!({"id": token, "ttl": left, "renewable": known.expires.is_some(), "type": "service"});
            said(StatusCode::OK, json!({"data": data}))
        }
        (&Method::POST | &Method::PUT, "auth/token/renew-self") => {
            let Some((_, life)) = known.expires else { return denied() };
            vault.renewals += 1;
            vault
                .tokens
                .insert(token.clone(), Token { expires: Some((Instant::now() + life, life)), ..known });
            said(StatusCode::OK, lease(&token, life))
        }
        (&Method::GET, path) if path.starts_with(&known.reads) => match vault.secrets.get(path) {
            None => said(StatusCode::NOT_FOUND, json!({"errors": []})),
            Some(data) if path.contains("/data/") => {
                let data = json!({"data": data, "metadata": {"version": 1, "destroyed": false}});
                said(
                    StatusCode::OK,
                    json!({"request_id": "1", "lease_duration": 0, "data": data, "auth": null}),
                )
            }
            Some(data) => said(
                StatusCode::OK,
                json!({"request_id": "1", "lease_duration": 2_764_800, "data": data, "auth": null}),
            ),
        },
        _ => denied(),
    }
}

fn lease(token: &str, life: Duration) -> Value {
    json!({"auth": {"client_token": token, "lease_duration": life.as_secs(), "renewable": true, "policies": ["default"]}})
}
