//! The program: in a process group of its own, so that a Ctrl-C reaches it after it left the registry, and with all it has
//! started.

use std::io::{self, IsTerminal};
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::Command;
use tokio::time::timeout;

use crate::server::{Exit, Failed};

/// A program that runs.
#[derive(Debug)]
pub(super) struct Child {
    running: tokio::process::Child,
    group: Option<Pid>,
}

impl Child {
    pub(super) fn spawn(words: &[String], variables: &[(String, String)]) -> Result<Self, Failed> {
        let (program, words) = words.split_first().ok_or_else(|| Failed::usage("no program is named"))?;
        let mut command = Command::new(program);
        command
            .args(words)
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .process_group(0)
            .kill_on_drop(true);
        if io::stdin().is_terminal() {
            // A group in the background that reads the terminal would be halted.
            command.stdin(Stdio::null());
        }
        let running = command.spawn().map_err(|error| {
            Failed::new(Exit::Problem, format!("{program} cannot be started: {error}"))
                .hint("the name or path of a program")
        })?;
        let group = running.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        Ok(Self { running, group })
    }

    pub(super) fn id(&self) -> u32 {
        self.running.id().unwrap_or_default()
    }

    /// Waits for its end.
    pub(super) async fn ended(&mut self) -> io::Result<ExitStatus> {
        self.running.wait().await
    }

    /// SIGTERM, and SIGKILL when that was not enough.
    pub(super) async fn stop(&mut self, grace: Duration) -> io::Result<ExitStatus> {
        if let Some(ended) = self.running.try_wait()? {
            return Ok(ended);
        }
        self.signal(Signal::TERM)?;
        if let Ok(ended) = timeout(grace, self.running.wait()).await {
            return ended;
        }
        eprintln!("it does not end within {} s: killed", grace.as_secs());
        self.signal(Signal::KILL)?;
        self.running.wait().await
    }

    fn signal(&self, signal: Signal) -> io::Result<()> {
        match self.group {
            Some(group) => Ok(kill_process_group(group, signal)?),
            None => Ok(()),
        }
    }
}

/// As shells tell it: the program's own, or 128 and the signal. Being stopped as asked is a good end.
pub(super) fn code(status: ExitStatus) -> u8 {
    match (status.code(), status.signal()) {
        (Some(code), _) => u8::try_from(code).unwrap_or(1),
        (None, Some(signal)) if signal == Signal::TERM.as_raw() => 0,
        (None, signal) => signal.and_then(|signal| u8::try_from(128 + signal).ok()).unwrap_or(1),
    }
}
