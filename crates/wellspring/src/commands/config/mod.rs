//! `config …`: what operators ask of a config server, and do to its repositories.

mod operator;

use std::io::{self, Write};

use clap::Subcommand;

/// The verbs below `config`.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigVerb {
    #[command(flatten)]
    Asked(operator::Asked),
}

/// True when all went well.
pub(super) fn run(verb: ConfigVerb, out: &mut dyn Write) -> io::Result<bool> {
    match verb {
        ConfigVerb::Asked(asked) => operator::run(asked, out),
    }
}
