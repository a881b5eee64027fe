//! `wellspring bus send|watch|acks`: questions and orders to a running bus daemon.
//!
//! Exit status as everywhere; somebody who stays silent is a problem found.

mod board;
mod place;
mod show;

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Subcommand, ValueEnum};
use futures_util::StreamExt;
use serde_json::Value;

use board::Board;
use place::Place;

use crate::server::{Consent, Exit, Failed, Server};

/// How often the board is looked at while acks are awaited.
const LOOK: Duration = Duration::from_millis(50);
/// Those never heard on the bus are waited for no longer than this, unless `--all` asks for them.
const UNHEARD: Duration = Duration::from_secs(2);

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Sends an event and shows its entry on the ack board.
    Send {
        /// Load the configuration again, or take values.
        #[arg(value_enum, default_value_t)]
        kind: Kind,
        /// For `env`: what applications take, above all other configuration.
        #[arg(value_name = "NAME=VALUE", value_parser = pair)]
        values: Vec<(String, String)>,
        /// To whom: orders, orders:8081, or a pattern. Everyone without.
        #[arg(short, long, default_value = "")]
        destination: String,
        /// Wait until everyone has acknowledged it; the exit status is 1 when somebody has not.
        #[arg(short, long)]
        wait: bool,
        /// The longest wait.
        #[arg(long, value_name = "TIME", default_value = "10s", value_parser = super::time)]
        timeout: Duration,
        /// Those who are in the registry and were never heard on the bus count as well.
        #[arg(long, requires = "wait")]
        all: bool,
        #[command(flatten)]
        consent: Consent,
        #[command(flatten)]
        to: To,
    },
    /// Shows events and acks as they pass by, until it is interrupted.
    Watch {
        /// Without acks.
        #[arg(long)]
        no_acks: bool,
        /// Ends after so many.
        #[arg(short = 'n', long, value_name = "COUNT")]
        limit: Option<usize>,
        #[command(flatten)]
        to: To,
    },
    /// The ack board: what was sent, who has answered, who is silent.
    Acks {
        /// One event.
        id: Option<String>,
        /// Send it again to those who have not acknowledged it.
        #[arg(long, requires = "id")]
        resend: bool,
        /// How many events.
        #[arg(short = 'n', long, value_name = "COUNT", default_value_t = 20)]
        limit: usize,
        #[command(flatten)]
        consent: Consent,
        #[command(flatten)]
        to: To,
    },
}

/// Which daemon, and how to answer.
#[derive(Debug, clap::Args)]
pub(crate) struct To {
    /// A bus daemon whose actuator is asked in place of the admin API; a user may stand in it:
    /// http://name:password@host:8889
    #[arg(long, value_name = "URL", conflicts_with_all = ["server", "context"])]
    url: Option<String>,
    #[command(flatten)]
    server: Server,
}

impl To {
    fn place(&self) -> Result<Place, Failed> {
        Ok(match &self.url {
            Some(url) => Place::Daemon(Board::of(url)?),
            None => Place::Platform(Box::new(self.server.open()?)),
        })
    }
}

/// What is sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// Load the configuration again.
    #[default]
    Refresh,
    /// Take these values.
    Env,
}

/// Does what is asked, on standard output.
pub(crate) fn run(verb: Verb) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let done =
        runtime.map_err(Failed::from).and_then(|runtime| runtime.block_on(answer(verb, &mut io::stdout())));
    done.unwrap_or_else(|failed| failed.report())
}

async fn answer(verb: Verb, out: &mut (dyn Write + Send)) -> Result<ExitCode, Failed> {
    match verb {
        Verb::Send { kind, values, destination, wait, timeout, all, consent, to } => {
            if (kind == Kind::Env) == values.is_empty() {
                return Err(Failed::usage("env takes NAME=VALUE, refresh takes nothing"));
            }
            let board = to.place()?;
            let mut entry = board.send(&destination, &values, &consent).await?;
            if wait {
                entry = awaited(&board, entry, timeout, all).await?;
            }
            show::entry(to.server.output(), &entry, out)?;
            let missing = silent(&entry) || (all && unheard(&entry));
            Ok(if wait && missing { Exit::Problem.into() } else { ExitCode::SUCCESS })
        }
        Verb::Watch { no_acks, limit, to } => {
            match &to.url {
                Some(url) => watch(&Board::of(url)?, &to, !no_acks, limit, out).await?,
                None => follow(&to, !no_acks, limit, out).await?,
            }
            Ok(ExitCode::SUCCESS)
        }
        Verb::Acks { id: Some(id), resend, limit: _, consent, to } => {
            let board = to.place()?;
            if resend {
                show::document(to.server.output(), &board.resend(&id, &consent).await?, out)?;
            } else {
                show::entry(to.server.output(), &board.entry(&id).await?, out)?;
            }
            Ok(ExitCode::SUCCESS)
        }
        Verb::Acks { id: None, limit, to, .. } => {
            show::listing(to.server.output(), &to.place()?.listing(limit).await?, out)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Looks at the board until nobody is missing or the time is over.
async fn awaited(board: &Place, mut entry: Value, timeout: Duration, all: bool) -> Result<Value, Failed> {
    let began = tokio::time::Instant::now();
    let Some(id) = show::field(&entry, "id").as_str().map(str::to_owned) else { return Ok(entry) };
    loop {
        let patience = if all { timeout } else { timeout.min(UNHEARD) };
        let waiting = silent(&entry) || (unheard(&entry) && began.elapsed() < patience);
        if !waiting || began.elapsed() >= timeout {
            return Ok(entry);
        }
        tokio::time::sleep(LOOK).await;
        entry = board.entry(&id).await?;
    }
}

fn silent(entry: &Value) -> bool {
    show::field(entry, "silent").as_array().is_some_and(|silent| !silent.is_empty())
}

fn unheard(entry: &Value) -> bool {
    show::field(entry, "notAcknowledging").as_array().is_some_and(|unheard| !unheard.is_empty())
}

async fn watch(
    board: &Board,
    to: &To,
    acks: bool,
    limit: Option<usize>,
    out: &mut (dyn Write + Send),
) -> Result<(), Failed> {
    let mut events = std::pin::pin!(board.follow(acks).await?);
    if io::stdout().is_terminal() {
        to.server.form.say(&format!("watching {}; Ctrl-C ends", board.shown()));
    }
    let mut left = limit.unwrap_or(usize::MAX);
    while left > 0 {
        let Some(event) = events.next().await else {
            return Err(Failed::new(Exit::Unreachable, format!("{} ended the stream", board.shown())));
        };
        show::passing(to.server.output(), &event, out)?;
        out.flush()?;
        left -= 1;
    }
    Ok(())
}

/// As the event log of the platform has it.
async fn follow(
    to: &To,
    acks: bool,
    limit: Option<usize>,
    out: &mut (dyn Write + Send),
) -> Result<(), Failed> {
    let platform = to.server.open()?;
    let mut events = platform.follow(&["stream"], &[("topics", Some("bus"))], None).await?;
    if io::stdout().is_terminal() {
        to.server.form.say(&format!("watching {}; Ctrl-C ends", platform.shown()));
    }
    let mut left = limit.unwrap_or(usize::MAX);
    while left > 0 {
        let Some((_, event)) = events.next().await? else { return Ok(()) };
        if show::field(&event, "topic") != "bus" || (!acks && show::field(&event, "kind") == "acked") {
            continue;
        }
        show::logged(to.server.output(), &event, out)?;
        out.flush()?;
        left -= 1;
    }
    Ok(())
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("NAME=VALUE is wanted".to_owned()),
    }
}
