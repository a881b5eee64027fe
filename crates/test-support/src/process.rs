//! A child process that leads its own process group, so that what it starts ends with it.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use crate::poll;

/// Ends its whole process group when dropped.
#[derive(Debug)]
pub struct Guard {
    child: Child,
    ended: Option<ExitStatus>,
}

impl Guard {
    pub fn spawn(command: &mut Command) -> io::Result<Self> {
        Ok(Self { child: command.process_group(0).spawn()?, ended: None })
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// How the leader ended, or `None` while it runs.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        if self.ended.is_none() {
            self.ended = self.child.try_wait().ok().flatten();
        }
        self.ended
    }

    /// SIGTERM, then SIGKILL when the group is not gone within `grace`. Gives how the leader ended.
    pub fn stop(&mut self, grace: Duration) -> Option<ExitStatus> {
        self.signal(Signal::TERM);
        if !poll::within(grace, || self.ended().is_some()) {
            self.kill();
        }
        self.ended
    }

    /// SIGKILL: the crash of a process.
    pub fn kill(&mut self) {
        self.signal(Signal::KILL);
        self.ended = self.child.wait().ok().or(self.ended);
    }

    /// SIGINT, as Ctrl-C sends it.
    pub fn interrupt(&self) {
        self.signal(Signal::INT);
    }

    /// Suspends the group (`SIGSTOP`): it still accepts connections and answers nothing.
    pub fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    pub fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        if let Some(group) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            // Already gone is what was wanted.
            kill_process_group(group, signal).ok();
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if self.ended().is_none() {
            self.stop(Duration::from_secs(5));
        }
        self.signal(Signal::KILL);
    }
}

/// SIGTERM to one process that somebody else started, such as a suite's own server.
pub fn terminate(id: i32) {
    if let Some(process) = Pid::from_raw(id) {
        kill_process(process, Signal::TERM).ok();
    }
}

/// CPU time that the threads of a process have used so far, from the scheduler.
pub fn cpu_time(id: u32) -> Duration {
    let tasks = std::fs::read_dir(format!("/proc/{id}/task")).into_iter().flatten().flatten();
    let nanos = tasks.map(|task| {
        let text = std::fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
        text.split_whitespace().next().and_then(|first| first.parse::<u64>().ok()).unwrap_or_default()
    });
    Duration::from_nanos(nanos.sum())
}

/// Resident memory of a process in KiB, from /proc.
pub fn resident_kib(id: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().trim_end_matches("kB").trim().parse().ok()
}
