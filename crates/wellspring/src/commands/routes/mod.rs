//! `routes`: a gateway's routes looked at, asked, compared. Files are compiled as the gateway compiles them; nothing is sent.

mod diff;
mod list;
mod replay;
mod test;
mod trace;

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Subcommand;
use wellspring_gateway::Offline;
use wellspring_properties::Loader;

use super::Output;

/// What may be asked about routes.
#[derive(Debug, Subcommand)]
pub(crate) enum RoutesVerb {
    /// The routes of a settings file, or of a running gateway.
    List {
        /// A settings file, or a directory with application.yml.
        #[arg(required_unless_present = "gateway")]
        config: Option<PathBuf>,
        /// A running gateway whose actuator is open: http://localhost:8080
        #[arg(long, value_name = "URL", conflicts_with = "config")]
        gateway: Option<String>,
        #[arg(short, long, value_enum, default_value_t)]
        output: Output,
    },
    /// Fails unless each request reaches the route it should.
    Test {
        config: PathBuf,
        /// Lines `GET /path -> route`, `-> 404` where none is meant.
        #[arg(long, value_name = "FILE")]
        requests: PathBuf,
        #[arg(short, long, value_enum, default_value_t)]
        output: Output,
    },
    /// What would become of one request: which route and why, what filters change, where it goes.
    Trace {
        /// A settings file or directory.
        config: PathBuf,
        method: String,
        /// With its query.
        path: String,
        /// A header, `Name: value`; may be repeated.
        #[arg(short = 'H', long = "header")]
        headers: Vec<String>,
        #[arg(short, long, value_enum, default_value_t)]
        output: Output,
    },
    /// Recorded requests against two files: which would go elsewhere.
    Replay {
        before: PathBuf,
        after: PathBuf,
        /// Access-log lines, `METHOD /path` lines, or a HAR file.
        #[arg(long, value_name = "FILE")]
        requests: PathBuf,
        #[arg(short, long, value_enum, default_value_t)]
        output: Output,
    },
    /// Which routes two files do not have in common.
    Diff {
        before: PathBuf,
        after: PathBuf,
        #[arg(short, long, value_enum, default_value_t)]
        output: Output,
    },
}

/// True when all is as it should be.
pub(super) fn run(verb: RoutesVerb, args: Vec<String>, out: &mut dyn Write) -> io::Result<bool> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let _inside = runtime.enter();
    match verb {
        RoutesVerb::List { gateway: Some(url), output, .. } => {
            runtime.block_on(list::remote(&url)).map(|routes| list::show(&routes, output, out))?
        }
        RoutesVerb::List { config, output, .. } => {
            let Some(routes) = load(&runtime, &config.unwrap_or_default(), args, out)? else {
                return Ok(false);
            };
            list::show(&routes.routes(), output, out)
        }
        RoutesVerb::Test { config, requests, output } => {
            let Some(routes) = load(&runtime, &config, args, out)? else { return Ok(false) };
            test::run(&routes, &std::fs::read_to_string(requests)?, output, out)
        }
        RoutesVerb::Trace { config, method, path, headers, output } => {
            let Some(routes) = load(&runtime, &config, args, out)? else { return Ok(false) };
            trace::run(&routes, &method, &path, &headers, output, out)
        }
        RoutesVerb::Replay { before, after, requests, output } => {
            let Some(before) = load(&runtime, &before, args.clone(), out)? else { return Ok(false) };
            let Some(after) = load(&runtime, &after, args, out)? else { return Ok(false) };
            replay::run(&before, &after, &std::fs::read_to_string(requests)?, output, out)
        }
        RoutesVerb::Diff { before, after, output } => {
            let Some(before) = load(&runtime, &before, args.clone(), out)? else { return Ok(false) };
            let Some(after) = load(&runtime, &after, args, out)? else { return Ok(false) };
            diff::run(&before.routes(), &after.routes(), output, out)
        }
    }
}

/// The routes of a file; its problems have been written when there are some.
fn load(
    runtime: &tokio::runtime::Runtime,
    config: &Path,
    args: Vec<String>,
    out: &mut dyn Write,
) -> io::Result<Option<Offline>> {
    let importer = wellspring_lb_client::config::Importer::new();
    let loader = Loader::new()
        .config_path(Some(config.to_owned()))
        .args(args)
        .vars(std::env::vars().collect())
        .importer(&importer);
    let loaded = runtime.block_on(loader.load()).and_then(|env| Offline::load(&env));
    let problems = match loaded {
        Ok(routes) if routes.problems.is_empty() => return Ok(Some(routes)),
        Ok(routes) => routes.problems,
        Err(problem) => vec![problem],
    };
    for problem in problems {
        writeln!(out, "{problem}\n")?;
    }
    Ok(None)
}
