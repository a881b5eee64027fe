//! `check`: what is not as it should be, on a running platform, or – with `--pre` – in settings before a start.

mod addresses;
mod finding;
mod live;
mod pre;
mod reach;

use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

use finding::{Finding, State};
use serde_json::json;

use crate::server::{Failed, Outcome, Output, Server, wait, write};

/// What is looked at, and how often.
#[derive(Debug, clap::Args)]
pub(crate) struct Wanted {
    /// Settings before a start, instead of a running platform.
    #[arg(long)]
    pre: bool,
    /// The settings file or directory, for --pre.
    #[arg(long, value_name = "FILE|DIR", requires = "pre")]
    config: Option<PathBuf>,
    /// Again and again, until it is interrupted.
    #[arg(short, long)]
    watch: bool,
    /// Between two looks of --watch.
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = super::time)]
    every: Duration,
    /// Ends after so many looks of --watch.
    #[arg(long, value_name = "COUNT", requires = "watch")]
    count: Option<usize>,
    /// Warnings make the command fail, too.
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    server: Server,
}

pub(super) fn run(wanted: &Wanted, properties: &[String], out: &mut dyn Write) -> Outcome {
    wait(repeat(wanted, properties, out))
}

async fn repeat(wanted: &Wanted, properties: &[String], out: &mut dyn Write) -> Outcome {
    let (mut looks, mut before) = (0, None);
    loop {
        let findings = look(wanted, properties).await?;
        if before.as_ref() != Some(&findings) {
            show(wanted, &findings, out)?;
            out.flush()?;
        }
        let worst = findings.iter().map(|finding| finding.state).max().unwrap_or(State::Fine);
        let fine = worst < if wanted.strict { State::Warning } else { State::Bad };
        before = Some(findings);
        looks += 1;
        if !wanted.watch || wanted.count.is_some_and(|count| looks >= count) {
            return Ok(fine);
        }
        tokio::time::sleep(wanted.every).await;
    }
}

async fn look(wanted: &Wanted, properties: &[String]) -> Result<Vec<Finding>, Failed> {
    if wanted.pre {
        return Ok(pre::look(wanted.config.clone(), properties.to_vec()).await);
    }
    live::look(&wanted.server.open()?).await
}

fn show(wanted: &Wanted, findings: &[Finding], out: &mut dyn Write) -> io::Result<()> {
    let form = wanted.server.output();
    let count = |state| findings.iter().filter(|finding| finding.state == state).count();
    let (fine, warnings, bad) = (count(State::Fine), count(State::Warning), count(State::Bad));
    if form != Output::Table {
        let items: Vec<_> = findings.iter().map(Finding::json).collect();
        return write(form, &json!({"ok": bad == 0, "items": items}), out);
    }
    let style = wanted.server.form.style();
    let mut group = "";
    for finding in findings {
        if finding.group != group {
            group = finding.group;
            writeln!(out, "{}", style.bold(group))?;
        }
        let mark = match finding.state {
            State::Fine => style.good("✓"),
            State::Warning => style.warn("!"),
            State::Bad => style.bad("×"),
        };
        let code = finding.code.map(|code| style.dim(&format!("  [{code}]"))).unwrap_or_default();
        writeln!(out, "  {mark} {}{code}", finding.text)?;
        if let Some(hint) = &finding.hint {
            writeln!(out, "    → {hint}")?;
        }
    }
    writeln!(out, "{fine} fine, {warnings} warnings, {bad} problems")
}
