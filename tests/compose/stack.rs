//! The cluster of the compose file: a checkout of its own, its containers, their health, their deaths.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use wellspring_test_support::{http1, poll, tools};

use crate::{GATEWAYS, load};

const PROJECT: &str = "wellspring-compose";
const REGISTRIES: [u16; 2] = [8761, 8762];
/// What an image may add to its base.
const IMAGE_MB: f64 = 40.0;
const PROGRAMS: [&str; 6] = [
    "wellspring-registry",
    "wellspring-config-server",
    "wellspring-gateway",
    "wellspring-bus",
    "orders",
    "inventory",
];

#[derive(Debug, Clone)]
pub(crate) struct Container {
    pub(crate) service: String,
    id: String,
    started: String,
}

#[derive(Debug)]
pub(crate) struct Image {
    pub(crate) name: String,
    pub(crate) own_mb: f64,
}

pub(crate) struct Stack {
    checkout: PathBuf,
    /// Instances by application, as the registries had them in calm.
    members: RefCell<BTreeMap<String, usize>>,
    restarts: RefCell<BTreeMap<String, u64>>,
}

// === impl Stack ===

impl Stack {
    /// The last commit, as anybody would clone it. With `BUILD=prebuilt` finished programs are put where a build leaves them.
    pub(crate) fn check_out() -> Self {
        let checkout = tools::root().join("target/compose/checkout");
        if checkout.exists() {
            fs::remove_dir_all(&checkout).unwrap();
        }
        fs::create_dir_all(checkout.parent().unwrap()).unwrap();
        let (from, to) = (tools::root(), checkout.to_string_lossy().into_owned());
        said(
            Command::new("git")
                .args(["clone", "--quiet", "--depth=1"])
                .arg(format!("file://{}", from.display()))
                .arg(&to),
        );
        if let Some(finished) = std::env::var_os("WELLSPRING_BIN_DIR") {
            let target = checkout.join("target/release");
            fs::create_dir_all(&target).unwrap();
            for program in PROGRAMS {
                fs::copy(from.join(&finished).join(program), target.join(program)).unwrap();
            }
        }
        let stack = Self { checkout, members: RefCell::default(), restarts: RefCell::default() };
        stack.down();
        stack
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.checkout
    }

    pub(crate) fn up(&self) {
        said(&mut self.compose(&["up", "-d", "--build"]));
    }

    /// Services of a profile; to name them is to want them.
    pub(crate) fn up_also(&self, services: &[&str]) {
        said(&mut self.compose(&[&["up", "-d"], services].concat()));
    }

    fn down(&self) {
        said(&mut self.compose(&["down", "--volumes", "--remove-orphans"]));
    }

    /// `docker compose` where there is one, else `docker-compose`.
    fn compose(&self, words: &[&str]) -> Command {
        let is_plugin = docker(&["compose", "version"]).output().is_ok_and(|output| output.status.success());
        let mut command =
            if is_plugin { docker(&["compose"]) } else { environment(Command::new("docker-compose")) };
        command.args(["--project-name", PROJECT]).args(words).current_dir(&self.checkout);
        if std::env::var_os("WELLSPRING_BIN_DIR").is_some() {
            command.env("BUILD", "prebuilt");
        }
        // As docs/start.md says of the profile with Zipkin; who listens there is started last.
        command.env("TRACES", "true");
        command
    }

    /// Every container of the default profile, in the order of their names.
    pub(crate) fn containers(&self) -> Vec<Container> {
        let label = format!("label=com.docker.compose.project={PROJECT}");
        let ids = said(&mut docker(&["ps", "--all", "--quiet", "--no-trunc", "--filter", &label]));
        let mut all: Vec<Container> = ids.split_whitespace().map(Container::read).collect();
        all.sort_by(|one, other| one.service.cmp(&other.service));
        all
    }

    /// The program dies as in a crash: whoever asks Docker to kill it is taken at their word, and it stays dead.
    pub(crate) fn crash(&self, victim: &Container) {
        *self.restarts.borrow_mut().entry(victim.service.clone()).or_default() += 1;
        let process = inspect(&victim.id)["State"]["Pid"].to_string();
        let kill = format!("kill -9 {process}");
        let helper = ["run", "--rm", "--pid=host", "debian:bookworm-slim", "sh", "-c", &kill];
        said(&mut docker(&helper));
    }

    pub(crate) fn until_started_again(&self, victim: &Container, limit: Duration) {
        let again = poll::within(limit, || {
            let state = &inspect(&victim.id)["State"];
            state["Running"] == true && state["StartedAt"] != victim.started.as_str()
        });
        assert!(again, "{} was not started again", victim.service);
    }

    /// Every container is healthy, the registries have everybody, both gateways answer everything several times in a row.
    pub(crate) fn until_settled(&self, what: &str, limit: Duration) {
        let mut complaint = None;
        let settled = poll::within(limit, || {
            complaint = self.complaint();
            complaint.is_none()
        });
        assert!(settled, "{what}: not after {limit:?}: {}\n{}", complaint.unwrap_or_default(), self.logs());
    }

    fn complaint(&self) -> Option<String> {
        for container in self.containers() {
            let state = &inspect(&container.id)["State"];
            if state["Health"]["Status"] != "healthy" {
                return Some(format!(
                    "{} is {} and {}",
                    container.service, state["Status"], state["Health"]["Status"]
                ));
            }
        }
        let members = self.members.borrow();
        for port in REGISTRIES {
            let Some(seen) = registered(port) else {
                return Some(format!("registry {port} does not answer"));
            };
            if !members.is_empty() && seen != *members {
                return Some(format!("registry {port} has {seen:?}, not {members:?}"));
            }
        }
        for (port, path) in
            GATEWAYS.into_iter().flat_map(|port| load::paths(false).into_iter().map(move |path| (port, path)))
        {
            for _ in 0..4 {
                match http1::get(port, path) {
                    Ok(reply) if reply.status == 200 => {}
                    Ok(reply) => return Some(format!("{port}{path}: {} {}", reply.status, reply.text())),
                    Err(error) => return Some(format!("{port}{path}: {error}")),
                }
            }
        }
        None
    }

    /// Once both registries agree on who is there, that is whom they must have after every death.
    pub(crate) fn remember_members(&self) {
        poll::until("the registries agree on two of each service", Duration::from_secs(60), || {
            let seen = REGISTRIES.map(registered);
            let is_whole = |seen: &BTreeMap<String, usize>| {
                ["ORDERS", "INVENTORY"].iter().all(|service| seen.get(*service) == Some(&2))
            };
            seen[0] == seen[1] && seen[0].as_ref().is_some_and(is_whole)
        });
        *self.members.borrow_mut() = registered(REGISTRIES[0]).unwrap();
        println!("registered: {:?}", self.members.borrow());
    }

    /// Not root, a file system that cannot be written, the program's own health check; little more than the base.
    pub(crate) fn judge_images(&self) -> Vec<Image> {
        let base = size("debian:bookworm-slim");
        let mut images = BTreeMap::new();
        for container in self.containers() {
            let facts = inspect(&container.id);
            let Some(name) =
                facts["Config"]["Image"].as_str().filter(|image| image.starts_with("wellspring/"))
            else {
                continue;
            };
            let service = &container.service;
            assert_eq!(facts["Config"]["User"], "wellspring", "{service} runs as somebody else");
            assert_eq!(
                facts["HostConfig"]["ReadonlyRootfs"], true,
                "{service} can write its own file system"
            );
            let check = &facts["Config"]["Healthcheck"]["Test"];
            assert_eq!(check[1], "/usr/local/bin/service", "{service}: {check}");
            let own_mb = (size(name) - base) / 1e6;
            assert!(own_mb <= IMAGE_MB, "{name} adds {own_mb:.1} MB to its base");
            images.insert(name.to_owned(), own_mb);
        }
        assert_eq!(images.len(), PROGRAMS.len(), "{images:?}");
        images.into_iter().map(|(name, own_mb)| Image { name, own_mb }).collect()
    }

    /// Containers that started again more often than they were killed.
    pub(crate) fn refused_containers(&self) -> Vec<String> {
        let killed = self.restarts.borrow();
        let more = |container: &Container| {
            inspect(&container.id)["RestartCount"].as_u64()
                > Some(killed.get(&container.service).copied().unwrap_or(0))
        };
        self.containers().into_iter().filter(more).map(|container| container.service).collect()
    }

    /// The report stays beside the checkout.
    pub(crate) fn keep(&self, report: &str) {
        fs::write(self.checkout.with_file_name("report.md"), report).unwrap();
    }

    fn logs(&self) -> String {
        said(&mut self.compose(&["logs", "--tail=15"]))
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        // Looked at by hand after a failure: COMPOSE_KEEP=true leaves everything as it is.
        if std::env::var_os("COMPOSE_KEEP").is_none() {
            self.compose(&["down", "--volumes", "--remove-orphans"]).output().ok();
        }
    }
}

// === impl Container ===

impl Container {
    fn read(id: &str) -> Self {
        let facts = inspect(id);
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Self {
            service: text(&facts["Config"]["Labels"]["com.docker.compose.service"]),
            id: id.to_owned(),
            started: text(&facts["State"]["StartedAt"]),
        }
    }
}

fn inspect(id: &str) -> Value {
    let all: Value = serde_json::from_str(&said(&mut docker(&["inspect", id]))).unwrap();
    all[0].clone()
}

fn size(image: &str) -> f64 {
    said(&mut docker(&["image", "inspect", "--format", "{{.Size}}", image])).trim().parse().unwrap()
}

fn registered(port: u16) -> Option<BTreeMap<String, usize>> {
    let asked = http1::Request::new("GET", "/eureka/apps").header("Accept", "application/json");
    let reply = asked.send(port).ok().filter(|reply| reply.status == 200)?;
    let apps = reply.json()["applications"]["application"].as_array()?.clone();
    let up = |app: &Value| {
        app["instance"].as_array().map_or(0, |all| all.iter().filter(|one| one["status"] == "UP").count())
    };
    Some(apps.iter().map(|app| (app["name"].as_str().unwrap_or_default().to_owned(), up(app))).collect())
}

fn docker(words: &[&str]) -> Command {
    let mut command = environment(Command::new("docker"));
    command.args(words);
    command
}

/// BuildKit, asked for in the words of both generations; the distribution's client brings its own.
fn environment(mut command: Command) -> Command {
    let path = std::env::var_os("PATH").unwrap_or_default();
    command
        .env("PATH", format!("/usr/bin:{}", path.to_string_lossy()))
        .env("DOCKER_BUILDKIT", "1")
        .env("COMPOSE_DOCKER_CLI_BUILD", "1");
    command
}

/// What a command printed.
fn said(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {complaint}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
