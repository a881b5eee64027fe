//! `routes` of a running gateway, over the admin API.

use std::io::Write;
use std::path::Path;

use serde_json::{Map, Value, json};
use wellspring_daemon::admin::routes::{Replay, RouteDiff, RouteTrace};

use super::{diff, replay, trace};
use crate::server::table::cell;
use crate::server::{Column, Consent, Failed, Outcome, Output, Server};

const ROUTES: &[Column] = &[
    ("ORDER", "order"),
    ("ROUTE", "id"),
    ("URI", "uri"),
    ("ON", "enabled"),
    ("REQUESTS", "requests"),
    ("5XX", "errors"),
    ("RPS", "rps"),
    ("P99 MS", "p99Ms"),
    ("PREDICATES", "predicates"),
    ("FROM", "source"),
];

/// Figures as people read them.
fn rounded(mut table: Value) -> Value {
    for item in table.get_mut("items").and_then(Value::as_array_mut).into_iter().flatten() {
        for name in ["rps", "p99Ms"] {
            if let Some(number) = item.get(name).and_then(Value::as_f64)
                && let Some(member) = item.get_mut(name)
            {
                *member = json!((number * 100.0).round() / 100.0);
            }
        }
    }
    table
}

/// Fine unless a newer set was refused.
pub(super) async fn list(server: &Server, out: &mut dyn Write) -> Outcome {
    let table = server.open()?.get(&["routes"], &[]).await?;
    let refused = table.get("refused").filter(|refused| !refused.is_null());
    if let Some(refused) = refused {
        server.form.say(&format!("a newer set was refused: {}", cell(refused, "problem")));
    }
    let fine = refused.is_none();
    if server.output() == Output::Table {
        server.show(&rounded(table), ROUTES, out)?;
    } else {
        server.show(&table, ROUTES, out)?;
    }
    Ok(fine)
}

pub(super) async fn trace(
    server: &Server,
    method: &str,
    path: &str,
    headers: &[String],
    out: &mut dyn Write,
) -> Outcome {
    let mut named: Map<String, Value> = Map::new();
    for header in headers {
        let (name, value) = header
            .split_once(':')
            .ok_or_else(|| Failed::usage(format!("no header: {header}")).hint("Name: value"))?;
        let values = named.entry(name.trim().to_ascii_lowercase()).or_insert_with(|| json!([]));
        if let Some(values) = values.as_array_mut() {
            values.push(value.trim().into());
        }
    }
    let body = json!({"method": method, "path": path, "headers": named});
    let answer = server.open()?.post(&["routes", "trace"], &body).await?;
    let traced: RouteTrace = serde_json::from_value(answer)?;
    trace::show(&traced, server.output(), out)
}

pub(super) async fn replay(
    server: &Server,
    after: &Path,
    requests: Option<&Path>,
    out: &mut dyn Write,
) -> Outcome {
    let routes = std::fs::read_to_string(after)?;
    let requests = requests.map(std::fs::read_to_string).transpose()?;
    let own = requests.is_none();
    let body = json!({"routes": routes, "requests": requests});
    let answer = server.open()?.post(&["routes", "replay"], &body).await?;
    let report: Replay = serde_json::from_value(answer)?;
    if own && report.requests == 0 {
        server.form.say(
            "the gateway keeps its requests from now on for ten minutes: ask again, or give --requests FILE",
        );
    }
    replay::show(&report, server.output(), out)
}

pub(super) async fn diff(server: &Server, after: &Path, out: &mut dyn Write) -> Outcome {
    let body = json!({"routes": std::fs::read_to_string(after)?});
    let answer = server.open()?.post(&["routes", "diff"], &body).await?;
    let found: RouteDiff = serde_json::from_value(answer)?;
    diff::show(&found, server.output(), out)
}

/// Puts the routes of a file in force, or with none those of the configuration again.
pub(super) async fn apply(
    server: &Server,
    consent: &Consent,
    file: Option<&Path>,
    out: &mut dyn Write,
) -> Outcome {
    let (routes, what) = match file {
        Some(file) => {
            (std::fs::read_to_string(file)?, format!("put the routes of {} in force", file.display()))
        }
        None => (String::new(), "put the routes of the configuration in force again".to_owned()),
    };
    if file.is_some() && routes.trim().is_empty() {
        return Err(Failed::usage("the file is empty").hint("--back for the routes of the configuration"));
    }
    consent.ask(&what)?;
    let answer = server.open()?.post(&["routes", "apply"], &consent.body(json!({"routes": routes}))).await?;
    if server.output() != Output::Table {
        server.show(&answer, &[], out)?;
        return Ok(true);
    }
    for key in answer.get("ignored").and_then(Value::as_array).into_iter().flatten() {
        server.form.say(&format!("not a route, without effect: {}", key.as_str().unwrap_or_default()));
    }
    let found: RouteDiff = serde_json::from_value(answer.get("diff").cloned().unwrap_or_default())?;
    diff::show(&found, Output::Table, out)?;
    writeln!(out, "revision {} in force, {} routes", cell(&answer, "revision"), cell(&answer, "routes"))?;
    if file.is_some() {
        lasting(server, &answer);
    }
    Ok(true)
}

/// Says of a change that ends with the gateway that it does.
fn lasting(server: &Server, answer: &Value) {
    if answer.get("kept") != Some(&Value::Bool(true)) {
        server.form.say("until the gateway ends; with wellspring.gateway.changes-file it would be kept");
    }
}

pub(super) async fn switch(
    server: &Server,
    consent: &Consent,
    id: &str,
    enabled: bool,
    out: &mut dyn Write,
) -> Outcome {
    consent.ask(&format!("switch route {id} {}", if enabled { "on" } else { "off" }))?;
    let body = consent.body(json!({"enabled": enabled}));
    let answer = server.open()?.post(&["routes", id, "enabled"], &body).await?;
    if server.output() == Output::Table {
        let route = answer.get("route").cloned().unwrap_or_default();
        server.show(&rounded(json!({"items": [route]})), ROUTES, out)?;
        lasting(server, &answer);
    } else {
        server.show(&answer, &[], out)?;
    }
    Ok(true)
}
