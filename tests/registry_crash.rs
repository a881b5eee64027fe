//! A registry that is killed while it writes, and one whose disk is full.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::{Value, json};
use wellspring_test_support::{Daemon, Launch, http1, long, poll};

const DEADLINE: Duration = Duration::from_secs(90);

fn start(directory: &Path) -> Daemon {
    Launch::new("wellspring-registry")
        .yaml(&format!(
            "wellspring.registry: {{state-directory: {}, state-interval: 200ms}}\neureka.client: {{register-with-eureka: false, fetch-registry: false}}",
            directory.display()
        ))
        .start()
}

fn register(port: u16, id: &str) -> bool {
    let instance = json!({"instance": {
        "instanceId": id, "hostName": "h", "app": "LOAD", "ipAddr": "10.0.0.1", "status": "UP",
        "dataCenterInfo": {"@class": "com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo", "name": "MyOwn"},
    }});
    let sent = http1::Request::new("POST", "/eureka/apps/LOAD").json(&instance).send(port);
    sent.is_ok_and(|reply| reply.status == 204)
}

/// Ids of the instances of a list.
fn ids(list: &Value) -> BTreeSet<String> {
    let apps = list["applications"]["application"].as_array().cloned().unwrap_or_default();
    let instances = apps.iter().flat_map(|app| app["instance"].as_array().unwrap());
    instances.map(|instance| instance["instanceId"].as_str().unwrap().to_owned()).collect()
}

fn listed(port: u16) -> BTreeSet<String> {
    let request = http1::Request::new("GET", "/eureka/apps").header("Accept", "application/json");
    ids(&request.send(port).unwrap().json())
}

/// What is on disk as the present state.
fn durable(directory: &Path) -> BTreeSet<String> {
    fs::read(directory.join("registry.json"))
        .map(|state| ids(&serde_json::from_slice(&state).unwrap()))
        .unwrap_or_default()
}

/// Ids of the events; each line must be whole.
fn events(directory: &Path) -> Vec<u64> {
    // A full log has been moved aside, and the next one is not begun yet.
    let log = fs::read_to_string(directory.join("events.jsonl")).unwrap_or_default();
    let whole = log.rsplit_once('\n').map_or("", |(whole, _)| whole);
    let id = |line: &str| {
        let event: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        event["id"].as_u64().unwrap()
    };
    whole.lines().map(id).collect()
}

/// Registers from four threads, and kills the registry while they do. Ids that were sent.
fn kill_under_load(daemon: &mut Daemon, directory: &Path, round: usize) -> BTreeSet<String> {
    let port = daemon.port();
    let sent = Mutex::new(BTreeSet::new());
    let killed = AtomicBool::new(false);
    let before = events(directory).last().copied().unwrap_or_default();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (sent, killed) = (&sent, &killed);
            scope.spawn(move || {
                for number in 0.. {
                    let id = format!("r{round}-t{thread}-{number}");
                    // Before the call: the answer may be lost with the process.
                    sent.lock().insert(id.clone());
                    if !register(port, &id) && killed.load(Ordering::Relaxed) {
                        return;
                    }
                }
            });
        }
        // Past the first time that the state is written.
        let kept = round > 0 || poll::within(DEADLINE, || !durable(directory).is_empty());
        let told =
            poll::within(DEADLINE, || events(directory).iter().filter(|id| **id > before).count() > 200);
        killed.store(true, Ordering::Relaxed);
        daemon.kill();
        assert!(kept && told, "state on disk: {kept}, events: {told}");
    });
    sent.into_inner()
}

#[test]
fn long_killed_in_the_middle_of_writes_it_goes_on_where_the_log_ends() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let mut sent = BTreeSet::new();
    let mut last = 0;
    for round in 0..long::cases(3, 40) {
        let known = durable(path);
        assert!(known.is_subset(&sent), "round {round}: nobody registered those");
        let mut daemon = start(path);
        assert_eq!(listed(daemon.port()), known, "round {round}: it begins with what was on disk");
        assert_eq!(daemon.log().matches("was cut short").count(), usize::from(round > 0), "round {round}");
        sent.append(&mut kill_under_load(&mut daemon, path, round));

        let ids = events(path);
        assert!(ids.is_sorted_by(|a, b| a < b), "round {round}: ids are not increasing");
        let newest = *ids.last().unwrap();
        assert!(newest > last, "round {round}: {newest} after {last}");
        last = newest;
        // A process that is killed leaves whole lines behind, mostly; a machine that falls does not.
        let mut log = fs::read(path.join("events.jsonl")).unwrap();
        log.extend_from_slice(b"{\"id\":1,\"at\":\"20");
        fs::write(path.join("events.jsonl"), log).unwrap();
    }
}

#[test]
fn ids_go_on_after_the_log_even_when_the_clock_was_set_back() {
    let directory = tempfile::tempdir().unwrap();
    // An id of the year 2100.
    fs::write(directory.path().join("events.jsonl"), "{\"id\":4102444800000000}\n").unwrap();
    let daemon = start(directory.path());
    assert!(register(daemon.port(), "a"));
    poll::until("the event", DEADLINE, || events(directory.path()).len() == 2);
    assert!(events(directory.path())[1] > 4_102_444_800_000_000);
}

#[test]
fn a_full_disk_is_told_once_and_stops_nobody() {
    let directory = tempfile::tempdir().unwrap();
    for name in ["events.jsonl", "registry.json.new"] {
        symlink("/dev/full", directory.path().join(name)).unwrap();
    }
    let daemon = start(directory.path());
    for number in 0..50 {
        assert!(register(daemon.port(), &format!("i{number}")));
    }
    poll::until("both complaints", DEADLINE, || {
        let log = daemon.log();
        log.contains("event log cannot be written") && log.contains("state cannot be written")
    });
    assert!(register(daemon.port(), "late"));
    assert_eq!(listed(daemon.port()).len(), 51);
    assert_eq!(daemon.log().matches("event log cannot be written").count(), 1);
}
