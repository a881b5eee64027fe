//! A whole platform in one process with something wrong of every kind: an instance that is down, a commit that is refused, a
//! route that cannot be built, a breaker that is open.

use std::fs::{self, File};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use wellspring_test_support::eureka::Member;
use wellspring_test_support::http1::{self, Request};
use wellspring_test_support::process::Guard;
use wellspring_test_support::{HttpRemote, Repository, binaries, poll, port};

pub(crate) const SOON: Duration = Duration::from_secs(120);

const PARTS: [&str; 6] = ["registry", "config-server", "gateway", "bus", "inventory", "orders"];

pub(crate) struct Platform {
    pub(crate) guard: Guard,
    folder: tempfile::TempDir,
    repository: Repository,
    _remote: HttpRemote,
    pub(crate) admin: u16,
    ports: [u16; 6],
}

/// `dead` is a port on which nobody listens.
fn settings(dead: u16, repository: &str) -> String {
    format!(
        r#"
spring.cloud.gateway.server.webflux.routes:
- {{id: orders, uri: "lb://orders", predicates: ["Path=/orders/**"], filters: [{{name: RequestRateLimiter, args: {{key-resolver: '#{{@ipKeyResolver}}', redis-rate-limiter.replenishRate: 1000, redis-rate-limiter.burstCapacity: 2000}}}}]}}
- {{id: stock, uri: "lb://inventory", predicates: ["Path=/inventory/**", "Method=GET"], filters: ["StripPrefix=1", "AddRequestHeader=X-Shop, tea"]}}
- {{id: pay, uri: "http://127.0.0.1:{dead}", predicates: ["Path=/pay/**"], filters: ["CircuitBreaker=payments"]}}
wellspring.gateway.resilience4j.circuitbreaker.instances.payments: {{sliding-window-size: 10, minimum-number-of-calls: 5, wait-duration-in-open-state: 10m}}
management.endpoints.web.exposure.include: "*"
encrypt.key: only-for-this-test
spring.cloud.config.server.git: {{uri: "{repository}", refresh-rate: 0}}
"#
    )
}

impl Platform {
    pub(crate) fn start(words: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ports = [(); 6].map(|()| port::free());
        let (admin, dead) = (port::free(), port::free());
        let files = [
            ("application.yml", "management.endpoint.health.show-details: always\n"),
            ("orders.yml", "orders:\n  greeting: Hello from the config server\n"),
            ("inventory.yml", "inventory.warehouse: Rotterdam\n"),
        ];
        let repository = Repository::with(&files).unwrap();
        let remote = HttpRemote::start(repository.path().join(".git"), None);
        let config = folder.path().join("application.yml");
        fs::write(&config, settings(dead, &remote.url())).unwrap();
        let output = folder.path().join("output.log");
        let sink = File::create(&output).unwrap();
        let mut command = Command::new(binaries::path("wellspring"));
        command.arg("up").args(["--config", "application.yml"]).args(words);
        command.arg(format!("--wellspring.admin.address=127.0.0.1:{admin}"));
        for (part, port) in PARTS.iter().zip(&ports) {
            command.arg(format!("--wellspring.{part}.server.port={port}"));
        }
        command
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(sink.try_clone().unwrap())
            .stderr(sink);
        let guard = Guard::spawn(&mut command).unwrap();
        let mut platform = Self { guard, folder, repository, _remote: remote, admin, ports };
        let up =
            poll::within(SOON, || platform.said().contains("Ctrl-C") || platform.guard.ended().is_some());
        assert!(up && platform.guard.ended().is_none(), "it does not come up: {}", platform.said());
        platform
    }

    pub(crate) fn said(&self) -> String {
        fs::read_to_string(self.folder.path().join("output.log")).unwrap_or_default()
    }

    pub(crate) fn url(&self, page: &str) -> String {
        format!("http://127.0.0.1:{}/{page}", self.admin)
    }

    pub(crate) fn port(&self, part: &str) -> u16 {
        self.ports[PARTS.iter().position(|known| *known == part).unwrap()]
    }

    pub(crate) fn api(&self, path: &str) -> Value {
        let reply = http1::get(self.admin, &format!("/api/v1{path}")).unwrap();
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
        reply.json()
    }

    /// The repository that the config server fetches.
    pub(crate) fn commit(&self, file: &str, text: &str) -> String {
        Repository::open(self.repository.path()).unwrap().put(file, text).unwrap()
    }

    /// An instance as a client registers it, that nobody has to keep alive for an hour.
    pub(crate) fn register(&self, app: &str, id: &str, status: &str, metadata: Value) {
        let mut member = Member::new(app, id, &[]);
        member.lease = [30, 3600];
        member.metadata = metadata;
        let mut body = member.body();
        body["instance"]["status"] = json!(status);
        let request = Request::new("POST", &format!("/eureka/apps/{app}"));
        let answer = request.header("Accept", "application/json").json(&body).send(self.port("registry"));
        assert_eq!(answer.unwrap().status, 204);
    }

    /// Three instances of which one is down.
    pub(crate) fn break_an_instance(&self) {
        for (id, status) in [("pay-1:8080", "UP"), ("pay-2:8080", "UP"), ("pay-3:8080", "DOWN")] {
            self.register("PAYMENTS", id, status, json!({"zone": "north", "version": "4.2.1"}));
        }
    }

    /// A commit with a line that is no YAML; gives its id.
    pub(crate) fn break_a_commit(&self) -> String {
        let commit = self.commit("orders.yml", "orders:\n  greeting: [Hello\n");
        poll::until("the commit is refused", SOON, || {
            http1::get(self.port("config-server"), "/orders/default").unwrap();
            let found = self.api("/config/repositories");
            found["items"].as_array().unwrap().iter().any(|one| one["rejected"][0]["commit"] == commit)
        });
        commit
    }

    /// The file gets a filter that cannot be built, and is read again.
    pub(crate) fn break_a_route(&self) {
        let file = self.folder.path().join("application.yml");
        let text = fs::read_to_string(&file).unwrap();
        // In one piece: the gateway watches it.
        let draft = file.with_extension("draft");
        fs::write(&draft, text.replace("StripPrefix=1", "StripPrefix=one")).unwrap();
        fs::rename(draft, &file).unwrap();
        let refresh = Request::new("POST", "/actuator/refresh").header("Content-Length", "0");
        poll::until("the routes are refused", SOON, || {
            refresh.send(self.port("gateway")).unwrap();
            self.api("/routes")["refused"]["problem"].is_string()
        });
    }

    /// Calls that are answered.
    pub(crate) fn call_services(&self) {
        poll::until("the routes lead somewhere", SOON, || {
            let status = |path| http1::get(self.port("gateway"), path).unwrap().status;
            status("/orders/7") == 200 && status("/inventory/stock/tea") == 200
        });
        for _ in 0..40 {
            http1::get(self.port("gateway"), "/orders/7").unwrap();
            http1::get(self.port("gateway"), "/inventory/stock/tea").unwrap();
        }
    }

    /// Calls that nobody answers, until the breaker has seen enough.
    pub(crate) fn open_a_breaker(&self) {
        poll::until("the breaker opens", SOON, || {
            http1::get(self.port("gateway"), "/pay/7").unwrap();
            self.api("/resilience")["breakers"]
                .as_array()
                .unwrap()
                .iter()
                .any(|one| one["name"] == "payments" && one["state"] == "OPEN")
        });
    }
}
