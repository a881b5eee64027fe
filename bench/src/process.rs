//! Processes that are measured: pinned to a core, their CPU time and memory read from `/proc`, ended when dropped.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::time::Instant;

/// A JVM on a busy machine takes its time to start.
const PATIENCE: Duration = Duration::from_secs(180);

/// A server under measurement.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    pub(crate) port: u16,
    pub(crate) name: &'static str,
}

impl Server {
    /// Starts `command` on core `core` and waits until something listens on `port`.
    pub(crate) fn start(
        name: &'static str,
        core: usize,
        port: u16,
        command: &[&str],
        dir: &Path,
    ) -> Result<Self> {
        Self::start_on(name, &core.to_string(), port, command, dir)
    }

    /// As [`Server::start`], on several cores (`0,1`).
    pub(crate) fn start_on(
        name: &'static str,
        cores: &str,
        port: u16,
        command: &[&str],
        dir: &Path,
    ) -> Result<Self> {
        let child = Command::new("taskset")
            .args(["-c", cores])
            .args(command)
            .current_dir(dir)
            .env("SERVER_PORT", port.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("{name}: taskset {command:?}"))?;
        let mut server = Self { child, port, name };
        server.wait()?;
        Ok(server)
    }

    fn wait(&mut self) -> Result<()> {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            if std::net::TcpStream::connect(("127.0.0.1", self.port)).is_ok() {
                return Ok(());
            }
            ensure!(self.child.try_wait()?.is_none(), "{} ended before it listened", self.name);
            std::thread::sleep(Duration::from_millis(1));
        }
        anyhow::bail!("{} does not listen on {}", self.name, self.port)
    }

    /// The process and its children: nginx works in a child of its master.
    fn pids(&self) -> Vec<u32> {
        let mut pids = vec![self.child.id()];
        let children = format!("/proc/{0}/task/{0}/children", self.child.id());
        let text = fs::read_to_string(children).unwrap_or_default();
        pids.extend(text.split_whitespace().filter_map(|pid| pid.parse::<u32>().ok()));
        pids
    }

    /// Keeps it, with all its threads, to one core from now on.
    pub(crate) fn pin(&self, core: usize) -> Result<()> {
        pin(self.child.id(), core)
    }

    /// CPU time so far, from the scheduler: of all threads that there are, or of the whole process with those that have
    /// ended, whichever is more.
    pub(crate) fn cpu(&self) -> Duration {
        self.threads().max(self.whole())
    }

    /// To a hundredth of a second, with the threads that have ended.
    fn whole(&self) -> Duration {
        let ticks = |pid: &u32| -> u64 {
            let text = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            // After the name, which may hold anything: state, ten fields, user time, system time.
            let fields = text.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11).take(2);
            fields.filter_map(|field| field.parse::<u64>().ok()).sum()
        };
        Duration::from_millis(self.pids().iter().map(ticks).sum::<u64>() * 10)
    }

    fn threads(&self) -> Duration {
        self.pids().into_iter().map(wellspring_test_support::process::cpu_time).sum()
    }

    /// Resident memory in MiB: now, and at its highest.
    pub(crate) fn memory(&self) -> (f64, f64) {
        let field = |text: &str, name: &str| -> f64 {
            text.lines()
                .find_map(|line| line.strip_prefix(name)?.split_whitespace().next()?.parse::<f64>().ok())
                .unwrap_or(0.0)
                / 1024.0
        };
        self.pids().iter().fold((0.0, 0.0), |(now, high), pid| {
            let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
            (now + field(&text, "VmRSS:"), high + field(&text, "VmHWM:"))
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // SIGTERM first: nginx's master ends its worker. A server that is gone already is just as well.
        let asked = Command::new("kill").arg(self.child.id().to_string()).stderr(Stdio::null()).status();
        if asked.is_ok() {
            for _ in 0..100 {
                if matches!(self.child.try_wait(), Ok(Some(_)) | Err(_)) {
                    return;
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        if self.child.kill().is_ok() {
            drop(self.child.wait());
        }
    }
}

/// Keeps this process to one core.
pub(crate) fn pin_self(core: usize) -> Result<()> {
    pin(std::process::id(), core)
}

fn pin(pid: u32, core: usize) -> Result<()> {
    let status = Command::new("taskset")
        .args(["-acp", &core.to_string(), &pid.to_string()])
        .stdout(Stdio::null())
        .status()
        .context("taskset (package util-linux)")?;
    ensure!(status.success(), "taskset: {status}");
    Ok(())
}

/// Gives this process, and what it starts from now on, all cores again.
pub(crate) fn unpin_self() -> Result<()> {
    let cores = std::fs::read_to_string("/sys/devices/system/cpu/online").context("the list of cores")?;
    let status = Command::new("taskset")
        .args(["-cp", cores.trim(), &std::process::id().to_string()])
        .stdout(Stdio::null())
        .status()
        .context("taskset (package util-linux)")?;
    ensure!(status.success(), "taskset: {status}");
    Ok(())
}

/// Where one of the platform's programs is: the release build, or `WELLSPRING_BIN_DIR`.
pub(crate) fn program(name: &str) -> String {
    wellspring_test_support::binaries::path(name).display().to_string()
}
