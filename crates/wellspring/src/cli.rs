//! The command line: `up` is what happens without a verb; each daemon is a verb too.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use crate::commands::{self, Question};
use crate::up::{self, Start};

/// The Spring Cloud platform in Rust.
#[derive(Debug, Parser)]
#[command(name = "wellspring", version, disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    start: StartArgs,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// The whole platform in this process, on loopback, with two sample services.
    Up(StartArgs),
    /// One daemon: a Eureka registry.
    Registry(StartArgs),
    /// One daemon: a Spring Cloud Config server.
    ConfigServer(StartArgs),
    /// One daemon: a gateway that reads Spring Cloud Gateway's routes.
    Gateway(StartArgs),
    /// One daemon: Spring Cloud Bus. With a verb of its own: an order or a question to one that runs.
    #[command(disable_help_subcommand = true, args_conflicts_with_subcommands = true)]
    Bus {
        #[command(subcommand)]
        verb: Option<commands::bus::Verb>,
        #[command(flatten)]
        start: StartArgs,
    },
    #[command(flatten)]
    Question(Question),
}

/// What every program of the suite is started with, beside properties as `--name=value`.
#[derive(Debug, Default, clap::Args)]
struct StartArgs {
    /// A settings file, or a directory with application.yml.
    #[arg(long, value_name = "FILE|DIR")]
    config: Option<PathBuf>,
}

/// Runs the command line and says how it went: 0 fine, 1 a problem, 2 wrong use, 3 not reachable, 4 refused.
#[must_use]
pub fn main(words: Vec<String>) -> ExitCode {
    let (properties, mut words) = split(words);
    // As each daemon says it: `--version --json`.
    let asks_version = |word: &String| matches!(word.as_str(), "--version" | "-V" | "--json");
    if words.len() == 2 && words.iter().all(asks_version) && words.contains(&"--json".to_owned()) {
        words = vec!["version".to_owned(), "--json".to_owned()];
    }
    let cli = match Cli::try_parse_from(std::iter::once("wellspring".to_owned()).chain(words)) {
        Ok(cli) => cli,
        Err(error) => {
            let code = if error.use_stderr() { ExitCode::from(2) } else { ExitCode::SUCCESS };
            // Where nobody reads there is nobody to tell.
            return error.print().map_or(ExitCode::FAILURE, |()| code);
        }
    };
    let verb = cli.verb.unwrap_or(Verb::Up(cli.start));
    match verb {
        Verb::Up(args) => finish(platform(args.config, properties)),
        Verb::Registry(args) => wellspring_registry::app().main_with(args.config, properties),
        Verb::ConfigServer(args) => wellspring_config_server::app().main_with(args.config, properties),
        Verb::Gateway(args) => wellspring_gateway::app().main_with(args.config, properties),
        Verb::Bus { verb: Some(verb), .. } => commands::bus::run(verb),
        Verb::Bus { verb: None, start } => wellspring_bus::app().main_with(start.config, properties),
        Verb::Question(question) => commands::run(question, properties),
    }
}

/// All verbs and options, for completion and manual.
pub(crate) fn command() -> clap::Command {
    Cli::command()
}

/// Properties are `--name=value` for any name with a dot; the rest is for the parser of verbs and options. What follows `--` is
/// another program's.
fn split(mut words: Vec<String>) -> (Vec<String>, Vec<String>) {
    let others = words.iter().position(|word| word == "--").map(|at| words.split_off(at)).unwrap_or_default();
    let (properties, mut words): (Vec<_>, Vec<_>) = words.into_iter().partition(|word| {
        word.strip_prefix("--")
            .and_then(|rest| rest.split_once('='))
            .is_some_and(|(name, _)| name.contains('.'))
            || word == "--debug"
            || word == "--trace"
    });
    words.extend(others);
    (properties, words)
}

fn platform(config: Option<PathBuf>, args: Vec<String>) -> anyhow::Result<()> {
    let start = Start { config, args, vars: std::env::vars().collect() };
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(up::run(start))
}

fn finish(result: anyhow::Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_are_told_from_options_and_verbs() {
        let words =
            ["gateway", "--config", "x.yml", "--server.port=1", "--debug"].map(str::to_owned).to_vec();
        let (properties, rest) = split(words);
        assert_eq!(properties, ["--server.port=1", "--debug"]);
        assert_eq!(rest, ["gateway", "--config", "x.yml"]);
    }

    #[test]
    fn words_of_another_program_are_its_own() {
        let words = ["run", "--a.b=1", "--", "java", "--c.d=2", "--debug"].map(str::to_owned).to_vec();
        let (properties, rest) = split(words);
        assert_eq!(properties, ["--a.b=1"]);
        assert_eq!(rest, ["run", "--", "java", "--c.d=2", "--debug"]);
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    /// The words of `x-command` lead to a verb; what follows an option's name is not looked at.
    #[test]
    fn every_write_of_the_admin_api_has_a_command() {
        let description = wellspring_daemon::admin::api::description();
        let paths = description["paths"].as_object().unwrap();
        let mut count = 0;
        for (path, methods) in paths {
            for (method, about) in methods.as_object().unwrap() {
                if about["x-write"] != true {
                    continue;
                }
                let words =
                    about["x-command"].as_str().unwrap_or_else(|| panic!("{method} {path}: no command"));
                let mut verb = Cli::command();
                for word in words.split(' ') {
                    let value = verb.get_positionals().any(|argument| {
                        argument.get_possible_values().iter().any(|value| value.get_name() == word)
                    });
                    if let Some(option) = word.strip_prefix("--") {
                        let known = verb.get_arguments().any(|argument| argument.get_long() == Some(option));
                        assert!(known, "{method} {path}: no option {word} in wellspring {words}");
                    } else if !value {
                        let next = verb.find_subcommand(word).cloned();
                        verb = next.unwrap_or_else(|| {
                            panic!("{method} {path}: no verb '{word}' in wellspring {words}")
                        });
                    }
                }
                assert!(
                    !verb.has_subcommands() || verb.get_arguments().count() > 0,
                    "{words} is no whole command"
                );
                count += 1;
            }
        }
        assert!(count > 15, "{count}");
    }
}
