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

use crate::server::{Outcome, Output};

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
pub(super) fn run(verb: RoutesVerb, args: Vec<String>, out: &mut dyn Write) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let _inside = runtime.enter();
    match verb {
        RoutesVerb::List { gateway: Some(url), output, .. } => {
            list::show(&runtime.block_on(list::remote(&url))?, output, out)
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

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: &str = "spring.cloud.gateway.routes:\n- {id: orders, uri: 'http://h:1', predicates: [Path=/orders/**], filters: [StripPrefix=1]}\n- {id: all, uri: 'http://h:2', predicates: [Path=/**]}\n";
    const AFTER: &str = "spring.cloud.gateway.routes:\n- {id: orders, uri: 'http://h:3', predicates: [Path=/orders/**]}\n- {id: new, uri: 'http://h:2', predicates: [Path=/**]}\n";
    const LINES: &str = "GET /orders/7\nGET /x\n";

    struct Files(tempfile::TempDir);

    impl Files {
        fn new() -> Self {
            let files = Self(tempfile::tempdir().unwrap());
            for (name, text) in [
                ("before.yml", BEFORE),
                ("after.yml", AFTER),
                ("lines.txt", LINES),
                ("right.txt", "GET /orders/7 -> orders\n/x -> all\n"),
                ("wrong.txt", "GET /orders/7 -> all\n"),
                (
                    "bad.yml",
                    "spring.cloud.gateway.routes:\n- {id: a, uri: 'http://h:1', filters: [Nonsense=1]}\n",
                ),
            ] {
                std::fs::write(files.path(name), text).unwrap();
            }
            files
        }

        fn path(&self, name: &str) -> PathBuf {
            self.0.path().join(name)
        }
    }

    fn asked(verb: RoutesVerb) -> (bool, String) {
        let mut out = Vec::new();
        let fine = run(verb, Vec::new(), &mut out).unwrap();
        (fine, String::from_utf8(out).unwrap())
    }

    #[test]
    fn routes_are_listed_traced_and_tested() {
        let files = Files::new();
        let config = files.path("before.yml");
        let output = Output::Table;
        let (fine, text) = asked(RoutesVerb::List { config: Some(config.clone()), gateway: None, output });
        assert!(fine && text.lines().count() == 3 && text.contains("orders  http://h:1"), "{text}");
        let trace = RoutesVerb::Trace {
            config: config.clone(),
            method: "get".to_owned(),
            path: "/orders/7?q=1".to_owned(),
            headers: vec!["X-A: 1".to_owned()],
            output,
        };
        let (fine, text) = asked(trace);
        assert!(fine && text.contains("route orders") && text.contains("to http://h:1/7?q=1"), "{text}");
        let test = |name: &str| {
            asked(RoutesVerb::Test { config: config.clone(), requests: files.path(name), output })
        };
        assert_eq!(test("right.txt"), (true, "2 requests, 0 go elsewhere\n".to_owned()));
        let (fine, text) = test("wrong.txt");
        assert!(!fine && text.contains("GET /orders/7: wanted all, goes to orders"), "{text}");
        let bad = RoutesVerb::List { config: Some(files.path("bad.yml")), gateway: None, output };
        let (fine, text) = asked(bad);
        assert!(!fine && text.contains("Nonsense") && text.contains("bad.yml:2"), "{text}");
    }

    #[test]
    fn two_files_are_compared_by_routes_and_by_requests() {
        let files = Files::new();
        let (before, after) = (files.path("before.yml"), files.path("after.yml"));
        let diff = |output| asked(RoutesVerb::Diff { before: before.clone(), after: after.clone(), output });
        let (fine, text) = diff(Output::Table);
        assert!(!fine && text.contains("- all\n+ new\n~ orders") && text.contains("http://h:3"), "{text}");
        let json: serde_json::Value = serde_json::from_str(&diff(Output::Json).1).unwrap();
        assert_eq!((&json["removed"][0], &json["changed"][0]["route"]), (&"all".into(), &"orders".into()));
        let replay = RoutesVerb::Replay {
            before: before.clone(),
            after: after.clone(),
            requests: files.path("lines.txt"),
            output: Output::Table,
        };
        let (fine, text) = asked(replay);
        assert!(
            !fine && text.contains("before: orders http://h:1/7\n  after:  orders http://h:3/orders/7"),
            "{text}"
        );
        let same = RoutesVerb::Replay {
            before: before.clone(),
            after: before,
            requests: files.path("lines.txt"),
            output: Output::Table,
        };
        assert_eq!(asked(same), (true, "2 requests, 2 the same, 0 different, 0 lines not read\n".to_owned()));
    }
}
