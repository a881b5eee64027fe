//! `cargo xtask`: the project's chores. Uses nothing but std, so it is there a second after the clone.
#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a command line program reports on stdout; the house rules on clocks and settings are for daemons"
)]

mod bench;
mod check;
mod command;
mod compose;
mod dependencies;
mod machine;
mod report;
mod test;
mod tidy;

use std::process::ExitCode;

const USAGE: &str = "\
cargo xtask test [unit|platform|conformance|interop|all|long] [--yes] [--debug]
    Runs the tests and ends with a summary. What a test needs of others (a JDK, Maven, RabbitMQ, Redis, Python, Node) is
    installed when the machine allows it (root, apt) and you agree: --yes, CI=true, or the answer to a question on a terminal.
    Else what is left out is named in the summary; with CI=true it counts as failed.
    long runs the tests that have a long form (load, fuzzing, minutes each) at full length; `all` runs their short form.
    --debug plays conformance and interop against the debug build instead of a release build.
cargo xtask setup [--yes]   only that installing
cargo xtask compose [--stand-ins] [--source]
    The compose file from a clean checkout, each container killed under load, a report in target/compose. Needs Docker and the file's ports.
    --stand-ins starts a Docker daemon if there is none (root) and makes images of Debian packages where none can be pulled;
    --source compiles in the image instead of taking this machine's release build.
cargo xtask docs      the pages of docs/ that are made of tables in the code, written anew
cargo xtask sbom      what each program is made of, as CycloneDX in target/sbom
cargo xtask check     formatting, clippy, tests, documentation, dependencies, tidy
cargo xtask bench [registry|config|gateway|bus|client]   criterion benchmarks, or a daemon (or calls by name) beside its peers
cargo xtask tidy      the house rules that no other tool knows";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let ok = match words.as_slice() {
        ["test", options @ ..] => match test::Options::parse(options) {
            Ok(options) => test::run(&options),
            Err(word) => return misused(&word),
        },
        ["setup", options @ ..] => match test::Options::parse(options) {
            Ok(options) => machine::provide(options.consent),
            Err(word) => return misused(&word),
        },
        ["compose", options @ ..] => match compose::Options::parse(options) {
            Ok(options) => compose::run(&options),
            Err(word) => return misused(&word),
        },
        ["docs"] => check::docs(),
        ["sbom"] => dependencies::sbom() & dependencies::check(),
        ["check"] => check::run(),
        ["bench", options @ ..] => bench::run(options),
        ["tidy"] => tidy::run(),
        ["help" | "--help" | "-h"] => {
            println!("{USAGE}");
            true
        }
        [] => return misused(""),
        [word, ..] => return misused(word),
    };
    if ok { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn misused(word: &str) -> ExitCode {
    if !word.is_empty() {
        eprintln!("cargo xtask does not know {word:?}\n");
    }
    eprintln!("{USAGE}");
    ExitCode::from(2)
}
