//! `breaker` and `limits`: the patterns around calls of a running platform, looked at and set by hand.

use std::io::Write;

use clap::Subcommand;
use serde_json::{Value, json};

use crate::server::table::{cell, rows_of};
use crate::server::{Column, Consent, Outcome, Output, Server, wait};

/// What may be done with breakers.
#[derive(Debug, Subcommand)]
pub(crate) enum BreakerVerb {
    /// All breakers with their state and figures; the exit status is 1 when one is open.
    List {
        #[command(flatten)]
        server: Server,
    },
    /// Forces a breaker open: no call passes.
    Open {
        #[command(flatten)]
        order: Order,
        /// Closed again after so many minutes.
        #[arg(long, value_name = "N")]
        minutes: Option<u64>,
    },
    /// Closes a breaker: it begins anew.
    Close {
        #[command(flatten)]
        order: Order,
    },
    /// Switches a breaker off: all calls pass, nothing is counted.
    Disable {
        #[command(flatten)]
        order: Order,
        /// Closed again, and counting, after so many minutes.
        #[arg(long, value_name = "N")]
        minutes: Option<u64>,
    },
}

/// Which breaker.
#[derive(Debug, clap::Args)]
pub(crate) struct Order {
    name: String,
    /// The application, where several have a breaker of that name.
    #[arg(long, value_name = "NAME")]
    daemon: Option<String>,
    #[command(flatten)]
    consent: Consent,
    #[command(flatten)]
    server: Server,
}

const BREAKERS: &[Column] = &[
    ("BREAKER", "name"),
    ("DAEMON", "daemon"),
    ("STATE", "state"),
    ("FAILED %", "failureRate"),
    ("SLOW %", "slowRate"),
    ("CALLS", "buffered"),
    ("REFUSED", "notPermitted"),
    ("ROUTES", "routes"),
    ("SET BY", "setBy"),
];

pub(super) fn run(verb: BreakerVerb, out: &mut dyn Write) -> Outcome {
    match verb {
        BreakerVerb::List { server } => wait(list(&server, out)),
        BreakerVerb::Open { order, minutes } => wait(set(&order, "FORCED_OPEN", minutes, out)),
        BreakerVerb::Close { order } => wait(set(&order, "CLOSED", None, out)),
        BreakerVerb::Disable { order, minutes } => wait(set(&order, "DISABLED", minutes, out)),
    }
}

async fn list(server: &Server, out: &mut dyn Write) -> Outcome {
    let all = server.open()?.get(&["resilience"], &[]).await?;
    let breakers = all.get("breakers").cloned().unwrap_or_else(|| json!([]));
    let open = breakers.as_array().into_iter().flatten().any(|one| {
        matches!(one.get("state").and_then(Value::as_str), Some("OPEN" | "HALF_OPEN" | "FORCED_OPEN"))
    });
    server.show(&json!({ "items": breakers }), BREAKERS, out)?;
    Ok(!open)
}

async fn set(order: &Order, state: &str, minutes: Option<u64>, out: &mut dyn Write) -> Outcome {
    let what = match state {
        "FORCED_OPEN" => "force breaker {} open",
        "CLOSED" => "close breaker {}",
        _ => "switch breaker {} off",
    };
    order.consent.ask(&what.replace("{}", &order.name))?;
    let body = order.consent.body(json!({"state": state, "minutes": minutes}));
    let query = [("daemon", order.daemon.as_deref())];
    let path = ["breakers", &order.name, "state"];
    let answer = order.server.open()?.post_to(&path, &query, &body).await?;
    let breaker = answer.get("breaker").unwrap_or(&answer);
    match order.server.output() {
        Output::Table => order.server.show(breaker, BREAKERS, out)?,
        _ => order.server.show(&answer, BREAKERS, out)?,
    }
    Ok(true)
}

/// Limiters, bulkheads, retries, and instances that are left out.
pub(super) fn limits(server: &Server, out: &mut dyn Write) -> Outcome {
    wait(async {
        let all = server.open()?.get(&["resilience"], &[]).await?;
        if server.output() != Output::Table {
            server.show(&all, &[], out)?;
            return Ok(true);
        }
        let mut rows = Vec::new();
        for (kind, list) in [
            ("rate limiter", "limiters"),
            ("request limiter", "requestLimiters"),
            ("bulkhead", "bulkheads"),
            ("retry", "retries"),
            ("left out", "ejected"),
        ] {
            for item in all.get(list).and_then(Value::as_array).into_iter().flatten() {
                rows.push(vec![kind.to_owned(), cell(item, "daemon"), named(item), figures(list, item)]);
            }
        }
        rows_of(&["KIND", "DAEMON", "NAME", "NOW"], rows, out)?;
        Ok(true)
    })
}

fn named(item: &Value) -> String {
    match item.get("instance") {
        Some(_) => format!("{} {}", cell(item, "service"), cell(item, "instance")),
        None if item.get("route").is_some() => cell(item, "route"),
        None => cell(item, "name"),
    }
}

fn figures(list: &str, item: &Value) -> String {
    let text = |name: &str| cell(item, name);
    match list {
        "limiters" => format!(
            "{} of {} left per {} ms, {} waiting",
            text("available"),
            text("limit"),
            text("periodMs"),
            text("waiting")
        ),
        "requestLimiters" => format!(
            "{} a second up to {} by {}, kept {}; {} let through, {} refused, {} without a key, {} unasked",
            text("replenish"),
            text("burst"),
            text("key"),
            text("keptIn"),
            text("allowed"),
            text("refused"),
            text("nameless"),
            text("unasked")
        ),
        "bulkheads" => format!("{} of {} free", text("available"), text("max")),
        "retries" => format!(
            "{} attempts; {} well at once, {} after a retry, {} failed",
            text("attempts"),
            text("succeeded"),
            text("succeededLater"),
            text("failedFinally")
        ),
        _ => format!("{} until {}", text("address"), text("until")),
    }
}
