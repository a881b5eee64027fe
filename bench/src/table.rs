//! One scenario against several servers in alternating rounds, and the table of what came out.

use std::time::Duration;

use anyhow::{Context, Result};

use crate::Effort;
use crate::load::{self, Request};
use crate::process::Server;

/// What is asked.
pub(crate) struct Scenario<'a> {
    pub(crate) name: &'a str,
    pub(crate) connections: usize,
    /// What each server is asked, in the order of the servers; none: it does not take part.
    pub(crate) requests: Vec<Option<Vec<Request>>>,
    /// Share of the usual number of requests: large answers need fewer.
    pub(crate) share: f64,
}

/// What came out for one server: medians over the rounds.
#[derive(Debug, Clone, Copy)]
struct Row {
    cpu: Duration,
    p99: Duration,
    per_second: f64,
}

/// Prints a Markdown table: the first server is ours, the others are what it is compared with.
pub(crate) async fn compare(effort: Effort, servers: &[&Server], scenarios: &[Scenario<'_>]) -> Result<()> {
    compare_to(effort, 0, servers, scenarios).await
}

/// As [`compare`], relative to the server at place `base`.
pub(crate) async fn compare_to(
    effort: Effort,
    base: usize,
    servers: &[&Server],
    scenarios: &[Scenario<'_>],
) -> Result<()> {
    let yardstick = servers.get(base).map_or("", |server| server.name);
    say(&format!(
        "| request | server | CPU µs / request | relative to {yardstick} | requests/s | p99 ms | MiB now, highest |",
    ));
    say("|---|---|---|---|---|---|---|");
    for scenario in scenarios {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a count"
        )]
        let requests = (effort.requests as f64 * scenario.share) as usize;
        let mut rows: Vec<Vec<Row>> = vec![Vec::new(); servers.len()];
        // The first round warms up and is not counted.
        for round in 0..=effort.rounds {
            for ((server, asked), rows) in servers.iter().zip(&scenario.requests).zip(&mut rows) {
                let Some(asked) = asked else { continue };
                let before = server.cpu();
                let outcome = load::run(server.port, asked, scenario.connections, requests)
                    .await
                    .with_context(|| format!("{} at {}", scenario.name, server.name))?;
                let spent = server.cpu().saturating_sub(before);
                if round > 0 {
                    rows.push(Row {
                        cpu: spent / u32::try_from(requests)?,
                        p99: outcome.percentile(99),
                        per_second: outcome.per_second(),
                    });
                }
            }
        }
        let yardstick: Vec<Duration> =
            rows.get(base).map(|rows| rows.iter().map(|row| row.cpu).collect()).unwrap_or_default();
        for (server, rows) in servers.iter().zip(&rows) {
            let Some(row) = median(rows) else { continue };
            let relative = relative(rows.iter().map(|row| row.cpu), &yardstick);
            let (now, highest) = server.memory();
            say(&format!(
                "| {} | {} | {:.1} | {:.2} | {:.0} | {:.2} | {now:.1}, {highest:.1} |",
                scenario.name,
                server.name,
                row.cpu.as_secs_f64() * 1e6,
                relative,
                row.per_second,
                row.p99.as_secs_f64() * 1e3,
            ));
        }
    }
    Ok(())
}

/// The median over the rounds of what a server took in the yardstick's measure of the same round.
pub(crate) fn relative(rows: impl Iterator<Item = Duration>, yardstick: &[Duration]) -> f64 {
    let ratio = |(one, other): (Duration, &Duration)| one.as_secs_f64() / other.as_secs_f64().max(1e-9);
    let mut ratios: Vec<f64> = rows.zip(yardstick).map(ratio).collect();
    ratios.sort_by(f64::total_cmp);
    ratios.get(ratios.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The median of each figure by itself.
fn median(rows: &[Row]) -> Option<Row> {
    let middle = rows.len() / 2;
    let (mut cpu, mut p99): (Vec<_>, Vec<_>) = rows.iter().map(|row| (row.cpu, row.p99)).unzip();
    let mut rate: Vec<f64> = rows.iter().map(|row| row.per_second).collect();
    cpu.sort_unstable();
    p99.sort_unstable();
    rate.sort_by(f64::total_cmp);
    Some(Row { cpu: *cpu.get(middle)?, p99: *p99.get(middle)?, per_second: *rate.get(middle)? })
}

#[expect(clippy::print_stdout, reason = "the table is what the program is for")]
pub(crate) fn say(line: &str) {
    println!("{line}");
}
