//! What nobody may read: the plain text of a `{cipher}` value, keys, passwords, tokens – in logs at any level, in the administrative
//! API, the actuator, metrics and error bodies. CVE-2026-41004 is the original's case of it.
//!
//! A config server runs with every secret that it can be given, is asked everything that it answers, rightly and wrongly, and
//! then all it has said is searched.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests"
)]

use std::fs;

use serde_json::{Value, json};
use wellspring_test_support::http1::Request;
use wellspring_test_support::{Daemon, Launch, Repository, port, tools};

const TEXT: &str = "plain-text-marker";
const BODY: &str = "decrypt-body-marker";
const KEY: &str = "encrypt-key-marker";
const URI_PASSWORD: &str = "uri-password-marker";
const PASSWORD: &str = "git-password-marker";
const TOKEN: &str = "uri-token-marker";
const PASSPHRASE: &str = "passphrase-marker";
const PROXY: &str = "proxy-password-marker";
const ADMIN: &str = "admin-token-marker";
const HOOK: &str = "hook-secret-marker";
const CLIENT: &str = "client-token-marker";
const STORE: &str = "letmein";
const ENTRY: &str = "changeme";

/// Asks and remembers everything that was answered; answers that must hold plain text are asked with `post` alone.
struct Talk {
    port: u16,
    said: Vec<(String, String)>,
}

impl Talk {
    fn ask(&mut self, request: Request) -> String {
        let what = format!("{} {}", request.method, request.path);
        let request =
            request.header("X-Config-Token", CLIENT).header("Authorization", &format!("Bearer {ADMIN}"));
        let reply = request.send(self.port).unwrap();
        let mut text = format!("{:?}\n{}", reply.headers, reply.text());
        if reply.status == 0 {
            text.clear();
        }
        self.said.push((what, text));
        reply.text()
    }

    fn get(&mut self, path: &str) -> String {
        self.ask(Request::new("GET", path))
    }

    fn post(&self, path: &str, body: &str) -> (u16, String) {
        let reply = Request::new("POST", path)
            .header("Content-Type", "text/plain")
            .body(body)
            .send(self.port)
            .unwrap();
        (reply.status, reply.text())
    }
}

fn actuator(talk: &mut Talk) {
    for path in [
        "/actuator",
        "/actuator/health",
        "/actuator/info",
        "/actuator/env",
        "/actuator/configprops",
        "/actuator/metrics",
        "/actuator/prometheus",
        "/actuator/loggers",
        "/actuator/configclients",
        "/actuator/features",
        "/actuator/threaddump",
        "/actuator/env/encrypt.key",
        "/actuator/env/encrypt.key-store.password",
        "/actuator/env/spring.cloud.config.server.git.password",
        "/actuator/env/spring.cloud.config.server.git.uri",
        "/actuator/env/wellspring.admin.token",
        "/actuator/env/ENCRYPT_KEY",
        "/actuator/env/encrypt.keyStore.secret",
    ] {
        talk.get(path);
    }
}

/// Every question of the administrative API, its parameters guessed.
fn operator(talk: &mut Talk) -> usize {
    let api: Value = serde_json::from_str(&talk.get("/api/v1/openapi.json")).expect("an OpenAPI document");
    let paths: Vec<String> = api["paths"].as_object().unwrap().keys().cloned().collect();
    let mut asked = 0;
    for path in paths.iter().filter(|path| !path.contains("stream")) {
        let mut path = path.clone();
        for (name, value) in [
            ("application", "app"),
            ("name", "app"),
            ("profile", "default"),
            ("profiles", "default"),
            ("label", "main"),
            ("repository", "git"),
        ] {
            path = path.replace(&format!("{{{name}}}"), value);
        }
        talk.get(&path);
        let query = "application=app&name=app&profile=default&profiles=default&label=main&from=HEAD~1&to=HEAD&limit=100";
        talk.get(&format!("{path}?{query}"));
        asked += 1;
    }
    asked
}

/// What is refused, and what a repository that is away answers.
fn ask_wrongly(talk: &mut Talk, cipher: &str) {
    for body in [
        format!("{cipher}00"),
        format!("00{cipher}"),
        format!("{{cipher}}{cipher}"),
        "junk".to_owned(),
        String::new(),
    ] {
        talk.ask(Request::new("POST", "/decrypt").header("Content-Type", "text/plain").body(body));
    }
    for path in [
        "/gone-app/default",
        "/token-app/default",
        "/shell-app/default",
        "/gone-app-default.yml",
        "/token-app/default/main/x.txt",
        "/gone-app/default/nowhere",
        "/app/default/nowhere",
        "/app/../..",
        "/app/broken",
        "/key",
        "/encrypt/status",
        "/app/default/main/.git/config",
        "/nothing",
        "/%00",
        "/app-default.yml?resolvePlaceholders=x",
    ] {
        talk.get(path);
        talk.ask(Request::new("GET", path).header("Accept", "text/html"));
    }
    talk.ask(
        Request::new("POST", "/monitor")
            .header("X-GitHub-Event", "push")
            .header("X-Hub-Signature-256", "sha256=00")
            .json(&json!({})),
    );
    talk.ask(Request::new("POST", "/monitor").json(&json!({"path": "app.yml"})));
}

fn nobody_says(said: &[(String, String)], log: &str, secrets: &[&str]) {
    for secret in secrets {
        for (what, text) in said {
            assert!(!text.contains(secret), "{what} says {secret}: {text}");
        }
        let line = log.lines().find(|line| line.contains(secret));
        assert!(line.is_none(), "the log says {secret}: {}", line.unwrap_or_default());
    }
}

fn start(yaml: &str) -> (Daemon, u16) {
    let admin = port::free();
    let daemon = Launch::new("wellspring-config-server")
        .yaml(&format!(
            "
            logging.level.root: TRACE
            management:
              endpoints.web.exposure.include: '*'
              endpoint.health.show-details: always
            wellspring:
              admin: {{ address: '127.0.0.1:{admin}', token: {ADMIN} }}
              monitor.github.secret: {HOOK}
            {yaml}
            "
        ))
        .arg("--trace")
        .start();
    (daemon, admin)
}

#[test]
fn cve_2026_41004_no_secret_is_said_anywhere() {
    // An upstream that is no Git server, and one that is not there.
    let gone = port::free();
    let mut repository = Repository::with(&[("application.yml", "shared: 1\n")]).unwrap();
    let (daemon, admin) = start(&format!(
        "
            encrypt.key: {KEY}-of-some-length
            spring.cloud.config.server:
              encrypt.plain-text-encrypt: true
              git:
                uri: {}
                username: somebody
                password: {PASSWORD}
                passphrase: {PASSPHRASE}
                proxy.https: {{ host: 127.0.0.1, port: {gone}, username: p, password: {PROXY} }}
                repos:
                  first: {{ pattern: 'gone*', uri: 'http://user:{URI_PASSWORD}@127.0.0.1:{gone}/x.git' }}
                  second: {{ pattern: 'token*', uri: 'https://{TOKEN}@127.0.0.1:{gone}/{{application}}.git' }}
                  third: {{ pattern: 'shell*', uri: 'ssh://user:{URI_PASSWORD}@127.0.0.1:{gone}/x.git', ignore-local-ssh-settings: true, private-key: '-----BEGIN {TOKEN}' }}
              health.repositories:
                good: {{ name: app }}
                gone: {{ name: gone-app }}
        ",
        repository.path().display()
    ));
    let mut talk = Talk { port: daemon.port(), said: Vec::new() };
    let (status, cipher) = talk.post("/encrypt", TEXT);
    assert_eq!(status, 200, "{cipher}");
    for (name, text) in [
        ("app.yml", format!("a: '{{cipher}}{cipher}'\nc: x\n")),
        ("app-dev.properties", format!("p={{cipher}}{cipher}\n")),
        ("note.yml", format!("n: '{{cipher}}{cipher}'\n")),
    ] {
        repository.write(name, text).unwrap();
    }
    repository.commit("secrets").unwrap();
    // What must hold the plain text does, so the search below is for something.
    for path in ["/app/default", "/app-dev.yml", "/app/dev/main/note.yml"] {
        let reply = Request::new("GET", path).send(daemon.port()).unwrap();
        assert!(reply.text().contains(TEXT), "{path}: {}", reply.text());
    }
    assert_eq!(talk.post("/decrypt", &talk.post("/encrypt", BODY).1).1, BODY);
    // Wrong in every way.
    repository.put("app-strange.yml", &format!("b: '{{cipher}}00{cipher}'\n")).unwrap();
    talk.get("/app/broken");
    repository.put("app-broken.yml", &format!("a: '{{cipher}}{cipher}'\n b: {{\n")).unwrap();
    ask_wrongly(&mut talk, &cipher);
    actuator(&mut talk);
    let mut operators = Talk { port: admin, said: Vec::new() };
    assert!(operator(&mut operators) > 3);
    talk.said.extend(operators.said);
    // Environments of applications without secrets were answered above; those with are not among what is searched.
    let secrets = [TEXT, BODY, KEY, URI_PASSWORD, PASSWORD, TOKEN, PASSPHRASE, PROXY, ADMIN, HOOK, CLIENT];
    let said: Vec<_> = talk.said.into_iter().filter(|(what, _)| !what.ends_with("/app/broken")).collect();
    nobody_says(&said, &daemon.log(), &secrets);
}

#[test]
fn no_password_of_a_key_store_is_said_anywhere() {
    let store = tools::root().join("tests/conformance/config/encrypt-keystore/server.jks");
    let served = tempfile::tempdir().unwrap();
    fs::write(served.path().join("app.yml"), "a: '{cipher}{secret:wrong-secret-marker}AQIDBA=='\n").unwrap();
    let (daemon, admin) = start(&format!(
        "
            encrypt.key-store: {{ location: 'file:{}', password: {STORE}, alias: mykey, secret: {ENTRY} }}
            spring.profiles.active: native
            spring.cloud.config.server.native.search-locations: 'file:{}'
        ",
        store.display(),
        served.path().display()
    ));
    let mut talk = Talk { port: daemon.port(), said: Vec::new() };
    let (status, cipher) = talk.post("/encrypt", TEXT);
    assert_eq!(status, 200, "{cipher}");
    assert_eq!(talk.post("/decrypt", &cipher).1, TEXT);
    for path in ["/app/default", "/app-default.yml", "/key", "/encrypt/status", "/x/default/main/nothing.txt"]
    {
        talk.get(path);
    }
    talk.ask(
        Request::new("POST", "/decrypt")
            .header("Content-Type", "text/plain")
            .body(format!("{{key:nobody}}{cipher}")),
    );
    talk.ask(
        Request::new("POST", "/decrypt")
            .header("Content-Type", "text/plain")
            .body(format!("{{secret:other-secret-marker}}{cipher}")),
    );
    actuator(&mut talk);
    let mut operators = Talk { port: admin, said: Vec::new() };
    operator(&mut operators);
    talk.said.extend(operators.said);
    nobody_says(&talk.said, &daemon.log(), &[TEXT, STORE, ENTRY, ADMIN, HOOK, CLIENT, "secret-marker"]);
}

#[test]
fn a_start_that_fails_names_no_secret() {
    let wrong = tools::root().join("tests/conformance/config/encrypt-keystore/server.jks");
    for yaml in [
        format!("encrypt.key: '-----BEGIN RSA PRIVATE KEY----- {KEY}'\n"),
        format!(
            "encrypt.key-store: {{ location: 'file:{}', password: {KEY}, alias: mykey }}\n",
            wrong.display()
        ),
        format!(
            "spring.cloud.config.server.git: {{ uri: 'http://user:{KEY}@127.0.0.1:1/x.git', clone-on-start: true }}\n"
        ),
        format!(
            "spring.cloud.config.server.git: {{ uri: 'nonsense://user:{KEY}@127.0.0.1:1/x.git', clone-on-start: true, timeout: nonsense }}\n"
        ),
    ] {
        let failed = Launch::new("wellspring-config-server").yaml(&yaml).arg("--trace").try_start();
        let log = match failed {
            Ok(daemon) => daemon.log(),
            Err(failure) => failure.log,
        };
        assert!(!log.is_empty() && !log.contains(KEY), "{yaml}\n{log}");
    }
}
