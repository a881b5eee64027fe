//! What this machine has of the programs in `tests/tools.txt`, and installing the rest when that is allowed.

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::process::Command;

use crate::command;

/// One line of `tests/tools.txt`.
#[derive(Debug, Clone)]
struct Tool {
    name: String,
    programs: Vec<String>,
    packages: Vec<String>,
    purpose: String,
}

/// Whether packages may be installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Consent {
    Given,
    /// Ask, if there is somebody to ask.
    Unknown,
}

/// Installs what the tests would miss, if it may. Tests that still miss something say so themselves.
/// True when nothing is missing any more.
pub(crate) fn provide(consent: Consent) -> bool {
    let missing = missing();
    if missing.is_empty() {
        return true;
    }
    for tool in &missing {
        println!("missing {} ({}): {}", tool.name, tool.packages.join(", "), tool.purpose);
    }
    let packed: Vec<&Tool> = missing.iter().filter(|tool| tool.is_packed()).collect();
    if packed.is_empty() {
        return false;
    }
    if find("apt-get").is_none() {
        println!("there is no apt-get here: install them by other means");
    } else if !is_root() {
        let packages: Vec<&str> = packed.iter().flat_map(|tool| &tool.packages).map(String::as_str).collect();
        println!("only root can install them: sudo apt-get install {}", packages.join(" "));
    } else if consent == Consent::Given || agrees() {
        install(&packed);
    }
    self::missing().is_empty()
}

fn missing() -> Vec<Tool> {
    tools().into_iter().filter(|tool| !tool.is_present()).collect()
}

/// Asks on a terminal; without one the answer is no.
fn agrees() -> bool {
    if !std::io::stdin().is_terminal() || !std::io::stdout().is_terminal() {
        println!("not installed: nobody to ask (--yes installs)");
        return false;
    }
    print!("install them with apt-get? [y/N] ");
    std::io::stdout().flush().ok();
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).is_ok() && matches!(answer.trim(), "y" | "Y" | "yes")
}

fn install(missing: &[&Tool]) {
    let update = apt(&["update", "-qq"]);
    if !command::succeeds(update) {
        println!("apt-get update failed: package lists may be old");
    }
    let _quiet = NoServices::declare();
    for tool in missing {
        // One at a time: a package that is not to be had does not keep the others away.
        let mut install = apt(&["install", "-y", "-qq", "--no-install-recommends"]);
        install.args(&tool.packages);
        if !command::succeeds(install) {
            println!("{} could not be installed", tool.name);
        }
    }
}

fn apt(arguments: &[&str]) -> Command {
    let mut command = Command::new("apt-get");
    command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
    command
}

/// Keeps freshly installed servers from starting: the tests start their own on free ports.
struct NoServices {
    made: bool,
}

const POLICY: &str = "/usr/sbin/policy-rc.d";

impl NoServices {
    fn declare() -> Self {
        if Path::new(POLICY).exists() || std::fs::write(POLICY, "#!/bin/sh\nexit 101\n").is_err() {
            return Self { made: false };
        }
        Self { made: Command::new("chmod").args(["+x", POLICY]).status().is_ok() }
    }
}

impl Drop for NoServices {
    fn drop(&mut self) {
        if self.made {
            std::fs::remove_file(POLICY).ok();
        }
    }
}

fn tools() -> Vec<Tool> {
    let text = std::fs::read_to_string(command::root().join("tests/tools.txt")).unwrap_or_default();
    text.lines().filter_map(Tool::parse).collect()
}

impl Tool {
    fn parse(line: &str) -> Option<Self> {
        if line.starts_with('#') {
            return None;
        }
        let mut columns = line.split('|').map(str::trim);
        let mut column = || columns.next();
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect();
        Some(Self {
            name: column()?.to_owned(),
            programs: words(column()?),
            packages: words(column()?),
            purpose: column()?.to_owned(),
        })
    }

    /// `-` stands for what no Debian package brings: it is used where it is, and left out where not.
    fn is_packed(&self) -> bool {
        self.packages != ["-"]
    }

    fn is_present(&self) -> bool {
        self.programs.iter().all(|program| is_there(program))
    }
}

/// A program, or `python3:MODULE`: Debian packs parts of Python's library apart.
fn is_there(program: &str) -> bool {
    match program.split_once(':') {
        Some((python, module)) => {
            let import = Command::new(python).args(["-c", &format!("import {module}")]).output();
            import.is_ok_and(|output| output.status.success())
        }
        None => find(program).is_some(),
    }
}

/// Where a program is, by PATH. In a path of its own one part may be `*`.
pub(crate) fn find(program: &str) -> Option<std::path::PathBuf> {
    if let Some((before, after)) = program.split_once("/*/") {
        let entries = std::fs::read_dir(before).ok()?.flatten();
        return entries.map(|entry| entry.path().join(after)).filter(|path| path.is_file()).max();
    }
    if program.contains('/') {
        return Some(program.into()).filter(|path: &std::path::PathBuf| path.exists());
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output();
    output.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}
