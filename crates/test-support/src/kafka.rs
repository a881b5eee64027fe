//! A Kafka of one's own: one node, free ports, own directory. Its jars come by Maven, once (`tests/originals/kafka`).

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::process::Guard;
use crate::{poll, port, spring, tools};

/// What a new node is named; any 16 bytes in base64 do.
const CLUSTER: &str = "d2VsbHNwcmluZy10ZXN0cw";

/// A Kafka broker; what it holds is gone when it is dropped.
#[derive(Debug)]
pub struct Kafka {
    guard: Guard,
    port: u16,
    classes: String,
    scratch: TempDir,
}

impl Kafka {
    /// `None`, and a line that says so, without a JDK and Maven.
    ///
    /// # Panics
    /// When it does not answer within five minutes: five seconds are usual, on a busy machine it is more.
    pub fn start(test: &str) -> Option<Self> {
        if !tools::present(test, &["java"]) {
            return None;
        }
        let jar = spring::jar_of("tests/originals/kafka", "kafka");
        let classes = format!("{}/*", jar.with_file_name("lib").display());
        let scratch =
            tempfile::Builder::new().prefix("wellspring-kafka-").tempdir().expect("a temporary directory");
        let (port, controller) = (port::free(), port::free());
        let folder = scratch.path().display();
        let settings = format!(
            "process.roles=broker,controller\nnode.id=1\ncontroller.quorum.voters=1@127.0.0.1:{controller}\n\
             listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}\n\
             advertised.listeners=PLAINTEXT://127.0.0.1:{port}\ncontroller.listener.names=CONTROLLER\n\
             listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT\nlog.dirs={folder}/data\n\
             offsets.topic.replication.factor=1\noffsets.topic.num.partitions=1\n\
             transaction.state.log.replication.factor=1\ntransaction.state.log.min.isr=1\n\
             auto.create.topics.enable=false\ngroup.initial.rebalance.delay.ms=0\n"
        );
        fs::write(scratch.path().join("server.properties"), settings).expect("server.properties");
        let format = ["kafka.tools.StorageTool", "format", "-t", CLUSTER, "-c", "server.properties"];
        let formatted = java(&classes, scratch.path()).args(format).status().expect("java");
        assert!(formatted.success(), "Kafka's directory: {formatted}");
        let guard = Self::spawn(&classes, scratch.path());
        let mut kafka = Self { guard, port, classes, scratch };
        kafka.await_ready();
        Some(kafka)
    }

    fn spawn(classes: &str, folder: &Path) -> Guard {
        Guard::spawn(java(classes, folder).args(["kafka.Kafka", "server.properties"])).expect("java")
    }

    fn await_ready(&mut self) {
        let ready = poll::within(Duration::from_secs(300), || {
            assert!(self.guard.ended().is_none(), "Kafka ended while starting: {}", self.log());
            std::net::TcpStream::connect(("127.0.0.1", self.port)).is_ok()
        });
        assert!(ready, "Kafka does not answer: {}", self.log());
    }

    fn log(&self) -> String {
        fs::read_to_string(self.scratch.path().join("stdout.log")).unwrap_or_default()
    }

    /// `127.0.0.1:PORT`, for `spring.kafka.bootstrap-servers`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// SIGKILL: connections break, the port refuses, topics stay on disk.
    pub fn crash(&mut self) {
        self.guard.kill();
    }

    /// After a crash: on the same ports, with its data.
    pub fn restart(&mut self) {
        self.guard = Self::spawn(&self.classes, self.scratch.path());
        self.await_ready();
    }
}

/// A small JVM with Kafka's classes.
fn java(classes: &str, folder: &Path) -> Command {
    let log = File::options().create(true).append(true).open(folder.join("stdout.log")).expect("a log file");
    let mut command = Command::new("java");
    command
        .args(["-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"])
        .args(["-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", classes])
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(log.try_clone().expect("a second handle"))
        .stderr(log);
    command
}
