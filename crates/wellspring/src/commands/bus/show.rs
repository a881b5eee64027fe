//! Entries of the board, in each form.

use std::io::{self, Write};

use serde_json::{Value, json};

use crate::server::Output;

/// Any answer.
pub(super) fn document(form: Output, answer: &Value, out: &mut dyn Write) -> io::Result<()> {
    match form {
        Output::Table | Output::Json => writeln!(out, "{answer:#}"),
        Output::Ndjson => writeln!(out, "{answer}"),
        Output::Yaml => write!(out, "{}", serde_yaml::to_string(answer).map_err(io::Error::other)?),
    }
}

/// One event with everyone who is meant: who has answered, after how long, and who has not.
pub(super) fn entry(form: Output, entry: &Value, out: &mut dyn Write) -> io::Result<()> {
    if form != Output::Table {
        return document(form, entry, out);
    }
    writeln!(out, "{}", headline(entry))?;
    for ack in list(entry, "acknowledged") {
        writeln!(out, "  {:<60} {:>8} ms", text(ack, "by"), field(ack, "afterMillis"))?;
    }
    for (name, word) in [
        ("silent", "silent"),
        ("notAcknowledging", "registered, never heard"),
        ("left", "has left before it answered"),
    ] {
        for who in list(entry, name) {
            writeln!(out, "  {:<60} {word}", who.as_str().unwrap_or_default())?;
        }
    }
    Ok(())
}

/// The newest events.
pub(super) fn listing(form: Output, listing: &Value, out: &mut dyn Write) -> io::Result<()> {
    match form {
        Output::Json | Output::Yaml => document(form, listing, out),
        Output::Ndjson => list(listing, "events").try_for_each(|event| writeln!(out, "{event}")),
        Output::Table => {
            writeln!(out, "{:<36}  {:<18}  {:<28}  {:>6}  {:>6}", "ID", "EVENT", "TO", "ACKS", "SILENT")?;
            list(listing, "events").try_for_each(|event| {
                let silent = list(event, "silent").count() + list(event, "notAcknowledging").count();
                let listed = list(event, "acknowledged").count();
                let acks =
                    field(event, "acked").as_u64().map_or(listed, |acks| acks.try_into().unwrap_or(listed));
                let (id, kind, to) =
                    (text(event, "id"), kind(text(event, "type")), text(event, "destination"));
                writeln!(out, "{id:<36}  {kind:<18}  {to:<28}  {acks:>6}  {silent:>6}")
            })
        }
    }
}

/// An event or ack that passes by.
pub(super) fn passing(form: Output, event: &Value, out: &mut dyn Write) -> io::Result<()> {
    match form {
        Output::Json | Output::Ndjson => writeln!(out, "{event}"),
        Output::Yaml => {
            write!(out, "---\n{}", serde_yaml::to_string(event).map_err(io::Error::other)?)
        }
        Output::Table => {
            let (origin, to) = (text(event, "originService"), text(event, "destinationService"));
            match text(event, "type") {
                "AckRemoteApplicationEvent" => writeln!(out, "  ack {}  {origin}", text(event, "ackId")),
                other => {
                    let values = event.get("values").map(|values| format!("  {values}")).unwrap_or_default();
                    writeln!(out, "{}  {}  {origin} -> {to}{values}", text(event, "id"), kind(other))
                }
            }
        }
    }
}

/// The same, as the event log of the platform has it.
pub(super) fn logged(form: Output, event: &Value, out: &mut dyn Write) -> io::Result<()> {
    if form != Output::Table {
        return passing(form, event, out);
    }
    writeln!(out, "{}  {}  {}", text(event, "subject"), text(event, "kind"), text(event, "text"))
}

fn headline(entry: &Value) -> String {
    let complete =
        if field(entry, "complete") == &json!(true) { "everyone has answered" } else { "not complete" };
    format!(
        "{}  {} to {}, {}: {complete}",
        text(entry, "id"),
        kind(text(entry, "type")),
        text(entry, "destination"),
        text(entry, "sent")
    )
}

/// `Refresh` of `RefreshRemoteApplicationEvent`.
fn kind(name: &str) -> &str {
    name.strip_suffix("RemoteApplicationEvent").unwrap_or(name)
}

/// `null` when it is missing.
pub(super) fn field<'a>(object: &'a Value, name: &str) -> &'a Value {
    object.get(name).unwrap_or(&Value::Null)
}

fn text<'a>(object: &'a Value, name: &str) -> &'a str {
    field(object, name).as_str().unwrap_or_default()
}

fn list<'a>(object: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    field(object, name).as_array().into_iter().flatten()
}
