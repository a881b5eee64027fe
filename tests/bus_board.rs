//! The ack board as an operator has it: instances from a real registry that come and leave, a daemon that is killed, and the
//! command line.
//!
//! Without a broker: applications join the daemon itself (`wellspring.bus.url`).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests"
)]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use wellspring_test_support::{Daemon, Launch, binaries, http1, poll, port};

const SOON: Duration = Duration::from_secs(90);

struct Town {
    registry: Daemon,
    bus: Daemon,
    bus_port: u16,
    board: tempfile::TempDir,
}

impl Town {
    fn start() -> Self {
        let registry = Launch::new("wellspring-registry")
            .yaml("eureka.client: { register-with-eureka: false, fetch-registry: false }\n")
            .start();
        let (board, bus_port) = (tempfile::tempdir().unwrap(), port::free());
        let bus = daemon(&registry, bus_port, board.path());
        Self { registry, bus, bus_port, board }
    }

    /// An application on the bus and in the registry.
    fn inventory(&self) -> Daemon {
        member("inventory", "inventory", &self.registry).var("WELLSPRING_BUS_URL", self.bus.url("")).start()
    }

    fn board(&self) -> Value {
        http1::get(self.bus_port, "/actuator/busacks").unwrap().json()
    }

    /// What the daemon's own view of the registry has; it expects nobody else.
    fn send(&self, words: &[&str]) -> (i32, Value) {
        let output = self.cli(&[&["send"], words, &["-o", "json"]].concat());
        let answer = serde_json::from_slice(&output.stdout).unwrap_or_default();
        (output.status.code().unwrap(), answer)
    }

    fn cli(&self, words: &[&str]) -> Output {
        let url = format!("http://127.0.0.1:{}", self.bus_port);
        let mut command = Command::new(binaries::path("wellspring"));
        command.arg("bus").args(words).args(["--url", &url]).output().unwrap()
    }
}

fn daemon(registry: &Daemon, port: u16, board: &Path) -> Daemon {
    member("wellspring-bus", "bus", registry)
        .port(port)
        .var("WELLSPRING_BUS_ACKS_FILE", board.join("acks.jsonl"))
        .var("MANAGEMENT_ENDPOINTS_WEB_EXPOSURE_INCLUDE", "*")
        .start()
}

fn member(program: &str, name: &str, registry: &Daemon) -> Launch {
    Launch::new(program)
        .var("SPRING_APPLICATION_NAME", name)
        .var("EUREKA_CLIENT_SERVICEURL_DEFAULTZONE", registry.url("/eureka/"))
        .var("EUREKA_INSTANCE_PREFERIPADDRESS", "true")
        .var("EUREKA_INSTANCE_IPADDRESS", "127.0.0.1")
        .var("EUREKA_INSTANCE_LEASERENEWALINTERVALINSECONDS", "1")
        .var("EUREKA_CLIENT_REGISTRYFETCHINTERVALSECONDS", "1")
}

fn names(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect()
}

fn acknowledged_by(entry: &Value, port: u16) -> bool {
    let acks = entry["acknowledged"].as_array().unwrap();
    let place = format!("inventory:{port}:");
    acks.iter().any(|ack| ack["by"].as_str().unwrap().starts_with(&place) && ack["at"].is_string())
}

#[test]
fn the_board_follows_the_registry_and_outlives_the_daemon() {
    let mut town = Town::start();
    let (mut one, two) = (town.inventory(), town.inventory());
    // The daemon's list of the registry is complete when an event expects both.
    let expects_both = || {
        let (code, entry) = town.send(&["--destination", "inventory", "--wait"]);
        code == 0 && acknowledged_by(&entry, one.port()) && acknowledged_by(&entry, two.port())
    };
    poll::until("both acknowledge", SOON, expects_both);

    // One hangs: it is called silent, and the command says so. The other one has answered, at the latest to a later event.
    two.freeze();
    let mut late = String::new();
    poll::until("the one that hangs is silent, and nobody else", SOON, || {
        let (code, entry) = town.send(&["-d", "inventory", "--wait", "--timeout", "1s"]);
        assert_eq!((code, &entry["complete"]), (1, &json!(false)), "{entry}");
        let silent = names(&entry["silent"]);
        assert!(silent.iter().any(|one| one.starts_with(&format!("inventory:{}:", two.port()))), "{entry}");
        entry["id"].as_str().unwrap().clone_into(&mut late);
        silent.len() == 1 && acknowledged_by(&entry, one.port())
    });
    two.thaw();

    // One leaves in good order: nobody waits for it.
    one.stop(SOON);
    poll::until("nobody waits for the one that left", SOON, || {
        let (code, entry) = town.send(&["-d", "inventory", "--wait", "--timeout", "3s"]);
        code == 0 && names(&entry["silent"]).is_empty() && !acknowledged_by(&entry, one.port())
    });
    // One that is registered and not on the bus.
    let stranger = member("inventory", "stranger", &town.registry).start();
    poll::until("a stranger is expected", SOON, || {
        let (_, entry) = town.send(&[]);
        names(&entry["notAcknowledging"]).contains(&format!("stranger:{}", stranger.port()).as_str())
    });
    let (code, _) = town.send(&["--wait", "--timeout", "60s"]);
    assert_eq!(code, 0, "it never was on the bus");
    let (code, _) = town.send(&["--wait", "--timeout", "1s", "--all"]);
    assert_eq!(code, 1, "asked for all, it counts");

    // Killed, the daemon has the board again.
    let before = town.board();
    poll::until("the late one has answered", SOON, || {
        let entry = http1::get(town.bus_port, &format!("/actuator/busacks/{late}")).unwrap().json();
        entry["complete"] == json!(true)
    });
    let known = town.cli(&["acks", &late, "-o", "json"]);
    // The board is written behind the bus's back: a crash at once may come before it.
    let by = [format!("\"{late}\""), format!("\"by\":\"inventory:{}:", two.port())];
    poll::until("the late answer is on disk", SOON, || {
        let file = std::fs::read_to_string(town.board.path().join("acks.jsonl")).unwrap_or_default();
        file.lines().any(|line| by.iter().all(|part| line.contains(part)))
    });
    town.bus.kill();
    town.bus = daemon(&town.registry, town.bus_port, town.board.path());
    let ids = |board: &Value| {
        let events = board["events"].as_array().unwrap();
        events.iter().map(|event| event["id"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(ids(&town.board()), ids(&before));
    let again = town.cli(&["acks", &late, "-o", "json"]);
    let answers =
        |output: &Output| serde_json::from_slice::<Value>(&output.stdout).unwrap()["acknowledged"].clone();
    assert_eq!(answers(&again), answers(&known));
    poll::until("both joined again", SOON, || {
        let (code, entry) = town.send(&["-d", "inventory", "--wait"]);
        code == 0 && acknowledged_by(&entry, two.port())
    });
    forms_and_codes(&town);
    watching(&town);
}

fn forms_and_codes(town: &Town) {
    let text = |output: &Output| String::from_utf8(output.stdout.clone()).unwrap();
    let table = town.cli(&["acks", "-n", "2"]);
    assert!(text(&table).starts_with("ID ") && text(&table).lines().count() == 3, "{}", text(&table));
    let id = text(&table).lines().nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
    let one = text(&town.cli(&["acks", &id]));
    assert!(
        one.starts_with(&id) && one.contains("Refresh to inventory:**") && one.contains(" ms\n"),
        "{one}"
    );
    let lines = text(&town.cli(&["acks", "-o", "ndjson"]));
    assert!(lines.lines().count() > 3);
    for line in lines.lines() {
        assert!(serde_json::from_str::<Value>(line).unwrap()["id"].is_string());
    }
    assert!(text(&town.cli(&["acks", &id, "-o", "yaml"])).contains(&format!("id: {id}")));
    let env = town.cli(&["send", "env", "greeting=hello world", "-o", "yaml"]);
    assert!(env.status.success() && text(&env).contains("EnvironmentChangeRemoteApplicationEvent"));
    let resent: Value =
        serde_json::from_slice(&town.cli(&["acks", &id, "--resend", "-o", "json"]).stdout).unwrap();
    assert_eq!(resent, json!({"sent": [], "failed": []}), "all have answered");

    for (words, code, said) in [
        (&["acks", "nosuch"][..], 1, "knows no such event"),
        (&["send", "env"], 2, "NAME=VALUE"),
        (&["send", "refresh", "a=b"], 2, "refresh takes nothing"),
        (&["send", "env", "novalue"], 2, "NAME=VALUE"),
        (&["send", "--timeout", "soon"], 2, "soon"),
        (&["shout"], 2, "shout"),
    ] {
        let output = town.cli(words);
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{words:?}: {complaint}");
        assert!(complaint.contains(said), "{words:?}: {complaint}");
    }
    let nobody = Command::new(binaries::path("wellspring"))
        .args(["bus", "acks", "--url", &format!("http://u:secret@127.0.0.1:{}", port::free())])
        .output()
        .unwrap();
    let complaint = String::from_utf8_lossy(&nobody.stderr).into_owned();
    assert_eq!(nobody.status.code(), Some(3), "not reachable");
    assert!(complaint.contains("does not answer") && !complaint.contains("secret"), "{complaint}");
}

fn watching(town: &Town) {
    let mut watch = Command::new(binaries::path("wellspring"))
        .args([
            "bus",
            "watch",
            "-o",
            "ndjson",
            "-n",
            "3",
            "--url",
            &format!("http://127.0.0.1:{}", town.bus_port),
        ])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // It says nothing when it has begun: events are sent until it has seen enough.
    let lines = BufReader::new(watch.stdout.take().unwrap()).lines();
    let reading = std::thread::spawn(move || lines.map(Result::unwrap).collect::<Vec<_>>());
    poll::until("three messages are seen", SOON, || {
        town.send(&["-d", "inventory", "--wait"]);
        reading.is_finished()
    });
    let seen: Vec<Value> =
        reading.join().unwrap().iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(watch.wait().unwrap().success());
    assert_eq!(seen.len(), 3);
    for kind in ["RefreshRemoteApplicationEvent", "AckRemoteApplicationEvent"] {
        assert!(seen.iter().any(|event| event["type"] == kind), "{seen:?}");
    }
}

#[test]
fn without_an_address_of_its_own_the_command_line_asks_the_admin_api() {
    let admin = port::free();
    let bus =
        Launch::new("wellspring-bus").yaml(&format!("wellspring.admin.address: 127.0.0.1:{admin}\n")).start();
    let server = format!("http://127.0.0.1:{admin}");
    let said = |words: &[&str]| {
        let mut command = Command::new(binaries::path("wellspring"));
        let output =
            command.arg("bus").args(words).args(["--server", &server]).stdin(Stdio::null()).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        (output.status.code().unwrap(), text, String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, _, err) = said(&["send"]);
    assert!(code == 2 && err.contains("--yes"), "nobody can be asked: {err}");
    let (code, sent, err) = said(&["send", "--yes", "--reason", "new prices", "--wait", "-o", "json"]);
    assert_eq!(code, 0, "{err}");
    let sent: Value = serde_json::from_str(&sent).unwrap();
    assert_eq!(sent["complete"], json!(true), "{sent}");
    let id = sent["id"].as_str().unwrap();
    let (code, listed, _) = said(&["acks"]);
    assert!(code == 0 && listed.contains(id), "{listed}");
    // The daemon acknowledges its own events; that takes a moment.
    poll::until("the ack is shown", SOON, || said(&["acks", id]).1.contains(" ms"));
    assert_eq!(said(&["acks", id, "--resend", "--yes"]).0, 0);
    assert_eq!(said(&["send", "env", "a.b=c", "--yes"]).0, 0);
    let log = http1::get(admin, "/api/v1/events?topics=admin").unwrap().json();
    let first = log["items"].as_array().unwrap().last().unwrap().clone();
    assert_eq!((&first["kind"], &first["data"]["reason"]), (&json!("refresh sent"), &json!("new prices")));
    assert_eq!(said(&["acks", "none"]).0, 1);
    drop(bus);
    assert_eq!(said(&["acks"]).0, 3);
}
