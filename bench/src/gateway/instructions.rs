//! Instructions per request, counted by callgrind: one connection, one worker, the difference between a long run and a short
//! one. What the kernel does is not in them, and what else the machine does changes nothing about them.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::peers;
use crate::load::{self, Request};
use crate::process::Server;
use crate::table::say;

const SHORT: usize = 300;
const LONG: usize = 1_500;

/// A server that can be started again and again: its name, port and command.
pub(super) struct Subject {
    pub(super) name: &'static str,
    pub(super) port: u16,
    pub(super) command: Vec<String>,
}

/// Counts each request at each subject; the first subject is what the others are told relative to.
pub(super) async fn count(dir: &Path, subjects: &[Subject], requests: &[(&str, Request)]) -> Result<()> {
    if !peers::is_there("valgrind", "--version") {
        say("Left out: instructions per request (Debian package valgrind).\n");
        return Ok(());
    }
    say("\n| request | server | instructions / request | relative |");
    say("|---|---|---|---|");
    for (name, request) in requests {
        let mut base = None;
        for subject in subjects {
            let short = run(dir, subject, request, SHORT).await?;
            let long = run(dir, subject, request, LONG).await?;
            let each = (long - short) / f64::from(u32::try_from(LONG - SHORT)?);
            let base = *base.get_or_insert(each);
            say(&format!("| {name} | {} | {each:.0} | {:.2} |", subject.name, each / base));
        }
    }
    Ok(())
}

/// All instructions of a run with so many requests.
async fn run(dir: &Path, subject: &Subject, request: &Request, requests: usize) -> Result<f64> {
    let out = dir.join("callgrind.out");
    let file = format!("--callgrind-out-file={}", out.display());
    let mut command = vec!["valgrind", "--tool=callgrind", &file];
    command.extend(subject.command.iter().map(String::as_str));
    let server = Server::start(subject.name, 0, subject.port, &command, dir)?;
    load::run(subject.port, std::slice::from_ref(request), 1, requests)
        .await
        .with_context(|| format!("{} below callgrind", subject.name))?;
    // It writes its file when it ends.
    drop(server);
    let text = fs::read_to_string(&out).with_context(|| format!("{} left no figures", subject.name))?;
    fs::remove_file(&out)?;
    text.lines()
        .find_map(|line| line.strip_prefix("summary:")?.split_whitespace().next()?.parse().ok())
        .with_context(|| format!("no summary of {}", subject.name))
}
