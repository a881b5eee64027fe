//! A real OpenID Connect issuer (npm `oauth2-mock-server`) of the test's own.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use wellspring_test_support::http1::Request;
use wellspring_test_support::process::Guard;
use wellspring_test_support::{packages, tools};

/// Runs until it is dropped.
pub(crate) struct Issuer {
    port: u16,
    control: u16,
    guard: Guard,
}

impl Issuer {
    /// `None`, and said so, without Node.
    pub(crate) fn start(test: &str) -> Option<Self> {
        if !tools::present(test, &["node"]) {
            return None;
        }
        let folder = tools::root().join("tests/interop/oidc-js");
        let packages = packages::node("oidc", &folder.join("package.json"));
        let mut command = Command::new("node");
        command.arg(folder.join("issuer.mjs")).current_dir(packages);
        let (reader, writer) = std::io::pipe().unwrap();
        command.stdin(Stdio::null()).stdout(writer).stderr(Stdio::inherit());
        let guard = Guard::spawn(&mut command).unwrap();
        drop(command);
        let mut line = String::new();
        BufReader::new(reader).read_line(&mut line).unwrap();
        let ports: Value = serde_json::from_str(&line).expect("the issuer says its ports");
        let port = |name: &str| u16::try_from(ports[name].as_u64().unwrap()).unwrap();
        Some(Self { port: port("port"), control: port("control"), guard })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn steer(&self, path: &str, body: &Value) -> Value {
        let reply = Request::new("POST", path).json(body).send(self.control).unwrap();
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply.json()
    }

    /// A token of that shape, as `issuer.mjs` describes it.
    pub(crate) fn token(&self, shape: &Value) -> String {
        self.steer("/token", shape)["token"].as_str().unwrap().to_owned()
    }

    /// A token by client credentials, as a client gets it.
    pub(crate) fn client_credentials(&self, scope: &str) -> String {
        let reply = Request::new("POST", "/token")
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body(format!("grant_type=client_credentials&scope={scope}"))
            .send(self.port)
            .unwrap();
        reply.json()["access_token"].as_str().unwrap().to_owned()
    }

    /// How often its keys were asked for.
    pub(crate) fn asked(&self) -> u64 {
        self.steer("/count", &json!({}))["asked"].as_u64().unwrap()
    }

    pub(crate) fn kill(&mut self) {
        self.guard.kill();
    }
}
