//! Programs of others that tests use, and what to say when one is missing.
//!
//! A developer without a JDK still gets a green run that names what was left out; in CI (`CI=true`) a missing program
//! fails. The table, with the packages that bring each tool, is `tests/tools.txt`, which `cargo xtask test` reads too.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The project's root directory.
pub fn root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.ancestors().nth(2).unwrap_or(own).to_owned()
}

/// Where a program is, by PATH. In a path of its own one part may be `*`; the last by name is taken.
pub fn find(program: &str) -> Option<PathBuf> {
    if let Some((before, after)) = program.split_once("/*/") {
        let entries = std::fs::read_dir(before).ok()?.flatten();
        return entries.map(|entry| entry.path().join(after)).filter(|path| path.is_file()).max();
    }
    if program.contains('/') {
        return Some(PathBuf::from(program)).filter(|path| path.exists());
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// One line of `tests/tools.txt`.
#[derive(Debug, Clone)]
pub struct Tool {
    pub name: String,
    pub programs: Vec<String>,
    pub packages: Vec<String>,
}

impl Tool {
    /// Whether Debian has it; else it is there or not, and nobody can be asked to install it.
    pub fn is_packed(&self) -> bool {
        self.packages != ["-"]
    }

    /// The programs that are not there.
    pub fn missing(&self) -> Vec<&str> {
        self.programs.iter().map(String::as_str).filter(|program| !is_there(program)).collect()
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

/// # Panics
/// When the table has no such line.
pub fn tool(name: &str) -> Tool {
    let text = std::fs::read_to_string(root().join("tests/tools.txt")).expect("tests/tools.txt");
    let words = |part: &str| part.split_whitespace().map(str::to_owned).collect();
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .find_map(|line| match line.split('|').map(str::trim).collect::<Vec<_>>().as_slice() {
            [tool, programs, packages, ..] if *tool == name => {
                Some(Tool { name: name.to_owned(), programs: words(programs), packages: words(packages) })
            }
            _ => None,
        })
        .unwrap_or_else(|| panic!("tests/tools.txt has no tool {name}"))
}

/// True when all tools are there. Else prints why the test is left out, in the form that `cargo xtask test` collects.
///
/// # Panics
/// With `CI=true`, when one is missing that could have been installed.
pub fn present(test: &str, tools: &[&str]) -> bool {
    for name in tools {
        let tool = tool(name);
        let missing = tool.missing();
        if !missing.is_empty() {
            let package =
                if tool.is_packed() { tool.packages.join(", ") } else { "none in Debian".to_owned() };
            let reason = format!("no {} (package {package})", missing.join(", "));
            assert!(
                !tool.is_packed() || std::env::var_os("CI").is_none_or(|ci| ci != "true"),
                "{test}: {reason}"
            );
            // On a line of its own, whatever the test harness has begun to print.
            println!("\nskipped: {test}: {reason}");
            return false;
        }
    }
    true
}
