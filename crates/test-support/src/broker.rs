//! A RabbitMQ and a Redis of one's own: free ports, own directories, nothing shared with a server of the machine.
//!
//! `start` gives `None`, and says so, when the program is missing (with `CI=true` it fails). RabbitMQ takes about ten
//! seconds, so a test program starts one and gives each test a virtual host.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::process::Guard;
use crate::{http1, poll, port, tools};

/// A Redis server; what it holds is gone when it is dropped.
#[derive(Debug)]
pub struct Redis {
    guard: Guard,
    port: u16,
    scratch: TempDir,
}

impl Redis {
    /// # Panics
    /// When it does not answer within a minute.
    pub fn start(test: &str) -> Option<Self> {
        if !tools::present(test, &["redis"]) {
            return None;
        }
        let scratch = tempfile::tempdir().expect("a temporary directory");
        let port = port::free();
        let guard = Self::spawn(port, scratch.path());
        let redis = Self { guard, port, scratch };
        redis.await_ready();
        Some(redis)
    }

    fn spawn(port: u16, folder: &Path) -> Guard {
        let mut command = Command::new("redis-server");
        command.args([
            "--bind",
            "127.0.0.1",
            "--port",
            &port.to_string(),
            "--save",
            "",
            "--appendonly",
            "yes",
            "--dir",
        ]);
        command.arg(folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Guard::spawn(&mut command).expect("redis-server")
    }

    fn await_ready(&self) {
        // It accepts connections before it has read its data, and refuses questions until then.
        poll::until("Redis answers", Duration::from_secs(60), || {
            http1::probe_all(self.port, b"PING\r\n").is_ok_and(|said| said == b"+PONG\r\n")
        });
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// SIGKILL: connections break, the port refuses.
    pub fn crash(&mut self) {
        self.guard.kill();
    }

    /// It accepts connections and answers nothing.
    pub fn freeze(&self) {
        self.guard.freeze();
    }

    pub fn thaw(&self) {
        self.guard.thaw();
    }

    /// After a crash: on the same port, with its data.
    pub fn restart(&mut self) {
        self.guard = Self::spawn(self.port, self.scratch.path());
        self.await_ready();
    }
}

/// A RabbitMQ node with its management API; user and password are `guest`.
#[derive(Debug)]
pub struct Rabbit {
    guard: Guard,
    ports: Ports,
    scratch: TempDir,
}

#[derive(Debug, Clone, Copy)]
struct Ports {
    amqp: u16,
    management: u16,
    distribution: u16,
    mapper: u16,
}

impl Rabbit {
    /// # Panics
    /// When it does not answer within five minutes: ten seconds are usual, on a busy machine it is more.
    pub fn start(test: &str) -> Option<Self> {
        if !tools::present(test, &["rabbitmq"]) {
            return None;
        }
        let scratch =
            tempfile::Builder::new().prefix("wellspring-rabbit-").tempdir().expect("a temporary directory");
        let ports = Ports {
            amqp: port::free(),
            management: port::free(),
            distribution: port::free(),
            mapper: port::free(),
        };
        fs::write(
            scratch.path().join("rabbitmq.conf"),
            format!(
                "listeners.tcp.1 = 127.0.0.1:{}\nmanagement.tcp.ip = 127.0.0.1\nmanagement.tcp.port = {}\nlog.console.level = warning\n",
                ports.amqp, ports.management
            ),
        )
        .expect("rabbitmq.conf");
        fs::write(scratch.path().join("enabled_plugins"), "[rabbitmq_management].\n")
            .expect("enabled_plugins");
        let guard = Self::spawn(ports, scratch.path());
        let mut rabbit = Self { guard, ports, scratch };
        rabbit.await_ready();
        Some(rabbit)
    }

    fn spawn(ports: Ports, folder: &Path) -> Guard {
        let log =
            File::options().create(true).append(true).open(folder.join("stdout.log")).expect("a log file");
        let mut command = Command::new("/usr/lib/rabbitmq/bin/rabbitmq-server");
        Self::surroundings(&mut command, ports, folder);
        command.stdin(Stdio::null()).stdout(log.try_clone().expect("a second handle")).stderr(log);
        Guard::spawn(&mut command).expect("rabbitmq-server")
    }

    /// Node name, directories and ports of its own keep it apart from a broker of the machine.
    fn surroundings(command: &mut Command, ports: Ports, folder: &Path) {
        command
            .env("HOME", folder)
            .env("LANG", "C.UTF-8")
            .env("RABBITMQ_CONF_ENV_FILE", "/dev/null")
            .env("RABBITMQ_NODENAME", format!("t{}@localhost", ports.amqp))
            .env("RABBITMQ_MNESIA_BASE", folder.join("mnesia"))
            .env("RABBITMQ_LOG_BASE", folder.join("log"))
            .env("RABBITMQ_LOGS", "-")
            .env("RABBITMQ_CONFIG_FILE", folder.join("rabbitmq.conf"))
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", folder.join("enabled_plugins"))
            .env("RABBITMQ_PID_FILE", folder.join("pid"))
            .env("RABBITMQ_DIST_PORT", ports.distribution.to_string())
            .env("ERL_EPMD_PORT", ports.mapper.to_string())
            .env("ERL_EPMD_ADDRESS", "127.0.0.1")
            .env(
                "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
                "-kernel inet_dist_use_interface {127,0,0,1} +S 1:1 +sbwt none",
            );
    }

    fn await_ready(&mut self) {
        let ports = self.ports;
        let path = format!("/api/health/checks/port-listener/{}", ports.amqp);
        let ready = poll::within(Duration::from_secs(300), || {
            assert!(self.guard.ended().is_none(), "RabbitMQ ended while starting: {}", self.log());
            management("GET", &path)
                .patience(Duration::from_secs(10))
                .send(ports.management)
                .is_ok_and(|reply| reply.status == 200)
        });
        assert!(ready, "RabbitMQ does not answer: {}", self.log());
    }

    fn log(&self) -> String {
        fs::read_to_string(self.scratch.path().join("stdout.log")).unwrap_or_default()
    }

    pub fn port(&self) -> u16 {
        self.ports.amqp
    }

    pub fn management_port(&self) -> u16 {
        self.ports.management
    }

    /// `amqp://guest:guest@127.0.0.1:PORT/VHOST`; pass `%2f` for the default virtual host.
    pub fn url(&self, vhost: &str) -> String {
        format!("amqp://guest:guest@127.0.0.1:{}/{vhost}", self.ports.amqp)
    }

    /// Makes a virtual host that `guest` may use.
    ///
    /// # Panics
    /// When the management API refuses.
    pub fn vhost(&self, name: &str) {
        let port = self.ports.management;
        let made =
            management("PUT", &format!("/api/vhosts/{name}")).body("").send(port).expect("management API");
        assert!(matches!(made.status, 201 | 204), "vhost {name}: {}", made.text());
        let rights = r#"{"configure":".*","write":".*","read":".*"}"#;
        let set = management("PUT", &format!("/api/permissions/{name}/guest")).body(rights).send(port);
        assert!(set.is_ok_and(|reply| reply.status < 300), "rights on vhost {name}");
    }

    /// Asks the management API.
    ///
    /// # Panics
    /// When it does not answer.
    pub fn manage(&self, method: &str, path: &str) -> http1::Reply {
        management(method, path).send(self.ports.management).expect("management API")
    }

    /// `rabbitmqctl` with arguments, such as `stop_app`.
    pub fn control(&self, arguments: &[&str]) -> bool {
        let mut command = Command::new("/usr/lib/rabbitmq/bin/rabbitmqctl");
        Self::surroundings(&mut command, self.ports, self.scratch.path());
        command.arg("-q").args(arguments).stdin(Stdio::null()).stdout(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    }

    /// SIGKILL: connections break, the port refuses, durable queues stay on disk.
    pub fn crash(&mut self) {
        self.guard.kill();
        self.unmap();
    }

    /// SIGTERM.
    pub fn stop(&mut self) {
        self.guard.stop(Duration::from_secs(30));
    }

    /// After a crash or stop: on the same ports, with its data.
    pub fn restart(&mut self) {
        self.guard = Self::spawn(self.ports, self.scratch.path());
        self.await_ready();
    }

    /// Erlang's port mapper outlives a crashed node and still knows its name. It refuses to end while it believes that the node
    /// lives, so it is asked until it is gone.
    fn unmap(&self) {
        let mapper = self.ports.mapper;
        poll::within(Duration::from_secs(20), || {
            if std::net::TcpStream::connect(("127.0.0.1", mapper)).is_err() {
                return true;
            }
            let mut command = Command::new("epmd");
            command.args(["-port", &mapper.to_string(), "-kill"]).env("ERL_EPMD_ADDRESS", "127.0.0.1");
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().ok();
            false
        });
    }
}

impl Drop for Rabbit {
    fn drop(&mut self) {
        self.guard.kill();
        self.unmap();
    }
}

fn management(method: &str, path: &str) -> http1::Request {
    http1::Request::new(method, path)
        .header("Authorization", "Basic Z3Vlc3Q6Z3Vlc3Q=")
        .header("Content-Type", "application/json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crashed_redis_comes_back_with_its_data() {
        let Some(mut redis) = Redis::start("a_crashed_redis_comes_back_with_its_data") else { return };
        let port = redis.port().to_string();
        let ask = |words: &[&str]| {
            let output = Command::new("redis-cli").args(["-p", &port]).args(words).output().unwrap();
            String::from_utf8(output.stdout).unwrap().trim().to_owned()
        };
        assert_eq!(ask(&["set", "k", "v"]), "OK");
        redis.crash();
        assert_eq!(ask(&["get", "k"]), "");
        redis.restart();
        assert_eq!(ask(&["get", "k"]), "v");
    }
}
