//! Clients of the originals in other languages, unchanged from their package registries, use the platform.
//!
//! The scripts in `eureka-py/` and `config-js/` only drive a client; what must hold is written here. Packages are installed
//! once below `target/interop`. Without Python or Node a test says so and is left out (in CI it fails).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests"
)]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use wellspring_test_support::{Daemon, Launch, Repository, http1, packages, poll, tools};

const SOON: Duration = Duration::from_secs(90);

// === Python, registry ===

#[test]
fn python_services_register_find_and_leave_one_another() {
    if !tools::present("python_services_register_find_and_leave_one_another", &["python"]) {
        return;
    }
    let python = python();
    let registry = registry();
    let mut provider = Service::start(&python, &registry, "py-provider", &[]);
    let own = "/eureka/apps/PY-PROVIDER/py-provider-1";

    let instance = &apps(&registry, own).unwrap()["instance"];
    assert_eq!(instance["status"], "UP");
    assert_eq!(instance["port"], json!({"$": provider.port, "@enabled": "true"}));
    assert_eq!(instance["metadata"]["language"], "python");
    assert_eq!(instance["leaseInfo"]["durationInSecs"], 5);
    let renewed = |value: &Value| value["instance"]["leaseInfo"]["lastRenewalTimestamp"].as_i64();
    let first = renewed(&apps(&registry, own).unwrap());
    poll::until("a heartbeat", SOON, || apps(&registry, own).and_then(|value| renewed(&value)) > first);

    let mut consumer = Service::start(&python, &registry, "py-consumer", &["fetch"]);
    poll::until("a call by name", SOON, || !consumer.ask("call py-provider /hello?x=1").is_null());
    let answer = consumer.ask("call py-provider /hello?x=1");
    assert_eq!(answer, json!({"service": "py-provider", "path": "/hello?x=1"}));

    provider.ask("status OUT_OF_SERVICE");
    let instance = &apps(&registry, own).unwrap()["instance"];
    assert_eq!(
        (&instance["status"], &instance["overriddenStatus"]),
        (&json!("OUT_OF_SERVICE"), &json!("OUT_OF_SERVICE"))
    );
    poll::until("the delta takes it out", SOON, || consumer.ask("call py-provider /").is_null());
    provider.ask("lift");
    provider.ask("register");
    poll::until("UP again", SOON, || apps(&registry, own).is_some_and(|v| v["instance"]["status"] == "UP"));
    poll::until("the delta brings it back", SOON, || !consumer.ask("call py-provider /").is_null());

    provider.ask("stop");
    assert_eq!(apps(&registry, own), None, "it has left");
    poll::until("the consumer no longer finds it", SOON, || consumer.ask("call py-provider /").is_null());
    consumer.ask("stop");
    assert_eq!(apps(&registry, "/eureka/apps").unwrap()["applications"]["application"], json!([]));
}

#[test]
fn a_python_service_that_dies_is_evicted() {
    if !tools::present("a_python_service_that_dies_is_evicted", &["python"]) {
        return;
    }
    let registry = registry();
    let mut service = Service::start(&python(), &registry, "py-mortal", &[]);
    assert!(apps(&registry, "/eureka/apps/PY-MORTAL").is_some());
    service.process.kill().unwrap();
    // A lease lives for twice its duration, as in the original.
    poll::until("eviction", SOON, || apps(&registry, "/eureka/apps/PY-MORTAL").is_none());
}

fn registry() -> Daemon {
    let config = "
        eureka:
          client: { register-with-eureka: false, fetch-registry: false }
          server:
            enable-self-preservation: false
            eviction-interval-timer-in-ms: 500
            use-read-only-response-cache: false
    ";
    Launch::new("wellspring-registry").yaml(config).start()
}

fn apps(registry: &Daemon, path: &str) -> Option<Value> {
    let reply =
        http1::Request::new("GET", path).header("Accept", "application/json").send(registry.port()).unwrap();
    (reply.status == 200).then(|| reply.json())
}

/// A Python process that answers each command with one JSON line.
struct Service {
    process: Child,
    commands: ChildStdin,
    answers: BufReader<ChildStdout>,
    port: u64,
}

impl Service {
    fn start(python: &Path, registry: &Daemon, name: &str, options: &[&str]) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("interop/eureka-py/service.py");
        let mut command = Command::new(python);
        command.arg(script).arg(registry.url("/eureka/")).arg(name).args(options);
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let commands = process.stdin.take().unwrap();
        let mut answers = BufReader::new(process.stdout.take().unwrap());
        let port = read(&mut answers)["port"].as_u64().unwrap();
        Self { process, commands, answers, port }
    }

    fn ask(&mut self, command: &str) -> Value {
        writeln!(self.commands, "{command}").unwrap();
        self.commands.flush().unwrap();
        read(&mut self.answers)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

fn read(answers: &mut impl BufRead) -> Value {
    let mut line = String::new();
    answers.read_line(&mut line).unwrap();
    serde_json::from_str(&line).unwrap_or_else(|error| panic!("the Python service said {line:?}: {error}"))
}

fn python() -> PathBuf {
    packages::python(
        "eureka",
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("interop/eureka-py/requirements.txt"),
    )
}

// === Node, config server ===

#[test]
fn a_node_application_reads_its_configuration() {
    if !tools::present("a_node_application_reads_its_configuration", &["node"]) {
        return;
    }
    let node = Node::install();
    let mut repository = Repository::with(&[
        ("application.yml", "owner: platform\nlimits: { small: 10 }\n"),
        (
            "shop.yml",
            "shop:\n  title: Shop\n  open: true\n  ratio: 0.25\n  currencies: [EUR, USD]\n  sizes: [{ name: s, max: 1 }, { name: l, max: 9 }]\n\
             \x20 greeting: Hello ${USER_NAME:nobody}\nforced: by file\n",
        ),
        ("shop-dev.yml", "shop:\n  title: Shop (dev)\n  currencies: [GBP]\n"),
    ])
    .unwrap();
    repository.branch("feature/sale").unwrap();
    repository.put("shop.yml", "shop:\n  title: Sale\n").unwrap();
    repository.checkout("main").unwrap();
    let config = format!(
        "spring.cloud.config.server:\n  git.uri: {}\n  overrides: {{ forced: by server }}\n",
        repository.uri()
    );
    let server = Launch::new("wellspring-config-server").yaml(&config).start();
    let load = |options: Value| node.load(&server, options);

    let plain = load(json!({"name": "shop"}));
    assert_eq!(
        plain["config"],
        json!({
            "shop": {
                "title": "Shop", "open": true, "ratio": 0.25, "currencies": ["EUR", "USD"],
                "sizes": [{"name": "s", "max": 1}, {"name": "l", "max": 9}],
                "greeting": "Hello ${USER_NAME:nobody}"
            },
            "forced": "by server", "owner": "platform", "limits": {"small": 10}
        })
    );
    assert_eq!(plain["raw"]["profiles"], json!(["default"]));
    assert_eq!(plain["raw"]["version"].as_str().map(str::len), Some(40));
    assert_eq!(source_names(&plain), ["overrides", "shop.yml", "application.yml"]);

    let dev = load(json!({"name": "shop", "profiles": ["dev", "local"]}));
    assert_eq!(dev["config"]["shop"]["title"], "Shop (dev)");
    assert_eq!(dev["config"]["shop"]["currencies"], json!(["GBP"]));
    assert_eq!(source_names(&dev), ["overrides", "shop-dev.yml", "shop.yml", "application.yml"]);

    let sale = load(json!({"name": "shop", "label": "feature(_)sale"}));
    assert_eq!(
        (&sale["config"]["shop"]["title"], &sale["raw"]["label"]),
        (&json!("Sale"), &json!("feature/sale"))
    );
    let filled = load(json!({"name": "shop", "context": {"USER_NAME": "Ada"}}));
    assert_eq!(filled["config"]["shop"]["greeting"], "Hello Ada");
    assert_eq!(load(json!({"name": "nobody"}))["config"]["owner"], "platform");
    let unknown = load(json!({"name": "shop", "label": "nowhere"}));
    assert!(unknown["error"].as_str().is_some_and(|text| text.contains("404")), "{unknown}");

    repository.put("shop.yml", "shop:\n  title: New\n").unwrap();
    assert_eq!(load(json!({"name": "shop"}))["config"]["shop"]["title"], "New", "a commit is seen at once");

    // With a password, and a value that the server decrypts.
    let config =
        format!("{config}encrypt.key: k\nspring.security.user: {{ name: ada, password: lovelace }}\n");
    let closed = Launch::new("wellspring-config-server").yaml(&config).start();
    let login = "Basic YWRhOmxvdmVsYWNl";
    let cipher = http1::Request::new("POST", "/encrypt")
        .header("Content-Type", "text/plain")
        .header("Authorization", login)
        .body("Secret shop");
    let cipher = cipher.send(closed.port()).unwrap().text();
    repository.put("shop.yml", &format!("shop:\n  title: '{{cipher}}{cipher}'\n")).unwrap();
    let refused = node.load(&closed, json!({"name": "shop"}));
    assert!(refused["error"].as_str().is_some_and(|text| text.contains("401")), "{refused}");
    let known = json!({"name": "shop", "auth": {"user": "ada", "pass": "lovelace"}});
    assert_eq!(node.load(&closed, known)["config"]["shop"]["title"], "Secret shop");
}

fn source_names(loaded: &Value) -> Vec<String> {
    let name =
        |source: &Value| source["name"].as_str().and_then(|name| name.rsplit('/').next()).map(str::to_owned);
    loaded["raw"]["propertySources"].as_array().unwrap().iter().filter_map(name).collect()
}

/// A directory with the client installed.
struct Node(PathBuf);

impl Node {
    fn install() -> Self {
        let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("interop/config-js");
        let folder = packages::node("config", &own.join("package.json"));
        fs::copy(own.join("load.js"), folder.join("load.js")).unwrap();
        Self(folder)
    }

    fn load(&self, server: &Daemon, mut options: Value) -> Value {
        options["endpoint"] = server.url("").into();
        let output = Command::new("node")
            .arg("load.js")
            .arg(options.to_string())
            .current_dir(&self.0)
            .output()
            .unwrap();
        serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)))
    }
}
