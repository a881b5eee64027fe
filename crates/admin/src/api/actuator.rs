//! An instance's own actuator, asked on request: registered addresses only, fixed paths, three seconds, no redirects, JSON only.
//!
//! That keeps the console from becoming a proxy into the network.

use std::time::Duration;

use axum::Json;
use axum::extract::{self, Path};
use http::Method;
use http::header::CONTENT_TYPE;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::State;
use super::instances::subject;
use super::paging::{self, Query};
use super::refusal::Refusal;
use super::routes::{At, Routes, Scope, at};
use super::services::known;
use super::write::{Done, Nothing, Order};
use crate::access::Role;
use crate::domain::Domain;
use crate::schema::view;
use crate::services::Instance;

const PATIENCE: Duration = Duration::from_secs(3);
/// Of an answer.
const LARGEST: usize = 4 << 20;
const ENDPOINTS: [&str; 6] = ["health", "info", "env", "loggers", "metrics", "threaddump"];
const LEVELS: [&str; 7] = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "OFF", "FATAL"];
/// What stays as it is in a logger's or metric's name: no slash, so that the path stays the one that is fixed.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'.').remove(b'-').remove(b'_');
const MASK: &str = "******";

view! {
    /// What an instance's actuator answered.
    pub(super) struct Answered {
        /// What was asked.
        url: String,
        /// The status: 503 is the usual one of an instance whose health is DOWN.
        status: u16,
        /// What it said; values that look like secrets are masked.
        body: Value,
    }
}

view! {
    /// A level for a logger.
    pub(super) struct Level {
        /// The logger's name.
        logger: String,
        /// TRACE to OFF; empty: the level of the logger above it again.
        level: String,
    }
}

pub(super) fn mount(routes: &mut Routes) {
    let ask_at =
        of("/services/{name}/instances/{id}/actuator/{endpoint}", "An endpoint of an instance's actuator");
    let ask_at = ask_at.query(&[("name", "string", "of metrics: one of them")]);
    routes.get::<Answered, _, _>(ask_at, shown);
    // A path of its own, because a change of it has one: the braces above do not catch it any more.
    let loggers_at = of("/services/{name}/instances/{id}/actuator/loggers", "An instance's loggers");
    routes.get::<Answered, _, _>(loggers_at, loggers);
    let level =
        of("/services/{name}/instances/{id}/actuator/loggers", "Set the level of an instance's logger");
    let level = level.role(Role::Operator).done_by("instance", "instances log-level");
    routes.post::<Level, Answered, _, _>(level, set_level);
    let refresh_at = of(
        "/services/{name}/instances/{id}/actuator/refresh",
        "Have an instance read its configuration anew",
    );
    let refresh_at = refresh_at.role(Role::Operator).done_by("instance", "instances refresh");
    routes.post::<Nothing, Answered, _, _>(refresh_at, refresh);
}

fn of(path: &'static str, summary: &'static str) -> At {
    at(path, summary).scope(Scope::Path("name")).prefers(Domain::Registry)
}

async fn shown(
    extract::State(state): extract::State<State>,
    Path((name, id, endpoint)): Path<(String, String, String)>,
    query: Query,
) -> Result<Json<Answered>, Refusal> {
    if !ENDPOINTS.contains(&endpoint.as_str()) {
        let hint = ENDPOINTS.join(", ");
        return Err(Refusal::parameter("endpoint", &format!("one of {hint}")));
    }
    let path = match paging::text(&query, "name").filter(|_| endpoint == "metrics") {
        Some(metric) => format!("metrics/{}", encoded(metric)),
        None => endpoint.clone(),
    };
    let instance = known(&state, &name, &id)?;
    let mut answered = call(&state, &instance, Method::GET, &path, None).await?;
    if endpoint == "env" {
        mask(&mut answered.body);
    }
    Ok(Json(answered))
}

async fn loggers(
    state: extract::State<State>,
    Path((name, id)): Path<(String, String)>,
    query: Query,
) -> Result<Json<Answered>, Refusal> {
    shown(state, Path((name, id, "loggers".to_owned())), query).await
}

async fn set_level(state: State, order: Order<Level>) -> Result<Done<Answered>, Refusal> {
    let (name, id) = (order.named("name"), order.named("id"));
    let Level { logger, level } = order.body;
    let level = level.to_uppercase();
    if logger.is_empty() {
        return Err(Refusal::member("logger", "a logger's name, or ROOT"));
    }
    if !level.is_empty() && !LEVELS.contains(&level.as_str()) {
        return Err(Refusal::member("level", &LEVELS.join(", ")));
    }
    let instance = known(&state, &name, &id)?;
    let path = format!("loggers/{}", encoded(&logger));
    let before = call(&state, &instance, Method::GET, &path, None).await?;
    let before = before.body.get("configuredLevel").cloned().unwrap_or_default();
    let wanted = (!level.is_empty()).then_some(level);
    let answered =
        call(&state, &instance, Method::POST, &path, Some(json!({"configuredLevel": wanted}))).await?;
    accepted(&answered)?;
    let text = format!("{logger} of {id} logs from {}", wanted.as_deref().unwrap_or("its parent's level"));
    let done = Done::new(answered, "log-level", state.admin.daemon_of(Domain::Registry), subject(&name, &id))
        .text(text);
    Ok(done.of_application(name).change(json!({logger.clone(): before}), json!({logger: wanted})))
}

async fn refresh(state: State, order: Order<Nothing>) -> Result<Done<Answered>, Refusal> {
    let (name, id) = (order.named("name"), order.named("id"));
    let instance = known(&state, &name, &id)?;
    let answered = call(&state, &instance, Method::POST, "refresh", Some(json!({}))).await?;
    accepted(&answered)?;
    let changed = answered.body.as_array().map_or(0, Vec::len);
    let keys = answered.body.clone();
    let done = Done::new(answered, "refreshed", state.admin.daemon_of(Domain::Registry), subject(&name, &id));
    let text = format!("{id} read its configuration anew: {changed} settings changed");
    Ok(done.text(text).of_application(name).change((), json!({"changed": keys})))
}

/// How many settings an instance found changed.
pub(super) async fn refreshed(state: &State, instance: &Instance) -> Result<usize, Refusal> {
    let answered = call(state, instance, Method::POST, "refresh", Some(json!({}))).await?;
    accepted(&answered)?;
    Ok(answered.body.as_array().map_or(0, Vec::len))
}

/// The metric of the calls that an instance makes, with these tags; `None`: it has none, or does not show it.
pub(super) async fn client_requests(
    state: &State,
    instance: &Instance,
    tags: &[(&str, &str)],
) -> Option<Value> {
    let tags = tags.iter().map(|(tag, value)| format!("tag={}", encoded(&format!("{tag}:{value}"))));
    let path = format!("metrics/http.client.requests?{}", tags.collect::<Vec<_>>().join("&"));
    let answered = call(state, instance, Method::GET, path.trim_end_matches('?'), None).await.ok()?;
    (answered.status == 200).then_some(answered.body)
}

fn accepted(answered: &Answered) -> Result<(), Refusal> {
    if (200..300).contains(&answered.status) {
        return Ok(());
    }
    let Answered { url, status, .. } = answered;
    Err(Refusal::failed(&format!(
        "{url} answered {status}: is the endpoint exposed, and may it be written to?"
    )))
}

/// One request to an address that is registered.
async fn call(
    state: &State,
    instance: &Instance,
    method: Method,
    path: &str,
    body: Option<Value>,
) -> Result<Answered, Refusal> {
    let metadata = |name: &str| instance.metadata.get(name).map(String::as_str);
    let scheme = if instance.secure { "https" } else { "http" };
    let port = metadata("management.port").and_then(|port| port.parse().ok()).unwrap_or(instance.port);
    let context = metadata("management.context-path").unwrap_or_default().trim_matches('/');
    let context = if context.is_empty() { String::new() } else { format!("/{context}") };
    let host = if instance.host.is_empty() { &instance.ip } else { &instance.host };
    let url = format!("{scheme}://{host}:{port}{context}/actuator/{path}");
    let failed = |cause: String| Refusal::failed(&format!("{url}: {cause}"));
    let http = state.admin.http().ok_or_else(|| Refusal::failed("this process has no HTTP client"))?;
    let mut request = http.request(method, &url).header("accept", "application/json").timeout(PATIENCE);
    if let Some(body) = &body {
        request = request.header("content-type", "application/json").body(body.to_string());
    }
    let mut response = request.send().await.map_err(|error| failed(cause(&error)))?;
    let status = response.status().as_u16();
    let kind = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let json = kind.contains("json");
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| failed(cause(&error)))? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > LARGEST {
            return Err(failed("the answer is too large".to_owned()));
        }
    }
    // What is no JSON comes from no actuator, and is not shown.
    let body = if json { serde_json::from_slice(&bytes).unwrap_or_default() } else { Value::Null };
    Ok(Answered { url, status, body })
}

fn cause(error: &reqwest::Error) -> String {
    if error.is_timeout() { "no answer within three seconds".to_owned() } else { error.to_string() }
}

fn encoded(name: &str) -> String {
    utf8_percent_encode(name, PLAIN).to_string()
}

/// Values of properties whose name promises a secret, in an answer of `env`.
fn mask(env: &mut Value) {
    let sources = env.get_mut("propertySources").and_then(Value::as_array_mut);
    for source in sources.into_iter().flatten() {
        let properties = source.get_mut("properties").and_then(Value::as_object_mut);
        for (name, property) in properties.into_iter().flatten() {
            if let Some(value) = property.get_mut("value")
                && (is_secret(name) || value.as_str().is_some_and(has_credentials))
            {
                *value = MASK.into();
            }
        }
    }
}

fn is_secret(name: &str) -> bool {
    let name = name.to_lowercase();
    ["password", "passwd", "secret", "token", "credential", "private-key", "private_key", "privatekey"]
        .iter()
        .any(|part| name.contains(part))
        || name.ends_with("key")
}

/// `scheme://user:password@host`.
fn has_credentials(value: &str) -> bool {
    let Some((_, rest)) = value.split_once("://") else { return false };
    let authority = rest.split(['/', '?', ' ']).next().unwrap_or_default();
    authority.rsplit_once('@').is_some_and(|(user, _)| user.contains(':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_a_secret_is_masked() {
        let value = |text: &str| json!({"value": text});
        let mut env = json!({"propertySources": [{"name": "a", "properties": {
            "spring.datasource.password": value("x"), "DB_PASSWORD": value("x"), "encrypt.key": value("x"),
            "api.token": value("x"), "git.uri": value("https://bob:pw@example.org/a"), "server.port": value("80"),
            "zone": value("http://h/a@b:c")
        }}]});
        mask(&mut env);
        let shown = &env["propertySources"][0]["properties"];
        for name in ["spring.datasource.password", "DB_PASSWORD", "encrypt.key", "api.token", "git.uri"] {
            assert_eq!(shown[name]["value"], MASK, "{name}");
        }
        assert_eq!(
            (&shown["server.port"]["value"], &shown["zone"]["value"]),
            (&json!("80"), &json!("http://h/a@b:c"))
        );
    }
}
