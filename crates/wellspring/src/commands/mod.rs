//! Questions about files and codes, and to running daemons: verbs that start nothing.

pub(crate) mod bus;
mod config;
mod explain;
mod migrate;
mod output;
mod routes;
mod support;
mod tap;
mod validate;

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Subcommand, ValueEnum};

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Question {
    /// Reads settings files as the daemons would: syntax, types, unknown names, routes.
    Validate {
        /// Files to check: .yml, .yaml, .properties.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Unknown and unused settings count as problems too.
        #[arg(long)]
        strict: bool,
        /// How to answer.
        #[arg(short, long, value_enum, default_value_t)]
        output: Output,
    },
    /// What a problem's code means, or where a setting's value comes from.
    Explain {
        /// WS-1201, or server.port.
        what: String,
        /// The settings file or directory to look into, for a setting.
        #[arg(long, value_name = "FILE|DIR")]
        config: Option<PathBuf>,
    },
    /// Which settings of a Spring Cloud server are supported here, which are ignored, and what to do.
    Migrate {
        /// Files to look at.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Settings without effect make the command fail.
        #[arg(long, value_enum)]
        fail_on: Option<FailOn>,
        /// How to answer.
        #[arg(short, long, value_enum, default_value_t)]
        output: Output,
    },
    /// A running config server: who has which commit, what changed, roll a label back; and a new key for a repository.
    Config {
        #[command(subcommand)]
        verb: config::ConfigVerb,
    },
    /// A gateway's routes: list, test, trace, replay, diff.
    #[command(subcommand)]
    Routes(routes::RoutesVerb),
    /// Live requests of a running gateway.
    Tap(tap::Wanted),
}

/// Form of an answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people.
    #[default]
    #[value(alias = "table")]
    Text,
    /// For programs.
    Json,
    /// For programs, and for people who diff.
    Yaml,
}

/// What makes `migrate` fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FailOn {
    /// A setting that has no effect here.
    Ignored,
}

/// Answers on standard output: 0 fine, 1 a problem found. `properties` are the `--name=value` of the command line.
pub(crate) fn run(question: Question, properties: Vec<String>) -> ExitCode {
    let out = &mut io::stdout().lock();
    let fine = match question {
        Question::Validate { files, strict, output } => {
            validate::run(&files, &properties, strict, output, out)
        }
        Question::Explain { what, config } => explain::run(&what, config, properties, out),
        Question::Config { verb } => config::run(verb, out),
        Question::Migrate { files, fail_on, output } => migrate::run(&files, fail_on, output, out),
        Question::Routes(verb) => routes::run(verb, properties, out),
        Question::Tap(wanted) => tap::run(&wanted, out),
    };
    match fine.and_then(|fine| out.flush().map(|()| fine)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            // A reader that went away, as `head` does, is no problem of ours, but nothing to be proud of either.
            if error.kind() != io::ErrorKind::BrokenPipe {
                eprintln!("{error}");
            }
            ExitCode::FAILURE
        }
    }
}
