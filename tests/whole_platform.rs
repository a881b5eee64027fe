//! `wellspring` without a word, as `cargo run` starts it: every link that it prints answers, every line to try works, a second
//! start finds its state, a taken port is explained, Ctrl-C drains.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests"
)]

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use tokio::time::Instant;
use wellspring_test_support::http1::{self, Reply, Request};
use wellspring_test_support::process::{Guard, resident_kib};
use wellspring_test_support::{Repository, binaries, poll, port};

/// For what comes at once on a machine that has nothing else to do.
const SOON: Duration = Duration::from_secs(90);
const PARTS: [&str; 6] = ["registry", "config-server", "gateway", "bus", "inventory", "orders"];

/// The program, and what it said.
struct Platform {
    guard: Guard,
    output: PathBuf,
    started: Instant,
}

impl Platform {
    /// In `folder`, its state directory below it, each part on one of `ports`.
    fn spawn(folder: &Path, ports: &[u16; 6]) -> Self {
        let output = folder.join("output.log");
        let sink = File::create(&output).unwrap();
        let mut command = Command::new(binaries::path("wellspring"));
        for (part, port) in PARTS.iter().zip(ports) {
            command.arg(format!("--wellspring.{part}.server.port={port}"));
        }
        command.current_dir(folder).stdin(Stdio::null()).stdout(sink.try_clone().unwrap()).stderr(sink);
        let started = Instant::now();
        Self { guard: Guard::spawn(&mut command).unwrap(), output, started }
    }

    /// Started, and its table printed.
    fn start(folder: &Path, ports: &[u16; 6]) -> Self {
        let mut platform = Self::spawn(folder, ports);
        let printed =
            poll::within(SOON, || platform.said().contains("Ctrl-C") || platform.guard.ended().is_some());
        assert!(printed && platform.guard.ended().is_none(), "it does not come up: {}", platform.said());
        platform
    }

    fn said(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.output).unwrap_or_default()).into_owned()
    }

    /// Ctrl-C; gives the exit code.
    fn interrupt(&mut self) -> Option<i32> {
        self.guard.interrupt();
        let ended = poll::within(SOON, || self.guard.ended().is_some());
        assert!(ended, "Ctrl-C does not end it: {}", self.said());
        self.guard.ended().and_then(|status| status.code())
    }
}

fn free_ports() -> [u16; 6] {
    PARTS.map(|_| port::free())
}

/// Every `http://localhost:PORT/path` of a line.
fn links(line: &str) -> Vec<(u16, String)> {
    let words = line.split_whitespace().filter_map(|word| word.strip_prefix("http://localhost:"));
    words
        .map(|rest| {
            let (port, path) = rest.split_once('/').unwrap_or((rest, ""));
            (port.parse().unwrap(), format!("/{path}"))
        })
        .collect()
}

fn get((port, path): &(u16, String)) -> Reply {
    http1::get(*port, path).unwrap()
}

#[test]
fn every_printed_link_answers_and_every_printed_line_works() {
    let folder = tempfile::tempdir().unwrap();
    let ports = free_ports();
    let mut platform = Platform::start(folder.path(), &ports);
    let printed_after = platform.started.elapsed();
    let said = platform.said();
    let table: Vec<&str> = said.lines().take_while(|line| line.trim() != "Try").collect();
    let all: Vec<(u16, String)> = table.iter().flat_map(|line| links(line)).collect();
    assert!(all.len() >= PARTS.len(), "a link for every part: {said}");
    for link in &all {
        // Services are found by name once the gateway and the services have read the registry.
        let answers = poll::within(SOON, || get(link).status == 200);
        assert!(answers, "{link:?} answers {}: {}", get(link).status, platform.said());
    }

    let curls: Vec<(u16, String)> =
        said.lines().filter(|line| line.trim_start().starts_with("curl http")).flat_map(links).collect();
    assert_eq!(curls.len(), 3, "three lines to try: {said}");
    for line in &curls {
        let answers = poll::within(SOON, || get(line).status == 200);
        assert!(answers, "{line:?}: {}", get(line).text());
        assert_eq!(line.0, ports[2], "through the gateway");
    }
    assert!(said.contains("spring.config.import"), "the one property of a Spring application: {said}");

    // A value comes from the repository through config server, service and gateway; a refresh brings a new one.
    let repository = folder.path().join(".wellspring/config-repo");
    let shown = || curls.iter().map(|line| get(line).text()).collect::<Vec<_>>().join("\n");
    assert!(shown().contains("Hello from the config server"), "{}", shown());
    let mut repository = Repository::open(&repository).unwrap();
    let file = fs::read_to_string(repository.path().join("orders.yml")).unwrap();
    let changed = file.replace("Hello from the config server", "Changed by a commit");
    assert_ne!(file, changed, "orders.yml of the sample holds the greeting");
    repository.put("orders.yml", &changed).unwrap();
    let refresh =
        Request::new("POST", "/actuator/busrefresh").header("Content-Length", "0").send(ports[3]).unwrap();
    assert_eq!(refresh.status, 204);
    poll::until("the refresh reaches the service", SOON, || shown().contains("Changed by a commit"));

    let resident = resident_kib(platform.guard.id()).unwrap_or_default();
    println!(
        "\nreport: {:<25} links printed after {:>4.0} ms, {:>5.1} MiB resident",
        "wellspring up",
        printed_after.as_secs_f64() * 1000.0,
        u32::try_from(resident).map_or(f64::INFINITY, f64::from) / 1024.0
    );
    assert_eq!(platform.interrupt(), Some(0), "{}", platform.said());

    // A second start finds what the user committed.
    let mut platform = Platform::start(folder.path(), &ports);
    poll::until("the services are found again", SOON, || shown().contains("Changed by a commit"));
    assert_eq!(platform.interrupt(), Some(0));
}

#[test]
fn a_taken_port_is_explained_and_nothing_is_left_running() {
    let folder = tempfile::tempdir().unwrap();
    let ports = free_ports();
    // On the port that it was given, so that nobody else is on it when it is asked for below.
    let _taken = TcpListener::bind(("127.0.0.1", ports[2])).unwrap();
    let mut platform = Platform::spawn(folder.path(), &ports);
    assert!(poll::within(SOON, || platform.guard.ended().is_some()), "it does not give up");
    assert_eq!(platform.guard.ended().and_then(|status| status.code()), Some(1));
    let said = platform.said();
    assert!(said.contains(&ports[2].to_string()), "which port: {said}");
    assert!(said.contains("gateway"), "who wants it: {said}");
    assert!(said.contains("server.port"), "how to change it: {said}");
    for port in ports.iter().filter(|port| **port != ports[2]) {
        assert!(http1::get(*port, "/actuator/health").is_err(), "port {port} still answers");
    }
}
