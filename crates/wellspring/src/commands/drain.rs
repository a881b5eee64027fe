//! `drain`, `undrain`, `remove`, `label`: what an operator does to an instance.

use std::io::Write;

use serde_json::json;

use crate::server::{Column, Consent, Outcome, Server, wait};

/// Which instance.
#[derive(Debug, clap::Args)]
pub(crate) struct Target {
    /// The service.
    service: String,
    /// The instance's id, as `wellspring instances` shows it.
    instance: String,
    #[command(flatten)]
    consent: Consent,
    #[command(flatten)]
    server: Server,
}

const COLUMNS: &[Column] = &[
    ("INSTANCE", "id"),
    ("STATUS", "status"),
    ("SET", "overridden"),
    ("BY", "overriddenBy"),
    ("UNTIL", "overriddenUntil"),
    ("WHY", "reason"),
    ("EVENT", "event"),
];

pub(super) fn drain(target: &Target, minutes: Option<u64>, out: &mut dyn Write) -> Outcome {
    let for_ = minutes.map_or_else(String::new, |minutes| format!(" for {minutes} minutes"));
    act(
        target,
        &format!("take {} out of service{for_}", target.instance),
        "drain",
        json!({"minutes": minutes}),
        out,
    )
}

pub(super) fn undrain(target: &Target, out: &mut dyn Write) -> Outcome {
    act(target, &format!("put {} back into service", target.instance), "undrain", json!({}), out)
}

pub(super) fn label(target: &Target, pair: &str, out: &mut dyn Write) -> Outcome {
    let Some((key, value)) = pair.split_once('=') else {
        return Err(crate::server::Failed::usage(format!("'{pair}' is no key=value")));
    };
    let what = format!("set {key} of {} to {value}", target.instance);
    act(target, &what, "metadata", json!({"key": key, "value": value}), out)
}

fn act(target: &Target, what: &str, path: &str, body: serde_json::Value, out: &mut dyn Write) -> Outcome {
    wait(async {
        let Target { service, instance, consent, server } = target;
        let platform = server.open()?;
        consent.ask(what)?;
        let path = ["services", service, "instances", instance, path];
        let answer = platform.post(&path, &consent.body(body)).await?;
        server.show(&answer, COLUMNS, out)?;
        Ok(true)
    })
}

pub(super) fn remove(target: &Target, out: &mut dyn Write) -> Outcome {
    wait(async {
        let Target { service, instance, consent, server } = target;
        let platform = server.open()?;
        consent.ask(&format!("take {instance} off the list"))?;
        let path = ["services", service, "instances", instance];
        let answer = platform.delete(&path, &[("reason", consent.reason())]).await?;
        server.show(&answer, COLUMNS, out)?;
        Ok(true)
    })
}
