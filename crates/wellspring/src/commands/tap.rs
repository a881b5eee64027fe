//! `tap`: live requests of a running gateway, read from its admin listener until one has seen enough.

use std::io::{self, Write};

use serde_json::Value;

use crate::server::table::cell;
use crate::server::{Outcome, Output, Server, wait};

/// Which gateway, and which requests.
#[derive(Debug, clap::Args)]
pub(crate) struct Wanted {
    #[arg(long)]
    route: Option<String>,
    /// What the path begins with.
    #[arg(long)]
    path: Option<String>,
    #[arg(long)]
    method: Option<String>,
    #[arg(long)]
    consumer: Option<String>,
    /// 404, or 5xx.
    #[arg(long)]
    status: Option<String>,
    /// Only what took so many milliseconds at least.
    #[arg(long, value_name = "MILLIS")]
    slower: Option<u64>,
    /// Percent of the requests.
    #[arg(long, value_name = "PERCENT")]
    sample: Option<f64>,
    /// End after so many requests.
    #[arg(long, value_name = "N")]
    count: Option<usize>,
    #[command(flatten)]
    server: Server,
}

pub(super) fn run(wanted: &Wanted, out: &mut dyn Write) -> Outcome {
    wait(follow(wanted, out))
}

async fn follow(wanted: &Wanted, out: &mut dyn Write) -> Outcome {
    let slower = wanted.slower.map(|millis| millis.to_string());
    let sample = wanted.sample.map(|percent| percent.to_string());
    let query = [
        ("route", wanted.route.as_deref()),
        ("path", wanted.path.as_deref()),
        ("method", wanted.method.as_deref()),
        ("consumer", wanted.consumer.as_deref()),
        ("status", wanted.status.as_deref()),
        ("slower", slower.as_deref()),
        ("sample", sample.as_deref()),
    ];
    let mut events = wanted.server.open()?.follow(&["tap"], &query, None).await?;
    let mut seen = 0;
    while let Some((_, request)) = events.next().await? {
        if !request.is_object() {
            continue;
        }
        show(&request, wanted.server.output(), out)?;
        out.flush()?;
        seen += 1;
        if wanted.count.is_some_and(|count| seen >= count) {
            break;
        }
    }
    Ok(true)
}

fn show(value: &Value, form: Output, out: &mut dyn Write) -> io::Result<()> {
    match form {
        Output::Json | Output::Ndjson => writeln!(out, "{value}"),
        Output::Yaml => write!(out, "---\n{}", serde_yaml::to_string(value).map_err(io::Error::other)?),
        Output::Table => {
            let took = value.get("tookMillis").and_then(Value::as_f64).unwrap_or(0.0);
            let text = |name: &str| cell(value, name);
            writeln!(
                out,
                "{} {} {} {took:.1} ms route={} upstream={} consumer={}",
                text("status"),
                text("method"),
                text("uri"),
                text("route"),
                text("upstream"),
                text("consumer")
            )
        }
    }
}
