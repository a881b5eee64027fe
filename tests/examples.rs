//! The pages of `examples/`, and of the book where they have commands, do what they say: every block of commands is run against
//! a platform on ports of its own, and what it prints is what stands below it (`…` for what differs from run to run).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests"
)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use wellspring_test_support::process::Guard;
use wellspring_test_support::{binaries, http1, poll, port, tools};

/// Programs that the pages start.
const PROGRAMS: [&str; 6] = ["wellspring", "wellspring-gateway", "inventory", "orders", "shop", "bff"];
const PARTS: [(&str, u16); 6] = [
    ("registry", 8761),
    ("config-server", 8888),
    ("gateway", 8080),
    ("bus", 8889),
    ("inventory", 8081),
    ("orders", 8082),
];
const ADMIN: u16 = 9770;
/// How long a block may need until it prints what its page says: services find one another meanwhile.
const PATIENCE: u32 = 90;

/// Commands, and what they print.
#[derive(Debug, Clone, PartialEq)]
struct Block {
    commands: String,
    prints: Option<String>,
}

/// Blocks fenced as `sh`; one fenced as `text` right after is what they print.
fn blocks(page: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let mut body = || {
            lines
                .by_ref()
                .take_while(|line| *line != "```")
                .fold(String::new(), |body, line| body + line + "\n")
        };
        match line {
            "```sh" => blocks.push(Block { commands: body(), prints: None }),
            "```text" => {
                let last = blocks.last_mut().filter(|block| block.prints.is_none());
                last.unwrap_or_else(|| panic!("output of no command: {}", body())).prints = Some(body());
            }
            _ => {}
        }
    }
    blocks
}

/// A page as one bash program, so that what one block starts and defines is there for the next.
fn program(name: &str, blocks: &[Block]) -> String {
    let mut text = format!(
        r#"set -u
trap 'kill $(jobs -p) 2>/dev/null; wait' EXIT
says() {{ # COMMANDS, and for the complaint what was expected; `fits` judges
  local end=$((SECONDS + {PATIENCE}))
  until out=$(eval "$1" 2>&1) && fits; do
    [ $SECONDS -lt $end ] || {{ printf '%s\n$ %s\nprints\n%s\nand not\n%s\n' {name} "$1" "$out" "$2"; exit 1; }}
    sleep 0.2
  done
}}
"#,
        name = quoted(name)
    );
    for Block { commands, prints } in blocks {
        match prints {
            Some(prints) => {
                let prints = prints.trim_end_matches('\n');
                let pattern = prints.split('…').map(quoted).collect::<Vec<_>>().join("*");
                // The pattern stands here and is no argument: only so are its quoted parts no patterns themselves.
                writeln!(text, "fits() {{ [[ $out == {pattern} ]]; }}").unwrap();
                writeln!(text, "says {} {}", quoted(commands.trim_end()), quoted(prints)).unwrap();
            }
            None => {
                let complaint = quoted(&format!("{name} fails: {commands}"));
                writeln!(text, "{{\n{commands}\n}} || {{ echo {complaint}; exit 1; }}").unwrap();
            }
        }
    }
    text
}

fn quoted(text: &str) -> String {
    // Within double quotes bash's pattern matching takes every character as it is.
    let mut out = String::from("\"");
    for c in text.chars() {
        if matches!(c, '"' | '\\' | '$' | '`') {
            out.push('\\');
        }
        out.push(c);
    }
    out + "\""
}

/// Ports that the pages name, each to one that is free.
#[derive(Default)]
struct Ports(BTreeMap<u16, u16>);

impl Ports {
    fn of(&mut self, port: u16) -> u16 {
        *self.0.entry(port).or_insert_with(port::free)
    }

    /// The text with every port after `localhost:`, `port=` or `PORT=`, or beside a colon in a pattern, exchanged.
    fn exchanged(&mut self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find([':', '=']) {
            let (before, after) = rest.split_at(at + 1);
            out.push_str(before);
            let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
            rest = after.strip_prefix(&*digits).unwrap_or_default();
            match digits.parse::<u16>() {
                Ok(port) if digits.len() == 4 && (8000..9800).contains(&port) => {
                    write!(out, "{}", self.of(port)).unwrap()
                }
                _ => out.push_str(&digits),
            }
        }
        out + rest
    }
}

fn pages() -> Vec<PathBuf> {
    let mut pages: Vec<PathBuf> = ["examples", "docs"]
        .iter()
        .flat_map(|folder| fs::read_dir(tools::root().join(folder)).unwrap())
        .map(|entry| entry.unwrap().path())
        .map(|path| if path.is_dir() { path.join("README.md") } else { path })
        .filter(|path| path.extension().is_some_and(|kind| kind == "md") && path.is_file())
        .filter(|path| !blocks(&fs::read_to_string(path).unwrap()).is_empty())
        .collect();
    pages.sort();
    pages
}

#[test]
fn every_page_does_what_it_says() {
    if !tools::present("every_page_does_what_it_says", &["bash", "node", "openssl"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    // What pages name relative to the project is there, and what they write is not.
    std::os::unix::fs::symlink(tools::root().join("examples"), folder.path().join("examples")).unwrap();
    let path: Vec<PathBuf> =
        PROGRAMS.iter().map(|program| binaries::path(program).parent().unwrap().to_owned()).collect();
    let path =
        format!("{}:{}", path[0].display(), std::env::var_os("PATH").unwrap_or_default().to_string_lossy());
    let mut ports = Ports::default();
    let scripts: Vec<(String, String)> = pages()
        .iter()
        .map(|page| {
            let name = page.strip_prefix(tools::root()).unwrap().display().to_string();
            let text = ports.exchanged(&fs::read_to_string(page).unwrap());
            (name.clone(), program(&name, &blocks(&text)))
        })
        .collect();
    assert!(scripts.len() >= 13, "{} pages with commands", scripts.len());

    let platform = Platform::start(folder.path(), &mut ports);
    let registry = format!("http://localhost:{}/eureka/", ports.of(8761));
    let mut failures = Vec::new();
    for (name, script) in &scripts {
        let mut bash = Command::new("bash");
        bash.args(["-c", script]).current_dir(folder.path()).stdin(Stdio::null()).env("PATH", &path);
        bash.env("EUREKA_CLIENT_SERVICEURL_DEFAULTZONE", &registry)
            .env("EUREKA_INSTANCE_PREFERIPADDRESS", "true")
            .env("EUREKA_INSTANCE_IPADDRESS", "127.0.0.1")
            .env("EUREKA_INSTANCE_LEASERENEWALINTERVALINSECONDS", "1")
            .env("WELLSPRING_SERVER", format!("http://127.0.0.1:{}", ports.of(ADMIN)))
            .env("SPRING_CLOUD_CONFIG_URI", format!("http://localhost:{}", ports.of(8888)));
        let output = bash.output().unwrap();
        let said =
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        if !output.status.success() {
            failures.push(format!("{name}: {said}"));
        }
    }
    assert!(failures.is_empty(), "{}\n{}", failures.join("\n"), platform.said());
    println!("\nreport: {} pages run", scripts.len());
}

/// `wellspring` as a reader of the pages starts it.
struct Platform {
    output: PathBuf,
    _guard: Guard,
}

impl Platform {
    fn start(folder: &Path, ports: &mut Ports) -> Self {
        let output = folder.join("platform.log");
        let sink = File::create(&output).unwrap();
        let mut command = Command::new(binaries::path("wellspring"));
        let mut gateway = 0;
        for (part, port) in PARTS {
            let free = ports.of(port);
            gateway = if part == "gateway" { free } else { gateway };
            command.arg(format!("--wellspring.{part}.server.port={free}"));
        }
        command.arg(format!("--wellspring.admin.address=127.0.0.1:{}", ports.of(ADMIN)));
        // Pages look at metrics that a service shows by default, and at those of the shop's dependencies.
        command.current_dir(folder).stdin(Stdio::null()).stdout(sink.try_clone().unwrap()).stderr(sink);
        let platform = Self { output, _guard: Guard::spawn(&mut command).unwrap() };
        let answers = poll::within(Duration::from_secs(120), || {
            http1::get(gateway, "/orders/7").is_ok_and(|reply| reply.status == 200)
        });
        assert!(answers, "{}", platform.said());
        platform
    }

    fn said(&self) -> String {
        fs::read_to_string(&self.output).unwrap_or_default()
    }
}

#[test]
fn blocks_ports_and_patterns() {
    let page = "x\n```sh\ncurl localhost:8080/a\n```\n```text\n{\"a\":…}\n```\n```yaml\na: 1\n```\n```sh\nPORT=9001 x &\n```\n";
    let mut ports = Ports::default();
    let found = blocks(&ports.exchanged(page));
    assert_eq!(found.len(), 2);
    assert_eq!(found[0].commands, format!("curl localhost:{}/a\n", ports.of(8080)));
    assert_eq!((found[0].prints.as_deref(), found[1].prints.as_deref()), (Some("{\"a\":…}\n"), None));
    assert!(found[1].commands.starts_with(&format!("PORT={} ", ports.of(9001))));
    // A pattern that does not fit fails, whatever is in it.
    for (prints, fits) in [("a*b", false), ("…c", true), ("a$b\"`c", true), ("…[a]…", false)] {
        let block = Block { commands: "printf '%s' 'a$b\"`c'".to_owned(), prints: Some(prints.to_owned()) };
        let script = program("page", &[block]).replace(&format!("SECONDS + {PATIENCE}"), "SECONDS");
        assert_eq!(
            Command::new("bash").args(["-c", &script]).output().unwrap().status.success(),
            fits,
            "{prints}"
        );
    }
}
