//! `top`: a platform at a glance, drawn again and again.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use serde_json::{Value, json};

use crate::server::table::cell;
use crate::server::{Failed, Outcome, Output, Platform, Server, Style, wait, write};

/// Rows of each list.
const ROWS: usize = 12;

/// How often, and how many times.
#[derive(Debug, clap::Args)]
pub(crate) struct Wanted {
    /// Between two pictures.
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = super::time)]
    every: Duration,
    /// Ends after so many pictures; one where nobody watches a terminal.
    #[arg(short = 'n', long, value_name = "COUNT")]
    count: Option<usize>,
    #[command(flatten)]
    server: Server,
}

pub(super) fn run(wanted: &Wanted, out: &mut dyn Write) -> Outcome {
    wait(draw(wanted, out))
}

async fn draw(wanted: &Wanted, out: &mut dyn Write) -> Outcome {
    let platform = wanted.server.open()?;
    let screen = io::stdout().is_terminal() && wanted.server.output() == Output::Table;
    let most = wanted.count.unwrap_or(if screen { usize::MAX } else { 1 });
    let mut drawn = 0;
    loop {
        let picture = look(&platform).await?;
        if wanted.server.output() == Output::Table {
            if screen {
                // Home, and clear what is below: no flicker.
                write!(out, "\x1b[H\x1b[J")?;
            }
            paint(&picture, &platform.shown(), wanted.server.form.style(), out)?;
        } else {
            write(wanted.server.output(), &picture, out)?;
        }
        out.flush()?;
        drawn += 1;
        if drawn >= most {
            return Ok(true);
        }
        tokio::time::sleep(wanted.every).await;
    }
}

async fn look(platform: &Platform) -> Result<Value, Failed> {
    let overview = platform.get(&["overview"], &[]).await?;
    let services = platform.all(&["services"], &[]).await?;
    // Without a gateway there are no routes to show.
    let routes = platform.get(&["routes"], &[]).await.unwrap_or_default();
    let resilience = platform.get(&["resilience"], &[]).await.unwrap_or_default();
    Ok(json!({"overview": overview, "services": services, "routes": routes, "resilience": resilience}))
}

fn list<'v>(picture: &'v Value, path: &str) -> impl Iterator<Item = &'v Value> {
    picture.pointer(path).and_then(Value::as_array).into_iter().flatten()
}

fn paint(picture: &Value, server: &str, style: Style, out: &mut dyn Write) -> io::Result<()> {
    let count = |name: &str| {
        picture.pointer(&format!("/overview/services/{name}")).map(ToString::to_string).unwrap_or_default()
    };
    writeln!(
        out,
        "{}  {}  {} services, {}/{} instances up",
        style.bold("wellspring"),
        server,
        count("services"),
        count("up"),
        count("instances")
    )?;
    let daemons = list(picture, "/overview/daemons").map(|daemon| {
        let (name, status) = (cell(daemon, "name"), cell(daemon, "status"));
        if status == "UP" {
            style.good(&format!("{name} {status}"))
        } else {
            style.bad(&format!("{name} {status}"))
        }
    });
    writeln!(out, "{}", daemons.collect::<Vec<_>>().join("  "))?;
    for problem in list(picture, "/overview/problems") {
        let text = format!(
            "× {} {} {}: {}",
            cell(problem, "daemon"),
            cell(problem, "component"),
            cell(problem, "status"),
            cell(problem, "description")
        );
        writeln!(out, "{}", style.bad(&text))?;
    }
    for breaker in list(picture, "/resilience/breakers").filter(|one| cell(one, "state") != "CLOSED") {
        writeln!(
            out,
            "{}",
            style.warn(&format!("! breaker {} {}", cell(breaker, "name"), cell(breaker, "state")))
        )?;
    }
    writeln!(out, "\n{}", style.bold(&format!("{:<40} {:>9}  STATUS", "SERVICE", "UP/TOTAL")))?;
    for service in list(picture, "/services").take(ROWS) {
        let statuses =
            list(service, "/instances").map(|one| cell(one, "status")).filter(|status| status != "UP");
        let other = statuses.collect::<Vec<_>>().join(" ");
        let up = format!("{}/{}", cell(service, "up"), cell(service, "total"));
        writeln!(out, "{:<40} {up:>9}  {}", cell(service, "name"), style.warn(&other))?;
    }
    if list(picture, "/routes/items").next().is_some() {
        writeln!(
            out,
            "\n{}",
            style.bold(&format!(
                "{:<40} {:>10} {:>8} {:>8} {:>9}",
                "ROUTE", "REQUESTS", "ERRORS", "RPS", "P99 MS"
            ))
        )?;
        for route in list(picture, "/routes/items").take(ROWS) {
            let (requests, errors) = (cell(route, "requests"), cell(route, "errors"));
            let (rps, p99) = (cell(route, "rps"), cell(route, "p99Ms"));
            writeln!(out, "{:<40} {requests:>10} {errors:>8} {rps:>8.6} {p99:>9.7}", cell(route, "id"))?;
        }
    }
    writeln!(out, "\n{}", style.bold("EVENTS"))?;
    for event in list(picture, "/overview/events").take(ROWS) {
        writeln!(
            out,
            "{} {} {} {}",
            cell(event, "topic"),
            cell(event, "kind"),
            cell(event, "subject"),
            cell(event, "text")
        )?;
    }
    Ok(())
}
