//! Replays every suite below `tests/conformance` against the platform's daemons.
//!
//!     cargo test -p wellspring-tests --test conformance                      all suites
//!     cargo test -p wellspring-tests --test conformance -- eureka config/git-basic
//!     cargo test -p wellspring-tests --test conformance -- gateway/filters-request::StripPrefix
//!     … -- --list                                                            names of suites
//!
//! `tests/conformance/pending.txt` lists what is known not to hold; a listed case that holds fails the run.
#![allow(clippy::print_stdout, clippy::expect_used, reason = "a test program reports to its user")]

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};
use parking_lot::Mutex;
use wellspring_test_support::conformance::{Pending, Suite, Verdict, run};
use wellspring_test_support::{binaries, tools};

/// Suites beside one another; most of a suite's time is waiting.
const LANES: usize = 3;

#[derive(Debug, Default)]
struct Count {
    passed: usize,
    failed: usize,
    pending: usize,
}

fn main() -> ExitCode {
    match play() {
        Ok(count) => {
            let word = if count.failed == 0 { "ok" } else { "FAILED" };
            println!(
                "\ntest result: {word}. {} passed; {} failed; {} ignored",
                count.passed, count.failed, count.pending
            );
            ExitCode::from(u8::from(count.failed > 0))
        }
        Err(error) => {
            println!("conformance: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn play() -> Result<Count> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance");
    let pending = Pending::read(&root.join("pending.txt"))?;
    let all = Suite::all(&root)?;
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == "--list") {
        all.iter().for_each(|suite| println!("{}: test", suite.name));
        return Ok(Count::default());
    }
    // Flags are the standard test harness's (`--nocapture`, `--test-threads=1`); they say nothing here.
    let wanted: Vec<&String> = arguments.iter().filter(|argument| !argument.starts_with('-')).collect();
    let mut count = Count::default();
    for stranger in pending.strangers(&all) {
        println!("FAIL pending.txt names what does not exist: {stranger}");
        count.failed += 1;
    }
    let mut queue = VecDeque::new();
    for suite in all {
        if let Some(only) = selection(&suite, &wanted) {
            queue.push_back((suite, only));
        }
    }
    let names: BTreeMap<String, ()> = queue.iter().map(|(suite, _)| (suite.program(), ())).collect();
    let programs: BTreeMap<String, std::path::PathBuf> =
        names.into_keys().map(|name| (name.clone(), binaries::path(&name))).collect();

    let (queue, count) = (Mutex::new(queue), Mutex::new(count));
    let fixed_ports = Mutex::new(());
    std::thread::scope(|scope| {
        for _ in 0..LANES {
            scope.spawn(|| {
                loop {
                    let Some((suite, only)) = queue.lock().pop_front() else { return };
                    let lane = suite.has_fixed_ports().then(|| fixed_ports.lock());
                    let verdict = stage(&suite, &programs, only.as_deref());
                    drop(lane);
                    report(&suite, verdict, &pending, &mut count.lock());
                }
            });
        }
    });
    Ok(count.into_inner())
}

/// `None`: not wanted. The inner value: only cases whose name holds it.
fn selection(suite: &Suite, wanted: &[&String]) -> Option<Option<String>> {
    if wanted.is_empty() {
        return Some(None);
    }
    wanted.iter().find_map(|argument| {
        let (name, case) = argument.split_once("::").map_or((argument.as_str(), None), |(s, c)| (s, Some(c)));
        let holds = suite.name == name || suite.name.starts_with(&format!("{}/", name.trim_end_matches('/')));
        holds.then(|| case.map(|case| case.trim().to_owned()))
    })
}

/// Why a suite cannot be played here, or how it went.
fn stage(
    suite: &Suite,
    programs: &BTreeMap<String, std::path::PathBuf>,
    only: Option<&str>,
) -> Result<Verdict> {
    let script = std::fs::read_to_string(suite.folder.join("setup.sh")).unwrap_or_default();
    for (sign, tool) in [("git ", "bash"), ("redis-server", "redis")] {
        if script.contains(sign) && !tools::present(&format!("conformance {}", suite.name), &[tool]) {
            return Ok(Verdict::Played(Vec::new()));
        }
    }
    let program = programs.get(&suite.program()).context("no program for this daemon")?;
    Ok(run(suite, program, only))
}

fn report(suite: &Suite, verdict: Result<Verdict>, pending: &Pending, count: &mut Count) {
    let outcomes = match verdict {
        Ok(Verdict::Played(outcomes)) => outcomes,
        Ok(Verdict::NotStarted(reason)) => return not_started(suite, &reason, pending, count),
        Err(error) => return not_started(suite, &format!("{error:#}"), pending, count),
    };
    let held = outcomes.iter().filter(|outcome| outcome.held()).count();
    let mut failed = 0;
    let mut excused = 0;
    if let (Some(reason), true) = (pending.suite(&suite.name), held < outcomes.len()) {
        println!("pending {}: {held} of {} cases hold ({reason})", suite.name, outcomes.len());
        count.pending += outcomes.len() - held;
        count.passed += held;
        return;
    }
    if pending.suite(&suite.name).is_some() && !outcomes.is_empty() {
        println!("FAIL {} holds: take it out of pending.txt", suite.name);
        failed += 1;
    }
    for outcome in &outcomes {
        match (pending.case(&suite.name, &outcome.case), outcome.held()) {
            (None, true) => {}
            (Some(_), true) => {
                println!("FAIL {} :: {} holds: take it out of pending.txt", suite.name, outcome.case);
                failed += 1;
            }
            (Some(reason), false) => {
                println!("pending {} :: {} ({reason})", suite.name, outcome.case);
                excused += 1;
            }
            (None, false) => {
                println!("FAIL {} :: {}", suite.name, outcome.case);
                outcome.problems.iter().for_each(|problem| println!("     {problem}"));
                failed += 1;
            }
        }
    }
    println!("{}: {held} passed, {failed} failed, {excused} pending", suite.name);
    count.passed += held;
    count.failed += failed;
    count.pending += excused;
}

fn not_started(suite: &Suite, reason: &str, pending: &Pending, count: &mut Count) {
    let cases = suite.script.cases.len();
    if let Some(why) = pending.suite(&suite.name) {
        println!("pending {}: does not start ({why})", suite.name);
        count.pending += cases;
    } else {
        println!("FAIL {}: {reason}", suite.name);
        count.failed += cases;
    }
}
