//! HTTP/2 in clear: h2load drives many streams over few connections; what is read is the server's CPU time.

use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::peers;
use crate::Effort;
use crate::process::Server;
use crate::table::{relative, say};

const CONNECTIONS: usize = 64;
const STREAMS: usize = 10;

/// 64 connections with 10 streams each, in alternating rounds; `base` is the server that others are told relative to.
pub(super) fn compare(effort: Effort, servers: &[&Server], base: usize, path: &str) -> Result<()> {
    if !peers::is_there("h2load", "--version") {
        say("Left out: HTTP/2 in clear (Debian package nghttp2-client).\n");
        return Ok(());
    }
    let requests = effort.requests.max(CONNECTIONS * STREAMS);
    let mut rows: Vec<Vec<Duration>> = vec![Vec::new(); servers.len()];
    for round in 0..=effort.rounds {
        for (server, rows) in servers.iter().zip(&mut rows) {
            let before = server.cpu();
            load(server, requests, path).with_context(|| format!("h2c at {}", server.name))?;
            if round > 0 {
                rows.push(server.cpu().saturating_sub(before) / u32::try_from(requests)?);
            }
        }
    }
    let yardstick = rows.get(base).cloned().unwrap_or_default();
    for (server, rows) in servers.iter().zip(&mut rows) {
        let (now, highest) = server.memory();
        let relative = relative(rows.iter().copied(), &yardstick);
        let cpu = median(rows);
        say(&format!(
            "| h2c, {CONNECTIONS} × {STREAMS} | {} | {:.1} | {:.2} | – | – | {now:.1}, {highest:.1} |",
            server.name,
            cpu * 1e6,
            relative,
        ));
    }
    Ok(())
}

fn median(rows: &mut [Duration]) -> f64 {
    rows.sort_unstable();
    rows.get(rows.len() / 2).map_or(0.0, Duration::as_secs_f64)
}

fn load(server: &Server, requests: usize, path: &str) -> Result<()> {
    let url = format!("http://127.0.0.1:{}{path}", server.port);
    let out = Command::new("taskset")
        .args(["-c", "1", "h2load", "-n", &requests.to_string(), "-c", &CONNECTIONS.to_string()])
        .args(["-m", &STREAMS.to_string(), &url])
        .stderr(Stdio::null())
        .output()
        .context("h2load")?;
    let text = String::from_utf8_lossy(&out.stdout);
    let all = format!("{requests} succeeded");
    ensure!(
        text.contains(&all) && text.contains(&format!("status codes: {requests} 2xx")),
        "not all succeeded: {text}"
    );
    Ok(())
}
