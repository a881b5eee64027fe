//! `completion`, `man`, `version`: what the command line says about itself.

use std::io::{self, Write};
use std::path::Path;

use clap::Command;
use clap_complete::Shell;
use serde_json::json;

use crate::server::{Outcome, Output, write};

/// The script that a shell reads to complete our words.
pub(super) fn script(shell: Shell, mut command: Command, out: &mut dyn Write) -> Outcome {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut command, "wellspring", &mut text);
    out.write_all(&text)?;
    Ok(true)
}

/// A manual page for every verb, into a directory.
pub(super) fn pages(directory: &Path, command: Command, out: &mut dyn Write) -> Outcome {
    std::fs::create_dir_all(directory)?;
    let mut command = command.disable_help_subcommand(true);
    command.build();
    let count = page(directory, "wellspring", command)?;
    writeln!(out, "{count} pages in {}", directory.display())?;
    Ok(true)
}

fn page(directory: &Path, name: &str, command: Command) -> io::Result<usize> {
    let verbs: Vec<Command> = command.get_subcommands().filter(|verb| !verb.is_hide_set()).cloned().collect();
    let mut text = Vec::new();
    clap_mangen::Man::new(command).render(&mut text)?;
    std::fs::write(directory.join(format!("{name}.1")), text)?;
    let mut count = 1;
    for verb in verbs {
        count += page(directory, &format!("{name}-{}", verb.get_name()), verb)?;
    }
    Ok(count)
}

/// Which program this is.
pub(super) fn version(json: bool, form: Output, out: &mut dyn Write) -> Outcome {
    let version = json!({
        "name": "wellspring",
        "version": env!("CARGO_PKG_VERSION"),
        "os": std::env::consts::OS,
        "arch": std::env::consts::ARCH,
        "compatible": {"spring-boot": "3.5", "spring-cloud": "2025.0"},
    });
    match (json, form) {
        (true, Output::Table) => write(Output::Json, &version, out)?,
        (_, Output::Table) => writeln!(out, "wellspring {}", env!("CARGO_PKG_VERSION"))?,
        (_, form) => write(form, &version, out)?,
    }
    Ok(true)
}
