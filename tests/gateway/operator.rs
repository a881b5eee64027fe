//! What an operator sees of a running gateway: its warnings at the start, its routes and its live requests by the command line.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use wellspring_test_support::http1::{self, Request};
use wellspring_test_support::process::Guard;
use wellspring_test_support::{Daemon, Echo, Launch, binaries, poll, port};

use crate::swaps::OPEN;

#[test]
fn filters_that_lack_their_settings_are_named_at_the_start() {
    let upstream = Echo::start();
    let routes = format!(
        "spring.cloud.gateway.routes:\n- id: all\n  uri: {}\n  predicates: [Path=/**]\n  filters: [TokenRelay=, SaveSession]\n",
        upstream.url("")
    );
    let gateway = Launch::new("wellspring-gateway").yaml(&routes).start();
    for filter in ["TokenRelay", "SaveSession"] {
        let log = gateway.log();
        let line = log.lines().find(|line| line.contains(&format!("{filter} has no effect")));
        let line = line.unwrap_or_else(|| panic!("{filter} is not named in\n{log}"));
        assert!(line.contains("WARN") && line.contains("application.yml:5:"), "{line}");
        assert!(line.contains("spring.security.oauth2.client.registration"), "{line}");
    }
    // They are in nobody's way.
    assert_eq!(http1::get(gateway.port(), "/a").unwrap().status, 200);
}

fn wellspring(words: &[&str]) -> Command {
    let mut command = Command::new(binaries::path("wellspring"));
    command.args(words).stdin(Stdio::null());
    command
}

fn said(words: &[&str]) -> (bool, String) {
    let output = wellspring(words).output().unwrap();
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    (output.status.success(), text.concat())
}

fn running(upstream: &Echo, admin: u16) -> Daemon {
    let yaml = format!(
        "{OPEN}wellspring.admin.address: 127.0.0.1:{admin}\nspring.cloud.gateway.routes:\n- id: orders\n  uri: {0}\n  predicates: [Path=/orders/**]\n- id: missing\n  uri: {0}\n  predicates: [Path=/missing/**]\n  filters: [SetPath=/status/404]\n",
        upstream.url("")
    );
    Launch::new("wellspring-gateway").yaml(&yaml).start()
}

#[test]
fn the_command_line_shows_routes_and_live_requests_of_a_running_gateway() {
    let (upstream, admin) = (Echo::start(), port::free());
    let gateway = running(&upstream, admin);
    let (url, tapped) = (gateway.url(""), format!("http://127.0.0.1:{admin}"));

    let (fine, text) = said(&["routes", "list", "--gateway", &url]);
    assert!(fine && text.contains("orders") && text.contains(&upstream.url("")), "{text}");
    let (fine, text) = said(&["routes", "list", "--gateway", &url, "-o", "json"]);
    let listed: Value = serde_json::from_str(&text).unwrap();
    let ids: Vec<&str> = listed["routes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|route| route["route_id"].as_str().unwrap())
        .collect();
    assert!(fine && ids == ["orders", "missing"], "{text}");
    // A route added at run time is among them.
    let added = serde_json::json!({"uri": upstream.url(""), "predicates": ["Path=/new/**"]});
    assert_eq!(
        Request::new("POST", "/actuator/gateway/routes/new")
            .json(&added)
            .send(gateway.port())
            .unwrap()
            .status,
        201
    );
    assert_eq!(Request::new("POST", "/actuator/gateway/refresh").send(gateway.port()).unwrap().status, 200);
    assert!(said(&["routes", "list", "--gateway", &url]).1.contains("new"));
    let (fine, text) = said(&["routes", "list", "--gateway", &format!("http://127.0.0.1:{}", port::free())]);
    assert!(!fine && !text.is_empty(), "{text}");

    let mut command =
        wellspring(&["tap", "--server", &tapped, "--status", "4xx", "--count", "2", "-o", "json"]);
    let (reader, writer) = std::io::pipe().unwrap();
    let mut tap = Guard::spawn(command.stdout(writer)).unwrap();
    drop(command);
    let lines = std::thread::spawn(move || {
        BufReader::new(reader).lines().map_while(Result::ok).collect::<Vec<String>>()
    });
    // It ends by itself when it has seen two.
    poll::until("the tap has seen enough", Duration::from_secs(20), || {
        assert_eq!(http1::get(gateway.port(), "/orders/7").unwrap().status, 200);
        let asked = Request::new("GET", "/missing/1?token=s3cret").header("Authorization", "Bearer s3cret");
        assert_eq!(asked.send(gateway.port()).unwrap().status, 404);
        tap.ended().is_some()
    });
    assert!(tap.ended().is_some_and(|status| status.success()));
    let lines = lines.join().unwrap();
    assert_eq!(lines.len(), 2, "{lines:?}");
    for line in &lines {
        let seen: Value = serde_json::from_str(line).unwrap();
        assert_eq!((&seen["status"], &seen["route"]), (&404.into(), &"missing".into()), "{line}");
        assert!(!line.contains("s3cret"), "{line}");
    }
}
