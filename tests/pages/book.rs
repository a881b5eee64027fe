//! The book, the README and what else is written: each command of each block is run, or stands in [`NOT_RUN`] with a reason;
//! verbs and options that stand in a line of text exist.
//!
//! A page's `stage` folder holds the files that its commands name; `before.sh` in it is run first. A reader sits at a terminal
//! and answers yes, so a verb that asks gets `--yes`. A daemon that a page starts is ended when it is well.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use wellspring_test_support::{binaries, port, tools};

use crate::block::{Fence, PATIENCE, commands, fences, fits, quoted};
use crate::platform::{Platform, at_home};
use crate::ports::Ports;
use crate::{path, said};

const TESTS: &str = "is these tests, or what holds them";
const DOCKER: &str = "wants Docker and the file's ports: `cargo xtask compose` runs this page";
const CLUSTER: &str =
    "wants a cluster: tests/kubernetes.rs renders the chart and gives a real API server every object";
const MAVEN: &str = "wants Maven: the tests in tests/interop build and start this program";

/// Commands that are not run here, by page and beginning, and why.
const NOT_RUN: &[(&str, &str, &str)] = &[
    ("README.md", "cargo run ", "compiles first; what it starts is what the other lines are asked of"),
    ("README.md", "cargo xtask test", TESTS),
    ("docs/kubernetes.md", "helm install", CLUSTER),
    ("docs/kubernetes.md", "kubectl apply", CLUSTER),
    (
        "docs/operations.md",
        "cargo install",
        "compiles; only what cargo itself does with a program of this workspace",
    ),
    ("docs/reliability.md", "cargo xtask compose", DOCKER),
    ("docs/reliability.md", "cargo xtask test", TESTS),
    ("docs/start.md", "docker compose", DOCKER),
    ("docs/testing.md", "cargo xtask", TESTS),
    ("examples/greeter/README.md", "java -jar", MAVEN),
    ("examples/greeter/README.md", "mvn ", MAVEN),
    ("tests/README.md", "cargo xtask test", TESTS),
    ("tests/conformance/README.md", "cargo test", TESTS),
    ("tests/originals/eureka/README.md", "java -jar", MAVEN),
];

/// Commands that go on until somebody interrupts them: a moment without complaint is enough.
const ENDLESS: &[(&str, &str)] = &[
    ("docs/bus.md", "wellspring bus watch"),
    ("docs/config-server.md", "curl -N "),
    ("docs/gateway.md", "wellspring tap"),
];

/// Commands whose exit status is 1 when they find something, which is no failure of the page.
const FINDS: &[(&str, &str)] = &[
    ("README.md", "wellspring check"),
    ("docs/gateway.md", "wellspring routes diff"),
    ("docs/gateway.md", "wellspring routes trace"),
    ("docs/operations.md", "wellspring check"),
];

/// Ports that mean another one on a page: the second gateway of the cluster, and one that is taken here.
const OTHER_PORTS: &[(&str, &str, &str)] =
    &[("docs/start.md", "localhost:8081", "localhost:8080"), ("docs/cli.md", "--port 8081", "--port 9781")];

/// Languages that are no commands.
const NO_COMMANDS: [&str; 4] = ["yaml", "rust", "rust,no_run", "text"];

/// Stand-ins of the daemons' programs and of `wellspring`, `REAL` being the folder of the true ones.
const WELLSPRING: &str = r#"#!/bin/bash
case "$1 $2" in
  drain*|undrain*|remove*|label*|"routes apply"|"routes enable"|"routes disable"|"config pin"|"config unpin"|"bus send"|"breaker open"|"breaker close")
    exec "$REAL/wellspring" "$@" --yes ;;
  *) exec "$REAL/wellspring" "$@" ;;
esac
"#;
const STARTED: &str = r#"#!/bin/bash
program=$REAL/${0##*/}
export SERVER_PORT=$DAEMON_PORT
case "$*" in *--health*|*--version*) exec "$program" "$@" ;; esac
"$program" "$@" > "$PWD/daemon.log" 2>&1 & started=$!
end=$((SECONDS + 60))
until "$program" "$@" --health > /dev/null 2>&1; do
  kill -0 $started 2> /dev/null && [ $SECONDS -lt $end ] || { cat "$PWD/daemon.log"; kill -9 $started; exit 1; }
  sleep 0.1
done
kill -TERM $started && wait $started
"#;

/// `RUNS` repeats a command until it succeeds: what was started a moment ago is found soon.
const RUNS: &str = r#"runs() { # COMMAND
  local end=$((SECONDS + PATIENCE))
  until out=$(timeout 80 bash -euo pipefail -c "$1" 2>&1); do
    [ $SECONDS -lt $end ] || { printf '%s: %s\n%s\n' "$page" "$1" "$out"; failed=1; return; }
    sleep 0.2
  done
}
finds() { # COMMAND
  runs '{ '"$1"'
} || [ $? = 1 ]'
}
goes_on() { # COMMAND
  runs 'timeout 0.6 bash -c '"$(printf %q "exec $1")"' || [ $? = 124 ]'
}
prints() { # BLOCK, and for the complaint what was expected; `fits` judges
  local end=$((SECONDS + PATIENCE))
  until out=$(timeout 80 bash -c "$1" 2>&1); fits; do
    [ $SECONDS -lt $end ] || { printf '%s: %s\nprints\n%s\nand not\n%s\n' "$page" "$1" "$out" "$2"; failed=1; return; }
    sleep 0.2
  done
}
"#;

/// Every page of the project, by its path below the root; what is run by `every_example_does_what_its_page_says` too.
pub(crate) fn pages() -> BTreeMap<String, String> {
    let mut folders: Vec<PathBuf> =
        ["docs", "examples", "deploy", "tests", "bench"].map(|name| tools::root().join(name)).into();
    let mut files = vec![tools::root().join("README.md")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                let made = ["target", "node_modules"].iter().any(|name| entry.ends_with(name));
                folders.extend(Some(entry).filter(|_| !made));
            } else if entry.extension().is_some_and(|kind| kind == "md") {
                files.push(entry);
            }
        }
    }
    let name = |file: &Path| file.strip_prefix(tools::root()).unwrap().display().to_string();
    files.iter().map(|file| (name(file), fs::read_to_string(file).unwrap())).collect()
}

/// Whether the page's commands are run together with the other examples'.
fn is_example(page: &str) -> bool {
    page.starts_with("examples/") && !page.contains("/greeter/")
}

fn reason(page: &str, command: &str) -> Option<&'static str> {
    NOT_RUN.iter().find(|(of, start, _)| *of == page && command.starts_with(start)).map(|(_, _, why)| *why)
}

fn is_listed(list: &[(&str, &str)], page: &str, command: &str) -> bool {
    list.iter().any(|(of, start)| *of == page && command.starts_with(start))
}

#[test]
fn no_block_of_commands_hides() {
    let mut complaints = Vec::new();
    let mut met = BTreeSet::new();
    for (name, text) in pages() {
        let (fences, outside) = fences(&text);
        for fence in &fences {
            if fence.language != "sh" && !NO_COMMANDS.contains(&fence.language) {
                complaints.push(format!("{name}:{}: a block of {:?}", fence.line, fence.language));
            }
            let all = commands(&fence.text);
            met.extend(
                all.iter().filter(|_| fence.language == "sh").map(|line| (name.clone(), line.clone())),
            );
        }
        let indented =
            outside.windows(2).filter(|pair| pair[0].1.is_empty() && pair[1].1.starts_with("    "));
        complaints.extend(indented.map(|pair| format!("{name}:{}: write ``` around it", pair[1].0)));
    }
    let listed = [ENDLESS, FINDS].concat();
    let listed = NOT_RUN.iter().map(|(page, start, _)| (*page, *start)).chain(listed);
    for (page, start) in listed {
        if !met.iter().any(|(of, line)| *of == page && line.starts_with(start)) {
            complaints.push(format!("{page} has no command `{start}` any more"));
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn every_command_of_the_book_does_what_its_page_says() {
    if !tools::present("every_command_of_the_book_does_what_its_page_says", &["bash", "python"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let programs = programs(folder.path());
    let (mut ports, mut counts) = (Ports::default(), [0; 2]);
    let mut scripts = Vec::new();
    for (name, text) in pages() {
        let others = OTHER_PORTS.iter().filter(|(page, ..)| *page == name);
        let text = others.fold(text, |text, (_, port, other)| text.replace(port, other));
        if let Some(script) = script(&name, &fences(&ports.exchanged(&text)).0, &mut counts) {
            let place = folder.path().join(name.trim_end_matches(".md"));
            stage(&name, &place, &mut ports);
            scripts.push((place, script));
        }
    }
    let more = [
        "--wellspring.config-server.encrypt.key=the present key",
        "--wellspring.config-server.management.endpoints.web.exposure.include=*",
    ];
    let platform = Platform::start(folder.path(), &mut ports, &more);
    fs::write(folder.path().join(".curlrc"), "fail\nsilent\nshow-error\nconnect-to = \"::127.0.0.1:\"\n")
        .unwrap();
    let mut failures = Vec::new();
    for (place, script) in &scripts {
        let mut bash = Command::new("bash");
        bash.args(["-c", script]).current_dir(place).stdin(Stdio::null());
        bash.env("PATH", path(&folder.path().join("bin")))
            .env("REAL", &programs)
            .env("PLATFORM", folder.path())
            .env("CURL_HOME", folder.path())
            .env("DAEMON_PORT", port::free().to_string());
        at_home(&mut bash, &mut ports);
        let output = bash.output().unwrap();
        if !output.status.success() {
            failures.push(said(&output));
        }
    }
    assert!(failures.is_empty(), "{}\n{}", failures.join("\n"), platform.said());
    let [run, left] = counts;
    assert!(run >= 30, "{run} commands");
    println!("\nreport: {run} commands of {} pages run, {left} left to others", scripts.len());
}

/// The stand-ins, in `bin` of the folder; gives the folder of the true ones.
fn programs(folder: &Path) -> PathBuf {
    let bin = folder.join("bin");
    fs::create_dir(&bin).unwrap();
    let daemons = ["wellspring-registry", "wellspring-config-server", "wellspring-gateway", "wellspring-bus"];
    let mut own = None;
    for (name, text) in std::iter::once(("wellspring", WELLSPRING)).chain(daemons.map(|name| (name, STARTED)))
    {
        own = Some(binaries::path(name).parent().unwrap().to_owned());
        fs::write(bin.join(name), text).unwrap();
        fs::set_permissions(bin.join(name), fs::Permissions::from_mode(0o755)).unwrap();
    }
    own.unwrap()
}

/// A page as a bash program; `None` when it has nothing to run.
fn script(name: &str, fences: &[Fence<'_>], [run, left]: &mut [usize; 2]) -> Option<String> {
    if is_example(name) {
        return None;
    }
    let before = *run;
    let mut text = format!(
        "set -u\npage={}\nfailed=0\ntrap 'kill $(jobs -p) 2>/dev/null; wait' EXIT\n{}[ ! -e before.sh ] || . ./before.sh\n",
        quoted(name),
        RUNS.replace("PATIENCE", &PATIENCE.to_string())
    );
    for (at, fence) in fences.iter().enumerate() {
        let next = fences.get(at + 1).filter(|next| next.is_output_of(Some(fence)));
        match fence.language {
            "sh" if next.is_some() => {
                let wanted = next.map(|next| next.text.trim_end()).unwrap_or_default();
                let block = quoted(fence.text.trim_end());
                writeln!(text, "{}\nprints {block} {}", fits(wanted), quoted(wanted)).unwrap();
                *run += 1;
            }
            "sh" => {
                for command in commands(&fence.text) {
                    let line = match reason(name, &command) {
                        Some(_) => {
                            *left += 1;
                            continue;
                        }
                        None if is_listed(ENDLESS, name, &command) => format!("goes_on {}", quoted(&command)),
                        None if is_listed(FINDS, name, &command) => format!("finds {}", quoted(&command)),
                        None if command.ends_with('&') => command,
                        None => format!("runs {}", quoted(&command)),
                    };
                    *run += 1;
                    writeln!(text, "{line}").unwrap();
                }
            }
            // A table of addresses, or a picture without any.
            "text" if !fence.is_output_of(at.checked_sub(1).map(|at| &fences[at])) => {
                let words =
                    fence.text.split_whitespace().filter(|word| word.starts_with("http://localhost:"));
                for address in words {
                    writeln!(text, "runs {}", quoted(&format!("curl {address}"))).unwrap();
                    *run += 1;
                }
            }
            _ => {}
        }
    }
    text.push_str("exit $failed\n");
    (*run > before).then_some(text)
}

/// The files that a page's commands name, with its ports.
fn stage(page: &str, place: &Path, ports: &mut Ports) {
    fs::create_dir_all(place).unwrap();
    let kept = tools::root().join("tests/pages/stage").join(page.trim_end_matches(".md"));
    let mut folders = vec![kept.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path()) {
            let target = place.join(entry.strip_prefix(&kept).unwrap());
            if entry.is_dir() {
                fs::create_dir_all(&target).unwrap();
                folders.push(entry);
            } else {
                fs::write(target, ports.exchanged(&fs::read_to_string(entry).unwrap())).unwrap();
            }
        }
    }
}

/// A verb in a line of text, with the options that stand beside it.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Mention {
    verbs: Vec<String>,
    options: Vec<String>,
}

/// `wellspring config drift|history APP [--limit N]`: each verb, as far as words are verbs.
fn mentions(words: &str) -> Vec<Mention> {
    let is_verb = |word: &&str| word.chars().all(|c| c.is_ascii_lowercase() || c == '-' || c == '|');
    let words = words.replace("\\|", "|");
    let verbs = words.split(' ').take_while(|word| is_verb(word) && !word.starts_with('-'));
    let options = words.split([' ', '[', ']', '|']).filter_map(|word| word.split('=').next());
    let options: Vec<String> = options
        .filter(|word| word.starts_with("--") && word.len() > 2 && !word.contains('.'))
        .map(str::to_owned)
        .collect();
    let mut all: Vec<Vec<String>> = vec![Vec::new()];
    for word in verbs.take(2) {
        let one = |before: &Vec<String>, word: &str| [before.as_slice(), &[word.to_owned()]].concat();
        all = all.iter().flat_map(|before| word.split('|').map(|word| one(before, word))).collect();
    }
    all.into_iter()
        .filter(|verbs| !verbs.is_empty())
        .map(|verbs| Mention { verbs, options: options.clone() })
        .collect()
}

/// What stands between back quotes.
fn spans(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

#[test]
fn verbs_and_options_in_the_text_exist() {
    let mut wanted: BTreeMap<Mention, String> = BTreeMap::new();
    let xtask = fs::read_to_string(tools::root().join("xtask/src/main.rs")).unwrap();
    for (name, text) in pages() {
        for (number, line) in fences(&text).1 {
            for span in spans(line) {
                let place = format!("{name}:{number}: `{span}`");
                if let Some(words) = span.strip_prefix("cargo xtask ") {
                    let word = words.split(' ').next().unwrap_or_default();
                    assert!(xtask.contains(&format!("[\"{word}\"")), "{place}: no such chore");
                }
                // The table of verbs leaves the program's name out.
                let first = line.strip_prefix("| `").and_then(|rest| rest.split('`').next()) == Some(span);
                let verb = span.strip_prefix("wellspring ").or(Some(span).filter(|_| {
                    name == "docs/cli.md" && first && span.starts_with(|c: char| c.is_ascii_lowercase())
                }));
                for mention in verb.map(mentions).unwrap_or_default() {
                    wanted.entry(mention).or_insert(place.clone());
                }
            }
        }
    }
    assert!(wanted.len() > 40, "{} verbs", wanted.len());
    let program = binaries::path("wellspring");
    let mut complaints = Vec::new();
    for (Mention { verbs, options }, place) in &wanted {
        let output = Command::new(&program).args(verbs).arg("--help").stdin(Stdio::null()).output().unwrap();
        let help = said(&output);
        let unknown = options.iter().find(|option| !help.contains(option.as_str()));
        if !output.status.success() {
            complaints.push(format!("{place}: {}", help.lines().next().unwrap_or_default()));
        } else if let Some(option) = unknown {
            complaints.push(format!("{place}: {} has no {option}", verbs.join(" ")));
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    println!("\nreport: {} verbs of the pages exist", wanted.len());
}

#[test]
fn mentions_are_read() {
    let one = |verbs: &[&str], options: &[&str]| Mention {
        verbs: verbs.iter().map(|&word| word.to_owned()).collect(),
        options: options.iter().map(|&word| word.to_owned()).collect(),
    };
    assert_eq!(mentions("check [--watch]"), [one(&["check"], &["--watch"])]);
    assert_eq!(mentions("bus send\\|watch"), [one(&["bus", "send"], &[]), one(&["bus", "watch"], &[])]);
    assert_eq!(mentions("migrate FILE… --fail-on=x --a.b=1"), [one(&["migrate"], &["--fail-on"])]);
    assert_eq!(mentions("VERB --help"), []);
}
