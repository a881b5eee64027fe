//! What a suite needs around it: a scratch directory, its set-up script, its upstreams, the server.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use super::suite::Suite;
use super::variables::{Variables, is_name};
use crate::{Daemon, Echo, Launch, poll, process};

/// The running surroundings of a suite; all end when dropped.
#[derive(Debug)]
pub struct Stage {
    pub server: Daemon,
    pub variables: Variables,
    _echoes: Vec<Echo>,
    _set_up: SetUp,
}

impl Stage {
    /// Starts `program` with the suite's configuration.
    pub fn start(suite: &Suite, program: &Path) -> Result<Self> {
        let set_up = SetUp::run(suite)?;
        let mut variables = set_up.variables.clone();
        let echoes = suite.script.upstreams.iter().map(|port| Echo::on(*port)).collect();
        let mut launch = Launch::program(program)
            .config(suite.config())
            .context_path(&suite.script.context_path)
            .folder(set_up.scratch.path());
        if let Some(port) = suite.script.port {
            launch = launch.port(port);
        }
        for (name, value) in variables.iter().filter(|(name, _)| *name != "SCRATCH") {
            launch = launch.var(name, value);
        }
        let server = launch.try_start()?;
        variables.set("PORT", server.port().to_string());
        variables.set("BASE", server.url(&suite.script.context_path));
        Ok(Self { server, variables, _echoes: echoes, _set_up: set_up })
    }
}

/// The scratch directory and what `setup.sh` said.
#[derive(Debug)]
struct SetUp {
    scratch: TempDir,
    variables: Variables,
}

impl SetUp {
    fn run(suite: &Suite) -> Result<Self> {
        let scratch = tempfile::Builder::new().prefix("conformance-").tempdir()?;
        let mut variables = Variables::default();
        variables.set("SUITE", suite.folder.display().to_string());
        variables.set("SCRATCH", scratch.path().display().to_string());
        let mut set_up = Self { scratch, variables };
        let script = suite.folder.join("setup.sh");
        if script.is_file() {
            let said = set_up.execute(&script, &suite.folder)?;
            for (name, value) in said.lines().filter_map(|line| line.split_once('=')) {
                if is_name(name) {
                    set_up.variables.set(name, value);
                }
            }
        }
        Ok(set_up)
    }

    /// What the script prints, read from a file: a server that it leaves behind may keep the pipe open.
    fn execute(&self, script: &Path, suite: &Path) -> Result<String> {
        let output = tempfile::NamedTempFile::new()?;
        let mut command = Command::new("bash");
        command.arg(script).env("SUITE", suite).current_dir(self.scratch.path());
        command.stdin(Stdio::null()).stdout(output.reopen()?).stderr(Stdio::inherit());
        let mut running = command.spawn().context("bash")?;
        let mut status = None;
        poll::within(Duration::from_secs(120), || {
            status = running.try_wait().ok().flatten();
            status.is_some()
        });
        match status {
            Some(status) if status.success() => {}
            Some(status) => bail!("setup.sh: {status}"),
            None => {
                running.kill()?;
                bail!("setup.sh takes more than two minutes");
            }
        }
        let mut said = String::new();
        File::open(output.path())?.read_to_string(&mut said)?;
        Ok(said)
    }
}

impl Drop for SetUp {
    fn drop(&mut self) {
        // A script names the servers that it leaves running by variables that end in _PID.
        for (name, value) in self.variables.iter() {
            if let (true, Ok(id)) = (name.ends_with("_PID"), value.parse()) {
                process::terminate(id);
            }
        }
    }
}
