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
    poll::until("the tap has seen enough", Duration::from_secs(120), || {
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

/// Exit status, standard output, standard error.
fn answered(words: &[&str], admin: u16) -> (i32, String, String) {
    let server = format!("http://127.0.0.1:{admin}");
    let output = wellspring(&[words, &["--server", &server]].concat()).output().unwrap();
    let [out, err] = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    (output.status.code().unwrap(), out, err)
}

#[test]
fn routes_and_breakers_of_a_running_gateway_are_looked_at_and_changed_by_the_command_line() {
    let (upstream, admin) = (Echo::start(), port::free());
    let gateway = running(&upstream, admin);
    let status = |path: &str| http1::get(gateway.port(), path).unwrap().status;
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: String| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let breaker = "{name: CircuitBreaker, args: {name: b}}";
    let good = file(
        "good.yml",
        format!(
            "routes:\n- {{id: new, uri: '{}', predicates: [Path=/new/**], filters: [{breaker}]}}\n",
            upstream.url("")
        ),
    );
    let bad = file("bad.yml", "routes:\n- {id: x, uri: 'http://h:1', predicates: [Pfad=/]}\n".to_owned());

    status("/orders/7");
    let (code, out, _) = answered(&["routes", "list"], admin);
    assert!(code == 0 && out.contains("P99 MS") && out.contains("orders"), "{out}");
    let (code, out, _) = answered(&["routes", "list", "-o", "json"], admin);
    let listed: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, listed["items"][0]["requests"].as_u64()), (0, Some(1)), "{out}");
    let (code, out, _) = answered(&["routes", "trace", "GET", "/missing/1"], admin);
    assert!(code == 0 && out.contains("not orders") && out.contains("application.yml:"), "{out}");
    let (code, out, _) = answered(&["routes", "diff", &good], admin);
    assert!(code == 1 && out.contains("- orders") && out.contains("+ new"), "{out}");
    let lines = file("lines.txt", "GET /orders/1\nGET /new/1\n".to_owned());
    let (code, out, _) = answered(&["routes", "replay", &good, "--requests", &lines], admin);
    assert!(code == 1 && out.contains("2 requests, 0 the same, 2 different"), "{out}");

    // Without a terminal nobody can be asked.
    let (code, _, err) = answered(&["routes", "apply", &good], admin);
    assert!(code == 2 && err.contains("--yes"), "{err}");
    let (code, _, err) = answered(&["routes", "apply", &bad, "--yes"], admin);
    assert!(code == 2 && err.contains("WS-1701") && err.contains("proposed:2:"), "{err}");
    assert_eq!(status("/orders/7"), 200);
    let (code, out, err) = answered(&["routes", "apply", &good, "--yes", "--reason", "try"], admin);
    assert!(code == 0 && out.contains("revision 2 in force, 1 routes"), "{out}{err}");
    assert_eq!((status("/orders/7"), status("/new/1")), (404, 200));

    let (code, out, _) = answered(&["breaker", "list"], admin);
    assert!(code == 0 && out.contains("CLOSED") && out.contains("new"), "{out}");
    let (code, out, err) = answered(&["breaker", "open", "b", "--minutes", "5", "--yes"], admin);
    assert!(code == 0 && out.contains("FORCED_OPEN"), "{out}{err}");
    assert_eq!((status("/new/1"), answered(&["breaker", "list"], admin).0), (503, 1));
    assert_eq!(answered(&["breaker", "close", "b", "--yes"], admin).0, 0);
    assert_eq!(answered(&["breaker", "disable", "b", "--yes"], admin).0, 0);
    let (code, _, err) = answered(&["breaker", "open", "none", "--yes"], admin);
    assert!(code == 1 && err.contains("no such breaker"), "{err}");
    assert_eq!(answered(&["limits"], admin).0, 0);

    assert_eq!(answered(&["routes", "disable", "new", "--yes"], admin).0, 0);
    assert_eq!(status("/new/1"), 404);
    assert_eq!(answered(&["routes", "enable", "new", "--yes"], admin).0, 0);
    assert_eq!(status("/new/1"), 200);
    assert_eq!(answered(&["routes", "apply", "--back", "--yes"], admin).0, 0);
    assert_eq!((status("/orders/7"), status("/new/1")), (200, 404));
    assert_eq!(answered(&["routes", "list"], port::free()).0, 3, "nobody is there");
}
