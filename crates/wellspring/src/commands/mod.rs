//! Questions about files and codes, and to running daemons: verbs that start nothing.

mod access;
mod bench;
mod breaker;
pub(crate) mod bus;
mod check;
mod cluster;
mod completion;
mod config;
mod context;
mod drain;
mod events;
mod explain;
mod instances;
mod migrate;
mod output;
mod routes;
mod run;
mod schema;
mod tap;
mod top;
mod validate;

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Subcommand, ValueEnum};
use wellspring_properties::value;

#[cfg(test)]
pub(crate) use self::explain::all_codes;
use crate::server::{Exit, Form, Server};

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
        #[command(flatten)]
        form: Form,
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
        #[command(flatten)]
        form: Form,
    },
    /// A JSON schema of all settings, for editors.
    Schema {
        /// Where to write it; standard output without.
        file: Option<PathBuf>,
    },
    /// A running config server: who has which commit, what changed, roll a label back; and a new key for a repository.
    Config {
        #[command(subcommand)]
        verb: config::ConfigVerb,
    },
    /// Names for platforms: their addresses and tokens.
    #[command(subcommand)]
    Context(context::ContextVerb),
    /// A gateway's routes: list, test, trace, replay, diff; put others in force, switch one on or off.
    #[command(subcommand)]
    Routes(routes::RoutesVerb),
    /// Circuit breakers of a running platform: look at them, set them by hand.
    #[command(subcommand)]
    Breaker(breaker::BreakerVerb),
    /// Rate limiters, bulkheads, retries, and instances that are left out.
    Limits {
        #[command(flatten)]
        server: Server,
    },
    /// Registered services; the exit status is 1 when one has no instance that is UP.
    Services(instances::Services),
    /// Instances of a service, or all that is known of one; log level and refresh.
    #[command(args_conflicts_with_subcommands = true)]
    Instances(instances::Instances),
    /// Takes an instance out of service: callers find the others.
    Drain {
        #[command(flatten)]
        target: drain::Target,
        /// Put back by itself after so many minutes.
        #[arg(long, value_name = "N")]
        minutes: Option<u64>,
    },
    /// Puts an instance back into service.
    Undrain(drain::Target),
    /// Takes an instance off the list; it comes back when it registers again.
    Remove(drain::Target),
    /// Sets one pair of an instance's metadata.
    Label {
        #[command(flatten)]
        target: drain::Target,
        /// key=value
        pair: String,
    },
    /// The registry among its peers, and whether leases end.
    #[command(args_conflicts_with_subcommands = true)]
    Cluster(cluster::Cluster),
    /// Who calls whom, how often, and how well.
    Topology {
        /// Asks instances what they call, too: up to five of each service.
        #[arg(long)]
        clients: bool,
        #[command(flatten)]
        server: Server,
    },
    /// Signs in to a platform, and keeps it under a name.
    Login(access::Login),
    /// Signs out.
    Logout {
        #[command(flatten)]
        server: Server,
    },
    /// Who one is on a platform, and what one may do there.
    Whoami {
        #[command(flatten)]
        server: Server,
    },
    /// Those who sign in with a password.
    #[command(subcommand, alias = "users")]
    User(access::UserVerb),
    /// Tokens of programs.
    #[command(subcommand, alias = "tokens")]
    Token(access::TokenVerb),
    /// Live requests of a running gateway.
    Tap(tap::Wanted),
    /// What is not as it should be: on a running platform, or in settings before a start.
    Check(check::Wanted),
    /// What happened on the platform, and what happens.
    Events(events::Wanted),
    /// A platform at a glance, drawn again and again.
    Top(top::Wanted),
    /// Any program as a registered service: started, watched, registered, configured, drained.
    Run(run::Wanted),
    /// A bounded load on a server of this machine, and one line that can be compared.
    Bench(bench::Wanted),
    /// The script by which a shell completes our words.
    Completion {
        /// Which shell.
        shell: clap_complete::Shell,
    },
    /// Manual pages, one for every verb.
    Man {
        /// Where they are written.
        directory: PathBuf,
    },
    /// Which program this is.
    Version {
        /// As `-o json`.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        form: Form,
    },
}

/// What makes `migrate` fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FailOn {
    /// A setting that has no effect here.
    Ignored,
    /// One that has to be written otherwise, too.
    Different,
}

/// Answers on standard output; the exit status is that of [`Exit`]. `properties` are the `--name=value` of the command line.
pub(crate) fn run(question: Question, properties: Vec<String>) -> ExitCode {
    let out = &mut io::stdout().lock();
    let fine = match question {
        Question::Validate { files, strict, form } => {
            validate::run(&files, &properties, strict, form.output, out)
        }
        Question::Explain { what, config } => explain::run(&what, config, properties, out),
        Question::Schema { file } => schema::run(file.as_deref(), out),
        Question::Config { verb } => config::run(verb, out),
        Question::Context(verb) => context::run(verb, out),
        Question::Migrate { files, fail_on, form } => migrate::run(&files, fail_on, form.output, out),
        Question::Routes(verb) => routes::run(verb, properties, out),
        Question::Breaker(verb) => breaker::run(verb, out),
        Question::Limits { server } => breaker::limits(&server, out),
        Question::Services(asked) => instances::services(&asked, out),
        Question::Instances(asked) => instances::instances(asked, out),
        Question::Drain { target, minutes } => drain::drain(&target, minutes, out),
        Question::Undrain(target) => drain::undrain(&target, out),
        Question::Remove(target) => drain::remove(&target, out),
        Question::Label { target, pair } => drain::label(&target, &pair, out),
        Question::Cluster(asked) => cluster::run(asked, out),
        Question::Topology { clients, server } => instances::topology(&server, clients, out),
        Question::Login(asked) => access::login(asked, out),
        Question::Logout { server } => access::logout(&server, out),
        Question::Whoami { server } => access::whoami(&server, out),
        Question::User(verb) => access::users(verb, out),
        Question::Token(verb) => access::tokens(verb, out),
        Question::Tap(wanted) => tap::run(&wanted, out),
        Question::Check(wanted) => check::run(&wanted, &properties, out),
        Question::Events(wanted) => events::run(&wanted, out),
        Question::Top(wanted) => top::run(&wanted, out),
        Question::Run(wanted) => run::run(&wanted, properties, out),
        Question::Bench(wanted) => bench::run(&wanted, out),
        Question::Completion { shell } => completion::script(shell, crate::cli::command(), out),
        Question::Man { directory } => completion::pages(&directory, crate::cli::command(), out),
        Question::Version { json, form } => completion::version(json, form.output, out),
    };
    match fine.and_then(|fine| Ok(out.flush().map(|()| fine)?)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => Exit::Problem.into(),
        Err(failed) => failed.report(),
    }
}

/// A time on the command line: 500ms, 10s, 5m; a bare number is seconds.
fn time(text: &str) -> Result<Duration, String> {
    value::parse_duration(text, value::Unit::Seconds).map_err(|problem| problem.line())
}
