//! Pages do what they say: every block of commands in `examples/`, `docs/` and the README is run against a platform on ports
//! of its own, and what it prints is what stands below it (`…` for what differs from run to run); links lead somewhere.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests"
)]

mod block;
mod book;
mod links;
mod platform;
mod ports;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use wellspring_test_support::{binaries, tools};

use block::{Block, blocks, program};
use platform::{Platform, at_home};
use ports::Ports;

/// Programs that the examples start.
const PROGRAMS: [&str; 6] = ["wellspring", "wellspring-gateway", "inventory", "orders", "shop", "bff"];

/// PATH with the folder of our programs in front.
fn path(first: &Path) -> String {
    format!("{}:{}", first.display(), std::env::var_os("PATH").unwrap_or_default().to_string_lossy())
}

fn examples() -> Vec<PathBuf> {
    let mut pages: Vec<PathBuf> = fs::read_dir(tools::root().join("examples"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| if path.is_dir() { path.join("README.md") } else { path })
        .filter(|path| path.extension().is_some_and(|kind| kind == "md") && path.is_file())
        .filter(|path| path.parent().is_none_or(|folder| !folder.ends_with("greeter")))
        .filter(|path| !blocks(&fs::read_to_string(path).unwrap()).is_empty())
        .collect();
    pages.sort();
    pages
}

#[test]
fn every_example_does_what_its_page_says() {
    if !tools::present("every_example_does_what_its_page_says", &["bash", "node", "openssl"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    // What pages name relative to the project is there, and what they write is not.
    std::os::unix::fs::symlink(tools::root().join("examples"), folder.path().join("examples")).unwrap();
    let programs: Vec<PathBuf> = PROGRAMS.iter().map(|program| binaries::path(program)).collect();
    let path = path(programs[0].parent().unwrap());
    let mut ports = Ports::default();
    let scripts: Vec<(String, String)> = examples()
        .iter()
        .map(|page| {
            let name = page.strip_prefix(tools::root()).unwrap().display().to_string();
            let text = ports.exchanged(&fs::read_to_string(page).unwrap());
            (name.clone(), program(&name, &blocks(&text)))
        })
        .collect();
    assert!(scripts.len() >= 13, "{} pages with commands", scripts.len());
    let platform = Platform::start(folder.path(), &mut ports, &[]);
    let mut failures = Vec::new();
    for (name, script) in &scripts {
        let mut bash = Command::new("bash");
        bash.args(["-c", script]).current_dir(folder.path()).stdin(Stdio::null()).env("PATH", &path);
        at_home(&mut bash, &mut ports);
        let output = bash.output().unwrap();
        if !output.status.success() {
            failures.push(format!("{name}: {}", said(&output)));
        }
    }
    assert!(failures.is_empty(), "{}\n{}", failures.join("\n"), platform.said());
    println!("\nreport: {} examples run", scripts.len());
}

fn said(output: &std::process::Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn blocks_ports_and_patterns() {
    let page = "x\n```sh\ncurl localhost:8080/a\n```\n```text\n{\"a\":…}\n```\n```yaml\na: 1\n```\n```sh\nPORT=9001 x --port 9002 9003 &\n```\n";
    let mut ports = Ports::default();
    let found = blocks(&ports.exchanged(page));
    assert_eq!(found.len(), 2);
    assert_eq!(found[0].commands, format!("curl localhost:{}/a\n", ports.of(8080)));
    assert_eq!((found[0].prints.as_deref(), found[1].prints.as_deref()), (Some("{\"a\":…}\n"), None));
    let wanted = format!("PORT={} x --port {} 9003 &\n", ports.of(9001), ports.of(9002));
    assert_eq!(found[1].commands, wanted);
    assert_eq!(block::commands("a b # c\n\nd \\\n  e\nf\n"), ["a b # c", "d \\\n  e", "f"]);
    // A pattern that does not fit fails, whatever is in it.
    for (prints, fits) in [("a*b", false), ("…c", true), ("a$b\"`c", true), ("…[a]…", false)] {
        let block = Block { commands: "printf '%s' 'a$b\"`c'".to_owned(), prints: Some(prints.to_owned()) };
        let script = program("page", &[block]).replace(&format!("SECONDS + {}", block::PATIENCE), "SECONDS");
        assert_eq!(
            Command::new("bash").args(["-c", &script]).output().unwrap().status.success(),
            fits,
            "{prints}"
        );
    }
}
