//! `services`, `instances`, `topology`: what is registered and who calls whom.

use std::io::Write;

use clap::Subcommand;
use serde_json::{Value, json};

use crate::server::table::cell;
use crate::server::{Column, Consent, Failed, Outcome, Output, Platform, Server, wait};

/// Lists services.
#[derive(Debug, clap::Args)]
pub(crate) struct Services {
    /// Part of a name, an instance's id or a host.
    q: Option<String>,
    /// Only services with an instance that has it: UP, DOWN, OUT_OF_SERVICE, STARTING, UNKNOWN.
    #[arg(long)]
    status: Option<String>,
    #[command(flatten)]
    server: Server,
}

/// Lists the instances of a service, or shows one.
#[derive(Debug, clap::Args)]
pub(crate) struct Instances {
    #[command(subcommand)]
    verb: Option<InstanceVerb>,
    /// The service; all without one.
    service: Option<String>,
    /// One of its instances: all that is known of it.
    instance: Option<String>,
    #[command(flatten)]
    server: Server,
}

/// What an instance is asked to do by itself, through its actuator.
#[derive(Debug, Subcommand)]
pub(crate) enum InstanceVerb {
    /// Sets the level of a logger; without a level the one of the logger above it.
    LogLevel {
        service: String,
        instance: String,
        /// ROOT, or a name.
        logger: String,
        /// TRACE, DEBUG, INFO, WARN, ERROR, OFF.
        level: Option<String>,
        #[command(flatten)]
        consent: Consent,
        #[command(flatten)]
        server: Server,
    },
    /// Has an instance read its configuration anew.
    Refresh {
        service: String,
        instance: String,
        #[command(flatten)]
        consent: Consent,
        #[command(flatten)]
        server: Server,
    },
}

const SERVICES: &[Column] = &[("SERVICE", "name"), ("UP", "up"), ("ALL", "total")];
const INSTANCES: &[Column] = &[
    ("SERVICE", "service"),
    ("INSTANCE", "id"),
    ("STATUS", "status"),
    ("HOST", "host"),
    ("PORT", "port"),
    ("ZONE", "zone"),
    ("SET BY", "overriddenBy"),
    ("WHY", "reason"),
];
const ANSWER: &[Column] = &[("ASKED", "url"), ("STATUS", "status"), ("ANSWER", "body")];
const EDGES: &[Column] = &[
    ("FROM", "from"),
    ("TO", "to"),
    ("RPS", "rps"),
    ("ERRORS %", "errors"),
    ("P99 MS", "p99Ms"),
    ("BREAKER", "breaker"),
    ("ROUTES", "routes"),
    ("CALLS", "requests"),
    ("KNOWN BY", "source"),
];

/// 1 when a service has no instance that is UP.
pub(super) fn services(asked: &Services, out: &mut dyn Write) -> Outcome {
    wait(async {
        // A table only counts them.
        let instances = (asked.server.form.output == Output::Table).then_some("false");
        let query =
            [("q", asked.q.as_deref()), ("status", asked.status.as_deref()), ("instances", instances)];
        let items = asked.server.open()?.all(&["services"], &query).await?;
        let dead = items.iter().any(|one| one.get("up").and_then(Value::as_u64) == Some(0));
        asked.server.show(&json!({"items": items}), SERVICES, out)?;
        Ok(!dead)
    })
}

/// 1 when an instance is not UP.
pub(super) fn instances(asked: Instances, out: &mut dyn Write) -> Outcome {
    wait(async {
        match asked.verb {
            None => list(&asked, out).await,
            Some(InstanceVerb::LogLevel { service, instance, logger, level, consent, server }) => {
                let shown = level.as_deref().unwrap_or("the level above it");
                consent.ask(&format!("set {logger} of {instance} to {shown}"))?;
                let body = consent.body(json!({"logger": logger, "level": level.unwrap_or_default()}));
                let path = ["services", &service, "instances", &instance, "actuator", "loggers"];
                let answer = server.open()?.post(&path, &body).await?;
                server.show(&answer, ANSWER, out)?;
                Ok(true)
            }
            Some(InstanceVerb::Refresh { service, instance, consent, server }) => {
                consent.ask(&format!("have {instance} read its configuration anew"))?;
                let path = ["services", &service, "instances", &instance, "actuator", "refresh"];
                let answer = server.open()?.post(&path, &consent.body(json!({}))).await?;
                server.show(&answer, ANSWER, out)?;
                Ok(true)
            }
        }
    })
}

async fn list(asked: &Instances, out: &mut dyn Write) -> Outcome {
    let platform = asked.server.open()?;
    if let (Some(service), Some(instance)) = (&asked.service, &asked.instance) {
        let one = platform.get(&["services", service, "instances", instance], &[]).await?;
        match asked.server.output() {
            // All of it is more than a row.
            Output::Table => members(&one, out)?,
            _ => asked.server.show(&one, INSTANCES, out)?,
        }
        return Ok(one.get("status").and_then(Value::as_str) == Some("UP"));
    }
    let items = flat(&platform, asked.service.as_deref()).await?;
    let all_up = items.iter().all(|one| one.get("status").and_then(Value::as_str) == Some("UP"));
    asked.server.show(&json!({"items": items}), INSTANCES, out)?;
    Ok(all_up)
}

/// Instances, each with the name of its service.
async fn flat(platform: &Platform, service: Option<&str>) -> Result<Vec<Value>, Failed> {
    let services = match service {
        Some(name) => vec![platform.get(&["services", name], &[]).await?],
        None => platform.all(&["services"], &[]).await?,
    };
    let mut all = Vec::new();
    for service in services {
        let name = service.get("name").cloned().unwrap_or_default();
        for mut one in service.get("instances").and_then(Value::as_array).cloned().unwrap_or_default() {
            if let Some(members) = one.as_object_mut() {
                members.insert("service".to_owned(), name.clone());
            }
            all.push(one);
        }
    }
    Ok(all)
}

fn members(one: &Value, out: &mut dyn Write) -> std::io::Result<()> {
    for (name, value) in one.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null()) {
        match value {
            Value::String(text) => writeln!(out, "{name:<16} {text}")?,
            Value::Array(items) if name == "events" => {
                for event in items {
                    let text = event.get("text").and_then(Value::as_str).unwrap_or_default();
                    writeln!(out, "{:<16} {text}", "event")?;
                }
            }
            Value::Array(items) if items.is_empty() => {}
            other => writeln!(out, "{name:<16} {other}")?,
        }
    }
    Ok(())
}

/// 1 when calls between two fail, or a breaker on the way is open.
pub(super) fn topology(server: &Server, clients: bool, out: &mut dyn Write) -> Outcome {
    wait(async {
        let query = [("clients", clients.then_some("true"))];
        let answer = server.open()?.get(&["topology"], &query).await?;
        let edges = answer.get("edges").cloned().unwrap_or_else(|| json!([]));
        let open = edges.as_array().into_iter().flatten().any(|edge| {
            matches!(edge.get("breaker").and_then(Value::as_str), Some("OPEN" | "FORCED_OPEN" | "HALF_OPEN"))
        });
        if let Some(asked) = answer.get("asked").filter(|asked| !asked.is_null()) {
            let (all, told) = (cell(asked, "instances"), cell(asked, "answered"));
            server.form.say(&format!("{told} of {all} instances told of their calls"));
        }
        match server.output() {
            Output::Table => server.show(&json!({"items": edges}), EDGES, out)?,
            _ => server.show(&answer, EDGES, out)?,
        }
        Ok(!open)
    })
}
