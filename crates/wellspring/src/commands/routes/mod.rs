//! `routes`: a gateway's routes looked at, asked, compared, changed. Files are compiled as the gateway compiles them; nothing
//! is sent. What names no file asks a running platform.

mod diff;
mod list;
mod replay;
mod server;
mod test;
mod trace;

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Subcommand;
use wellspring_gateway::Offline;
use wellspring_gateway::route::difference;
use wellspring_properties::Loader;

use crate::server::{Consent, Failed, Outcome, Output, Server};

/// What may be asked about routes.
#[derive(Debug, Subcommand)]
pub(crate) enum RoutesVerb {
    /// The routes of a settings file; without one those of a running gateway, with their figures.
    List {
        /// A settings file, or a directory with application.yml.
        config: Option<PathBuf>,
        /// A running gateway without admin API, whose actuator is open: http://localhost:8080
        #[arg(long, value_name = "URL", conflicts_with = "config")]
        gateway: Option<String>,
        #[command(flatten)]
        server: Server,
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
        /// A settings file or directory (without it, a running gateway is asked), the method, and the path with its query.
        #[arg(required = true, num_args = 2..=3, value_names = ["CONFIG", "METHOD", "PATH"])]
        words: Vec<String>,
        /// A header, `Name: value`; may be repeated.
        #[arg(short = 'H', long = "header")]
        headers: Vec<String>,
        #[command(flatten)]
        server: Server,
    },
    /// Recorded requests on other routes: which would go elsewhere.
    Replay {
        /// The file before and the file after; with one file, a running gateway is what was before.
        #[arg(required = true, num_args = 1..=2, value_names = ["BEFORE", "AFTER"])]
        files: Vec<PathBuf>,
        /// Access-log lines, `METHOD /path` lines, or a HAR file; without it a running gateway's own last requests.
        #[arg(long, value_name = "FILE")]
        requests: Option<PathBuf>,
        #[command(flatten)]
        server: Server,
    },
    /// Which routes two files, or a running gateway and a file, do not have in common.
    Diff {
        /// The file before and the file after; with one file, a running gateway is what was before.
        #[arg(required = true, num_args = 1..=2, value_names = ["BEFORE", "AFTER"])]
        files: Vec<PathBuf>,
        #[command(flatten)]
        server: Server,
    },
    /// Puts the routes of a file in force on a running gateway: all of them, or none when one is bad.
    Apply {
        /// A settings file, or a list of routes.
        #[arg(required_unless_present = "back")]
        file: Option<PathBuf>,
        /// Puts those of the gateway's own configuration in force again.
        #[arg(long, conflicts_with = "file")]
        back: bool,
        #[command(flatten)]
        consent: Consent,
        #[command(flatten)]
        server: Server,
    },
    /// Switches a route of a running gateway on.
    Enable {
        id: String,
        #[command(flatten)]
        consent: Consent,
        #[command(flatten)]
        server: Server,
    },
    /// Switches a route of a running gateway off, until it is switched on or the gateway ends.
    Disable {
        id: String,
        #[command(flatten)]
        consent: Consent,
        #[command(flatten)]
        server: Server,
    },
}

/// True when all is as it should be.
pub(super) fn run(verb: RoutesVerb, args: Vec<String>, out: &mut dyn Write) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let _inside = runtime.enter();
    match verb {
        RoutesVerb::List { gateway: Some(url), server, .. } => {
            list::show(&runtime.block_on(list::remote(&url))?, server.output(), out)
        }
        RoutesVerb::List { config: None, server, .. } => runtime.block_on(server::list(&server, out)),
        RoutesVerb::List { config: Some(config), server, .. } => {
            let Some(routes) = load(&runtime, &config, args, out)? else { return Ok(false) };
            list::show(&routes.routes(), server.output(), out)
        }
        RoutesVerb::Test { config, requests, output } => {
            let Some(routes) = load(&runtime, &config, args, out)? else { return Ok(false) };
            test::run(&routes, &std::fs::read_to_string(requests)?, output, out)
        }
        RoutesVerb::Trace { words, headers, server } => match words.as_slice() {
            [config, method, path] => {
                let Some(routes) = load(&runtime, Path::new(config), args, out)? else { return Ok(false) };
                trace::run(&routes, method, path, &headers, server.output(), out)
            }
            [method, path] => runtime.block_on(server::trace(&server, method, path, &headers, out)),
            _ => Err(Failed::usage("a method and a path are wanted").hint("routes trace GET /path")),
        },
        RoutesVerb::Replay { files, requests, server } => match (files.as_slice(), requests) {
            ([before, after], Some(requests)) => {
                let Some(before) = load(&runtime, before, args.clone(), out)? else { return Ok(false) };
                let Some(after) = load(&runtime, after, args, out)? else { return Ok(false) };
                replay::run(&before, &after, &std::fs::read_to_string(requests)?, &server.form, out)
            }
            ([after], requests) => runtime.block_on(server::replay(&server, after, requests.as_deref(), out)),
            _ => Err(Failed::usage("two files need requests").hint("--requests FILE")),
        },
        RoutesVerb::Diff { files, server } => match files.as_slice() {
            [before, after] => {
                let Some(before) = load(&runtime, before, args.clone(), out)? else { return Ok(false) };
                let Some(after) = load(&runtime, after, args, out)? else { return Ok(false) };
                diff::show(&difference::between(&before.routes(), &after.routes()), server.output(), out)
            }
            [after] => runtime.block_on(server::diff(&server, after, out)),
            _ => Err(Failed::usage("one file or two are wanted")),
        },
        RoutesVerb::Apply { file, consent, server, .. } => {
            runtime.block_on(server::apply(&server, &consent, file.as_deref(), out))
        }
        RoutesVerb::Enable { id, consent, server } => {
            runtime.block_on(server::switch(&server, &consent, &id, true, out))
        }
        RoutesVerb::Disable { id, consent, server } => {
            runtime.block_on(server::switch(&server, &consent, &id, false, out))
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

    fn form(output: Output) -> Server {
        let mut server = Server::default();
        server.form.output = output;
        server
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
        let (fine, text) =
            asked(RoutesVerb::List { config: Some(config.clone()), gateway: None, server: form(output) });
        assert!(fine && text.lines().count() == 3 && text.contains("orders  http://h:1"), "{text}");
        let trace = RoutesVerb::Trace {
            words: vec![config.display().to_string(), "get".to_owned(), "/orders/7?q=1".to_owned()],
            headers: vec!["X-A: 1".to_owned()],
            server: form(output),
        };
        let (fine, text) = asked(trace);
        assert!(fine && text.contains("route orders") && text.contains("to http://h:1/7?q=1"), "{text}");
        let test = |name: &str| {
            asked(RoutesVerb::Test { config: config.clone(), requests: files.path(name), output })
        };
        assert_eq!(test("right.txt"), (true, "2 requests, 0 go elsewhere\n".to_owned()));
        let (fine, text) = test("wrong.txt");
        assert!(!fine && text.contains("GET /orders/7: wanted all, goes to orders"), "{text}");
        let bad =
            RoutesVerb::List { config: Some(files.path("bad.yml")), gateway: None, server: form(output) };
        let (fine, text) = asked(bad);
        assert!(!fine && text.contains("Nonsense") && text.contains("bad.yml:2"), "{text}");
    }

    #[test]
    fn two_files_are_compared_by_routes_and_by_requests() {
        let files = Files::new();
        let (before, after) = (files.path("before.yml"), files.path("after.yml"));
        let diff = |output| {
            asked(RoutesVerb::Diff { files: vec![before.clone(), after.clone()], server: form(output) })
        };
        let (fine, text) = diff(Output::Table);
        assert!(!fine && text.contains("- all\n+ new\n~ orders") && text.contains("http://h:3"), "{text}");
        let json: serde_json::Value = serde_json::from_str(&diff(Output::Json).1).unwrap();
        assert_eq!((&json["removed"][0], &json["changed"][0]["route"]), (&"all".into(), &"orders".into()));
        let replay = RoutesVerb::Replay {
            files: vec![before.clone(), after.clone()],
            requests: Some(files.path("lines.txt")),
            server: Server::default(),
        };
        let (fine, text) = asked(replay);
        assert!(
            !fine && text.contains("before: orders http://h:1/7\n  after:  orders http://h:3/orders/7"),
            "{text}"
        );
        let same = RoutesVerb::Replay {
            files: vec![before.clone(), before],
            requests: Some(files.path("lines.txt")),
            server: Server::default(),
        };
        assert_eq!(asked(same), (true, "2 requests, 2 the same, 0 different, 0 lines not read\n".to_owned()));
    }
}
