//! `events`: what happened on the platform, and what happens.

use std::io::{self, Write};

use serde_json::Value;
use wellspring_wire::Millis;

use crate::server::table::{cell, rows_of};
use crate::server::{Events, Failed, Outcome, Output, Platform, Server, wait, write};

/// Which events.
#[derive(Debug, clap::Args)]
pub(crate) struct Wanted {
    /// Then those that happen, until it is interrupted.
    #[arg(short, long)]
    follow: bool,
    /// Only these: registry, config, routes, bus, breakers, health, daemon, admin.
    #[arg(long, value_name = "TOPIC,…")]
    topics: Option<String>,
    /// Only those that hold this text.
    #[arg(long, visible_alias = "q", value_name = "TEXT")]
    query: Option<String>,
    /// Only those somebody did.
    #[arg(long, value_name = "WHO")]
    actor: Option<String>,
    /// Only those of an application.
    #[arg(long, value_name = "NAME")]
    application: Option<String>,
    /// Not older than so: 15m, 2h, 1d.
    #[arg(long, value_name = "TIME", value_parser = super::time)]
    since: Option<std::time::Duration>,
    /// At most so many of the past.
    #[arg(short = 'n', long, value_name = "COUNT", default_value_t = 20)]
    limit: usize,
    /// Ends after so many that happened meanwhile.
    #[arg(long, value_name = "COUNT", requires = "follow")]
    count: Option<usize>,
    #[command(flatten)]
    server: Server,
}

pub(super) fn run(wanted: &Wanted, out: &mut dyn Write) -> Outcome {
    wait(answer(wanted, out))
}

async fn answer(wanted: &Wanted, out: &mut dyn Write) -> Outcome {
    let platform = wanted.server.open()?;
    // What happens while the past is read comes after it.
    let events = if wanted.follow { Some(wanted.stream(&platform, None).await?) } else { None };
    let mut page = wanted.past(&platform).await?;
    let items = page.get_mut("items").and_then(Value::as_array_mut).map(std::mem::take).unwrap_or_default();
    let Some(events) = events else {
        if wanted.server.output() == Output::Table {
            rows_of(&TITLES, items.iter().rev().map(row), out)?;
        } else {
            write(wanted.server.output(), &serde_json::json!({ "items": items }), out)?;
        }
        return Ok(true);
    };
    items.iter().rev().try_for_each(|event| line(event, wanted.server.output(), out))?;
    out.flush()?;
    wanted.watch(&platform, events, &items, out).await
}

impl Wanted {
    async fn past(&self, platform: &Platform) -> Result<Value, Failed> {
        let from = self.since.map(|since| {
            let ago = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
            Millis::now().0.saturating_sub(ago).to_string()
        });
        let limit = self.limit.clamp(1, 1000).to_string();
        let query = [
            ("topics", self.topics.as_deref()),
            ("q", self.query.as_deref()),
            ("actor", self.actor.as_deref()),
            ("application", self.application.as_deref()),
            ("from", from.as_deref()),
            ("limit", Some(limit.as_str())),
        ];
        platform.get(&["events"], &query).await
    }

    async fn stream(&self, platform: &Platform, last: Option<&str>) -> Result<Events, Failed> {
        platform.follow(&["stream"], &[("topics", self.topics.as_deref())], last).await
    }

    /// Without what was told as the past. A stream that ends is opened again after the last event that was seen.
    async fn watch(
        &self,
        platform: &Platform,
        mut events: Events,
        past: &[Value],
        out: &mut dyn Write,
    ) -> Outcome {
        let mut seen = 0;
        loop {
            while let Some((name, event)) = events.next().await? {
                if name == "reset" {
                    self.server.form.say("some events were missed");
                    continue;
                }
                if past.contains(&event) || !self.admits(&event) {
                    continue;
                }
                line(&event, self.server.output(), out)?;
                out.flush()?;
                seen += 1;
                if self.count.is_some_and(|count| seen >= count) {
                    return Ok(true);
                }
            }
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
            let last = events.place().map(str::to_owned);
            events = self.stream(platform, last.as_deref()).await?;
        }
    }

    /// The stream knows topics only.
    fn admits(&self, event: &Value) -> bool {
        let is = |name: &str, wanted: &Option<String>| {
            wanted.as_deref().is_none_or(|wanted| cell(event, name).eq_ignore_ascii_case(wanted))
        };
        let text = event.to_string().to_lowercase();
        is("actor", &self.actor)
            && is("application", &self.application)
            && self.query.as_deref().is_none_or(|query| text.contains(&query.to_lowercase()))
    }
}

const TITLES: [&str; 6] = ["TIME", "TOPIC", "WHAT", "WHOM", "BY", "TEXT"];

fn row(event: &Value) -> Vec<String> {
    vec![
        clock(event),
        cell(event, "topic"),
        cell(event, "kind"),
        cell(event, "subject"),
        cell(event, "actor"),
        cell(event, "text"),
    ]
}

fn line(event: &Value, form: Output, out: &mut dyn Write) -> io::Result<()> {
    match form {
        Output::Table => {
            let [at, topic, kind, whom, by, text] = row(event).try_into().unwrap_or_default();
            let by = if by == "-" { String::new() } else { format!(" ({by})") };
            writeln!(out, "{at}  {topic:<8} {kind:<14} {whom}  {text}{by}")
        }
        Output::Json | Output::Ndjson => writeln!(out, "{event}"),
        Output::Yaml => write!(out, "---\n{}", serde_yaml::to_string(event).map_err(io::Error::other)?),
    }
}

/// The moment as the original servers' logs have it, in UTC.
fn clock(event: &Value) -> String {
    let at =
        event.get("at").and_then(Value::as_i64).and_then(|at| jiff::Timestamp::from_millisecond(at).ok());
    at.map_or_else(|| cell(event, "at"), |at| format!("{at:.3}"))
}
