//! `cargo xtask test`: builds once, runs every kind of test, ends with a summary that names what was left out.

use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use crate::command::{cargo, reads, succeeds, target};
use crate::machine::{self, Consent};
use crate::report::{Count, Report};

/// The parts of a run, in order.
const PARTS: [&str; 4] = ["unit", "platform", "conformance", "interop"];

/// Test programs of `tests/`, by part.
const PLATFORM: &[&str] = &[
    "platform_bad_input",
    "gateway_yaml",
    "gateway_load",
    "whole_platform",
    "startup",
    "registry_load",
    "registry_peers",
    "registry_crash",
    "config_load",
    "bus_board",
    "federation",
    "platform_secrets",
    "platform_chaos",
    "platform_kubernetes",
    "platform_examples",
    "fleet",
    "console",
];
const CONFORMANCE: &[&str] = &["conformance"];
const INTEROP: &[&str] = &[
    "interop_spring",
    "interop_migration",
    "interop_clients",
    "interop_bus",
    "interop_spring_bus",
    "interop_encryption",
    "interop_fleet",
    "interop_discovery",
    "interop_telemetry",
];

#[derive(Debug)]
pub(crate) struct Options {
    parts: Vec<&'static str>,
    pub(crate) consent: Consent,
    debug: bool,
    /// The tests that also exist at full length, `long_…`; see `wellspring_test_support::long`.
    long: bool,
}

impl Options {
    pub(crate) fn parse(words: &[&str]) -> Result<Self, String> {
        let in_ci = std::env::var_os("CI").is_some_and(|value| value == "true");
        let consent = if in_ci { Consent::Given } else { Consent::Unknown };
        let mut options = Self { parts: Vec::new(), consent, debug: false, long: false };
        for word in words {
            match *word {
                "--yes" | "-y" => options.consent = Consent::Given,
                "--debug" => options.debug = true,
                "long" => options.long = true,
                "all" => options.parts.extend(PARTS),
                word => match PARTS.iter().find(|part| **part == word) {
                    Some(part) => options.parts.push(part),
                    None => return Err(word.to_owned()),
                },
            }
        }
        if options.parts.is_empty() && !options.long {
            options.parts.extend(PARTS);
        }
        Ok(options)
    }

    fn wants(&self, part: &str) -> bool {
        self.parts.contains(&part)
    }

    fn wants_daemons(&self) -> bool {
        self.long || self.parts.iter().any(|part| *part != "unit")
    }

    fn folder(&self) -> PathBuf {
        target().join(if self.debug { "debug" } else { "release" })
    }
}

/// True when nothing failed.
pub(crate) fn run(options: &Options) -> bool {
    let mut report = Report::new();
    machine::provide(options.consent);

    let since = Instant::now();
    // Test programs and their dependencies once; what follows finds everything built.
    let mut built = true;
    if options.wants("unit") || options.long {
        built &= succeeds(cargo(&["test", "--workspace", "--no-run", "--quiet"]));
    } else {
        let targets = [PLATFORM, CONFORMANCE, INTEROP].concat();
        let mut build = targeting(&targets);
        build.args(["--no-run", "--quiet"]);
        built &= succeeds(build);
    }
    if options.wants_daemons() {
        let mut build = cargo(&["build", "--workspace", "--bins"]);
        if !options.debug {
            build.arg("--release");
        }
        built &= succeeds(build);
    }
    report.add("build", Count::default(), built, since);

    if options.wants("unit") {
        twice(&mut report, "unit", || {
            cargo(&["test", "--workspace", "--exclude", "wellspring-tests", "--no-fail-fast", "--"])
        });
    }
    if options.wants("platform") {
        twice(&mut report, "platform", || across(options, PLATFORM));
    }
    if options.wants("conformance") {
        part(&mut report, "conformance", across(options, CONFORMANCE));
    }
    if options.wants("interop") {
        twice(&mut report, "interop", || across(options, INTEROP));
    }
    if options.long {
        let mut command = across(options, &[]);
        command.arg("long_").env("WELLSPRING_LONG", "true");
        part(&mut report, "long", command);
    }
    report.close()
}

/// Test programs that start the platform's daemons, against the build that is to be judged.
fn across(options: &Options, targets: &[&str]) -> Command {
    let mut command = targeting(targets);
    // Shows why a test was left out, and the measurements.
    command.args(["--", "--nocapture", "--test-threads=1"]).env("WELLSPRING_BIN_DIR", options.folder());
    command
}

/// Always with `--workspace`: a smaller selection has other features, and would compile everything again.
fn targeting(targets: &[&str]) -> Command {
    let mut command = cargo(&["test", "--workspace", "--no-fail-fast"]);
    for target in targets {
        command.args(["--test", target]);
    }
    command
}

fn part(report: &mut Report, name: &str, command: Command) {
    let since = Instant::now();
    let (count, ok) = counted(command);
    report.add(name, count, ok, since);
}

/// More failures than this are no accident of the machine.
const FEW: usize = 3;

/// A part whose tests drive processes, brokers and browsers. What failed runs once more, alone; when it passes then, the
/// summary names it as unsteady: a fault to be mended, in the test or in what it tests, but not of the change that is judged.
fn twice(report: &mut Report, name: &str, command: impl Fn() -> Command) {
    let since = Instant::now();
    let (mut count, mut ok) = counted(command());
    if count.failed == count.failures.len() && (1..=FEW).contains(&count.failed) {
        let mut again = command();
        again.arg("--exact").args(&count.failures);
        let (second, all) = counted(again);
        ok = all && count.passed_again(&second);
    }
    report.add(name, count, ok, since);
}

fn counted(command: Command) -> (Count, bool) {
    let mut count = Count::default();
    let ok = reads(command, |line| count.read(line));
    (count, ok)
}
