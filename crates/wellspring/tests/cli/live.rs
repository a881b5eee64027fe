//! A whole platform, asked by the verbs; something is broken, told, and mended.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use wellspring_test_support::process::Guard;
use wellspring_test_support::{http1, poll, port};

use super::{Said, command, said};

const SOON: Duration = Duration::from_secs(120);
const PARTS: [&str; 6] = ["registry", "config-server", "gateway", "bus", "inventory", "orders"];

struct Platform {
    _guard: Guard,
    ports: Vec<u16>,
    admin: String,
    folder: tempfile::TempDir,
}

impl Platform {
    /// Ports are free when they are asked for; somebody else may be quicker.
    fn start(more: &[&str]) -> Self {
        (0..5).find_map(|_| Self::attempt(more)).expect("a platform comes up")
    }

    fn attempt(more: &[&str]) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let ports: Vec<u16> = PARTS.iter().map(|_| port::free()).collect();
        let admin = port::free();
        let mut words: Vec<String> = PARTS
            .iter()
            .zip(&ports)
            .map(|(part, port)| format!("--wellspring.{part}.server.port={port}"))
            .collect();
        words.push(format!("--wellspring.admin.address=127.0.0.1:{admin}"));
        words.extend(more.iter().map(|word| (*word).to_owned()));
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let log = std::fs::File::create(folder.path().join("log.txt")).unwrap();
        let mut program = command(&words);
        program.current_dir(folder.path()).stdout(log.try_clone().unwrap()).stderr(log);
        let mut guard = Guard::spawn(&mut program).unwrap();
        let log = folder.path().join("log.txt");
        let up = || std::fs::read_to_string(&log).unwrap().contains("Ctrl-C");
        poll::until("the platform is up, or has given up", SOON, || up() || guard.ended().is_some());
        if !up() {
            println!("{}", std::fs::read_to_string(&log).unwrap());
            return None;
        }
        Some(Self { _guard: guard, ports, admin: format!("http://127.0.0.1:{admin}"), folder })
    }

    fn ask(&self, words: &[&str]) -> Said {
        said(command(words).args(["--server", &self.admin]))
    }

    fn json(&self, words: &[&str]) -> Value {
        let said = self.ask(&[words, &["-o", "json"]].concat());
        serde_json::from_str(&said.out).unwrap_or_else(|_| panic!("{words:?}: {}{}", said.out, said.err))
    }

    /// The only instance of a service, once it is registered.
    fn instance(&self, service: &str) -> String {
        let mut id = String::new();
        poll::until(service, SOON, || {
            let answer = self.ask(&["instances", service, "-o", "ndjson"]).out;
            let first: Value =
                answer.lines().next().and_then(|line| serde_json::from_str(line).ok()).unwrap_or_default();
            let found = first["id"].as_str();
            id = found.unwrap_or_default().to_owned();
            found.is_some()
        });
        id
    }

    fn url(&self, part: &str) -> String {
        let at = PARTS.iter().position(|known| *known == part).unwrap();
        format!("http://127.0.0.1:{}", self.ports[at])
    }
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

#[test]
fn a_platform_is_checked_watched_and_mended() {
    let platform = Platform::start(&[]);
    let id = platform.instance("orders");
    platform.instance("inventory");
    poll::until("all is well", SOON, || platform.ask(&["check"]).code == 0);
    let fine = platform.ask(&["check"]);
    for line in ["daemons\n", "  ✓ ", "breakers\n", "drift\n", "routes\n", "0 problems"] {
        assert!(fine.out.contains(line), "{line:?} is missing:\n{}", fine.out);
    }

    let late = "self-preservation is active:";
    assert!(!fine.out.contains(late), "nobody is late right after a start:\n{}", fine.out);
    // Everything is here: loopback addresses are as good as any, until somebody is elsewhere.
    let loopback = "the loopback address";
    assert!(fine.out.contains("all on this machine") && !fine.out.contains(loopback), "{}", fine.out);
    let registry = platform.ports[0];
    let far = serde_json::json!({"instance": {
        "instanceId": "far", "hostName": "far", "app": "FAR", "ipAddr": "192.0.2.7", "status": "UP",
        "port": {"$": 80, "@enabled": "true"},
        "dataCenterInfo": {"@class": "com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo", "name": "MyOwn"},
    }});
    let request = http1::Request::new("POST", "/eureka/apps/FAR").json(&far);
    assert_eq!(request.send(registry).unwrap().status, 204);
    let warned = platform.ask(&["check"]).out;
    let lines: Vec<_> = warned.lines().filter(|line| line.contains(loopback)).collect();
    assert!(lines.len() == 1 && lines[0].contains("FAR far cannot use"), "{warned}");
    let request = http1::Request::new("DELETE", "/eureka/apps/FAR/far");
    assert_eq!(request.send(registry).unwrap().status, 200);

    // Somebody watches the events while an instance is taken out.
    let events = platform.folder.path().join("events.txt");
    let mut watching = command(&[
        "events",
        "--follow",
        "--topics",
        "registry,admin",
        "-n",
        "1",
        "--count",
        "1",
        "-o",
        "ndjson",
    ]);
    watching
        .args(["--server", &platform.admin, "--query", "disk swap"])
        .stdout(std::fs::File::create(&events).unwrap())
        .stderr(Stdio::null());
    let mut watching = Guard::spawn(&mut watching).unwrap();
    let refused = platform.ask(&["drain", "orders", &id]);
    assert_eq!(
        refused.code, 2,
        "without a terminal and --yes nothing is done: {}{}",
        refused.out, refused.err
    );
    // Whether it already listens is seen by what it hears: the order is given until it has.
    poll::until("the event is heard", SOON, || {
        assert_eq!(platform.ask(&["drain", "orders", &id, "--yes", "--reason", "disk swap"]).code, 0);
        watching.ended().is_some()
    });
    let heard: Value = serde_json::from_str(text(&events).lines().last().unwrap()).unwrap();
    assert!(heard.to_string().contains("disk swap"), "{heard}");

    // It is broken now, and the check says what, why and what to do.
    let broken = platform.ask(&["check"]);
    assert_eq!(broken.code, 1, "{}", broken.out);
    let line = broken
        .out
        .lines()
        .find(|line| line.contains("no instance is UP"))
        .unwrap_or_else(|| panic!("{}", broken.out));
    assert!(line.starts_with("  × ") && line.contains("[WS-1922]"), "{line}");
    assert!(broken.out.contains("→ wellspring instances"), "{}", broken.out);
    let listed = platform.json(&["check"]);
    let item = listed["items"].as_array().unwrap().iter().find(|item| item["code"] == "WS-1922").unwrap();
    assert_eq!((&listed["ok"], &item["state"]), (&Value::Bool(false), &Value::from("problem")));

    let past = platform.ask(&["events", "--topics", "registry,admin", "-n", "100", "-o", "ndjson"]);
    assert!(past.code == 0 && past.out.contains("disk swap"), "{}", past.out);
    let past = platform.ask(&["events", "--topics", "registry,admin", "--q", &id]);
    assert!(past.code == 0 && past.out.starts_with("TIME") && past.out.contains(&id), "{}", past.out);
    let picture = platform.ask(&["top"]);
    assert!(
        picture.code == 0 && picture.out.contains("OUT_OF_SERVICE") && picture.out.contains("ROUTE"),
        "{}",
        picture.out
    );

    assert_eq!(platform.ask(&["undrain", "orders", &id, "--yes"]).code, 0);
    poll::until("it is mended", SOON, || platform.ask(&["check"]).code == 0);
}

#[test]
fn loads_are_bounded_and_give_one_line() {
    let platform = Platform::start(&[]);
    for (what, part, path) in [
        ("registry", "registry", None),
        ("config", "config-server", Some("/orders/default")),
        ("gateway", "gateway", Some("/orders/7")),
    ] {
        let url = platform.url(part);
        let words = ["bench", what, "--url", &url, "--for", "300ms", "-c", "4"];
        let path: Vec<&str> = path.iter().flat_map(|path| ["--path", path]).collect();
        let ended = poll::within(SOON, || {
            let said = said(&mut command(&[&words[..], &path].concat()));
            let one =
                said.out.lines().count() == 1 && said.out.contains(" requests, ") && said.out.contains("p99");
            one && said.code == 0 && said.out.ends_with(" 0 errors\n")
        });
        assert!(ended, "{what}: {}", said(&mut command(&[&words[..], &path].concat())).out);
    }
}

#[test]
fn a_context_brings_address_and_token_and_a_wrong_token_is_refused() {
    let admin = port::free();
    let mut daemon = command(&["registry", "--server.port=0", "--wellspring.admin.token=opensesame"]);
    daemon.arg(format!("--wellspring.admin.address=127.0.0.1:{admin}")).stdout(Stdio::piped());
    let folder = tempfile::tempdir().unwrap();
    let mut daemon = daemon.current_dir(folder.path()).spawn().unwrap();
    let lines = BufReader::new(daemon.stdout.take().unwrap());
    let reader = std::thread::spawn(move || lines.lines().map_while(Result::ok).count());
    let url = format!("http://127.0.0.1:{admin}");
    let contexts = folder.path().join("contexts.json");
    let ask = |words: &[&str]| said(command(words).env("WELLSPRING_CONTEXTS", &contexts));
    poll::until("the admin API answers", SOON, || ask(&["events", "--server", &url]).code == 4);
    let refused = ask(&["events", "--server", &url, "--token", "guess"]);
    assert!(refused.code == 4 && refused.err.contains("error[WS-"), "{}", refused.err);

    assert_eq!(ask(&["context", "add", "prod", &url, "--token", "opensesame"]).code, 0);
    let listed = ask(&["context", "list"]);
    assert!(listed.out.contains("prod") && !listed.out.contains("opensesame"), "{}", listed.out);
    assert_eq!(ask(&["events"]).code, 0, "the first context is the chosen one");
    assert_eq!(
        ask(&["events", "--server", &url]).code,
        4,
        "its token is not shown to addresses that are typed"
    );
    let unknown = ask(&["events", "--context", "test"]);
    assert!(unknown.code == 2 && unknown.err.contains("one of prod"), "{}", unknown.err);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&contexts).unwrap().permissions().mode() & 0o777, 0o600);
    }
    assert_eq!(ask(&["context", "remove", "prod"]).code, 0);
    daemon.kill().unwrap();
    daemon.wait().unwrap();
    reader.join().unwrap();
}
