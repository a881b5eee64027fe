//! Servers that services are registered with: etcd, Consul, ZooKeeper, a Kubernetes API server, a name server.
//!
//! Each has free ports and a directory of its own, which outlives a restart (`stop`, `start`). They speak for themselves:
//! nothing here registers anything.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::process::Guard;
use crate::{http1, poll, port, tools};

const PATIENCE: Duration = Duration::from_secs(180);

/// A server with a directory.
#[derive(Debug)]
pub struct Server {
    kind: Kind,
    ports: [u16; 5],
    scratch: TempDir,
    guard: Option<Guard>,
    /// What a Kubernetes API server keeps its objects in.
    store: Option<Box<Self>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Etcd,
    Consul,
    ZooKeeper,
    Kubernetes,
    Names,
}

impl Kind {
    const fn tool(self) -> &'static str {
        match self {
            Self::Etcd => "etcd",
            Self::Consul => "consul",
            Self::ZooKeeper => "zookeeper",
            Self::Kubernetes => "kubernetes",
            Self::Names => "dnsmasq",
        }
    }
}

impl Server {
    /// `None`, and says so, without the program.
    pub fn etcd(test: &str) -> Option<Self> {
        Self::of(Kind::Etcd, test)
    }

    /// One server, which keeps what it knows.
    pub fn consul(test: &str) -> Option<Self> {
        Self::of(Kind::Consul, test)
    }

    pub fn zookeeper(test: &str) -> Option<Self> {
        Self::of(Kind::ZooKeeper, test)
    }

    /// With an etcd of its own; `TOKEN` may do everything.
    pub fn kubernetes(test: &str) -> Option<Self> {
        if !tools::present(test, &[Kind::Kubernetes.tool()]) {
            return None;
        }
        let store = Self::etcd(test)?;
        let mut server = Self::made(Kind::Kubernetes);
        server.store = Some(Box::new(store));
        server.start();
        Some(server)
    }

    /// Answers for what `dnsmasq` lines such as `srv-host=…` say.
    pub fn names(test: &str, lines: &str) -> Option<Self> {
        if !tools::present(test, &[Kind::Names.tool()]) {
            return None;
        }
        let mut server = Self::made(Kind::Names);
        server.say(lines);
        server.start();
        Some(server)
    }

    fn of(kind: Kind, test: &str) -> Option<Self> {
        if !tools::present(test, &[kind.tool()]) {
            return None;
        }
        let mut server = Self::made(kind);
        server.start();
        Some(server)
    }

    fn made(kind: Kind) -> Self {
        let scratch =
            tempfile::Builder::new().prefix("wellspring-").tempdir().expect("a temporary directory");
        Self { kind, ports: [(); 5].map(|()| port::free()), scratch, guard: None, store: None }
    }

    /// Where clients connect.
    pub fn port(&self) -> u16 {
        self.ports[0]
    }

    pub fn folder(&self) -> &Path {
        self.scratch.path()
    }

    /// The certificate that a Kubernetes API server made for itself.
    pub fn authority(&self) -> PathBuf {
        self.folder().join("kube/apiserver.crt")
    }

    /// Other lines for the name server, from its next start on.
    pub fn say(&self, lines: &str) {
        fs::write(self.folder().join("names.conf"), lines).expect("the name server's lines");
    }

    /// Ends it; its directory stays.
    pub fn stop(&mut self) {
        if let Some(mut guard) = self.guard.take() {
            guard.stop(Duration::from_secs(20));
        }
    }

    /// SIGKILL; its directory stays.
    pub fn kill(&mut self) {
        if let Some(mut guard) = self.guard.take() {
            guard.kill();
        }
    }

    /// Starts it, for the first time or again, and waits until it answers.
    ///
    /// # Panics
    /// When it does not; its log is shown.
    pub fn start(&mut self) {
        let log = self.folder().join("server.log");
        let sink = File::create(&log).expect("a log file");
        let mut command = self.command();
        command.current_dir(self.folder()).stdin(Stdio::null());
        command.stdout(sink.try_clone().expect("a second handle")).stderr(sink);
        self.guard = Some(Guard::spawn(&mut command).expect("the server's program"));
        let answers = poll::within(PATIENCE, || self.is_ready());
        assert!(answers, "{:?} does not answer: {}", self.kind, fs::read_to_string(&log).unwrap_or_default());
    }

    fn is_ready(&self) -> bool {
        let ok = |path| http1::probe(self.port(), path).is_ok_and(|reply| reply.status == 200);
        match self.kind {
            Kind::Etcd => ok("/health"),
            Kind::Consul => {
                http1::probe(self.port(), "/v1/status/leader").is_ok_and(|reply| reply.text().contains("127"))
            }
            Kind::ZooKeeper => http1::probe_all(self.port(), b"ruok").is_ok_and(|said| said == b"imok"),
            // Speaks TLS only: the caller looks for its objects. Its certificate is there before it listens.
            Kind::Kubernetes => {
                self.authority().is_file() && std::net::TcpStream::connect(("127.0.0.1", self.port())).is_ok()
            }
            Kind::Names => std::net::TcpStream::connect(("127.0.0.1", self.port())).is_ok(),
        }
    }

    fn command(&self) -> Command {
        let [first, second, third, fourth, fifth] = self.ports;
        let folder = self.folder();
        let local = |port: u16| format!("http://127.0.0.1:{port}");
        match self.kind {
            Kind::Etcd => {
                let mut command = Command::new("etcd");
                command.arg("--data-dir").arg(folder.join("data"));
                command.args([
                    "--listen-client-urls",
                    &local(first),
                    "--advertise-client-urls",
                    &local(first),
                ]);
                command.args([
                    "--listen-peer-urls",
                    &local(second),
                    "--initial-advertise-peer-urls",
                    &local(second),
                ]);
                command.args(["--initial-cluster", &format!("default={}", local(second))]);
                command
            }
            Kind::Consul => {
                let config = format!(
                    r#"{{"server": true, "bootstrap_expect": 1, "node_name": "n1", "bind_addr": "127.0.0.1", "client_addr": "127.0.0.1",
                    "leave_on_terminate": false, "performance": {{"raft_multiplier": 1}},
                    "ports": {{"http": {first}, "dns": {second}, "serf_lan": {third}, "serf_wan": {fourth}, "server": {fifth}, "grpc": -1}}}}"#
                );
                fs::write(folder.join("consul.json"), config).expect("Consul's settings");
                let mut command = Command::new("consul");
                command.arg("agent").arg("-data-dir").arg(folder.join("data"));
                command.arg("-config-file").arg(folder.join("consul.json"));
                command
            }
            Kind::ZooKeeper => {
                let text = format!(
                    "dataDir={}\nclientPort={first}\nclientPortAddress=127.0.0.1\nadmin.enableServer=false\ntickTime=500\n4lw.commands.whitelist=*\n",
                    folder.join("data").display()
                );
                fs::write(folder.join("zoo.cfg"), text).expect("ZooKeeper's settings");
                let mut command = Command::new("/usr/share/zookeeper/bin/zkServer.sh");
                command.arg("start-foreground").arg(folder.join("zoo.cfg")).env("ZOO_LOG_DIR", folder);
                command.env("JMXDISABLE", "true").env("SERVER_JVMFLAGS", "-Xmx128m -XX:TieredStopAtLevel=1");
                command
            }
            Kind::Kubernetes => self.kubernetes_command(),
            Kind::Names => {
                let mut command = Command::new("dnsmasq");
                command.args([
                    "--keep-in-foreground",
                    "--no-resolv",
                    "--no-hosts",
                    "--no-daemon",
                    "--bind-interfaces",
                ]);
                command.args([
                    "--listen-address=127.0.0.1",
                    "--local-ttl=1",
                    "--local=/test/",
                    "--user=root",
                ]);
                command.arg(format!("--port={first}"));
                command.arg(format!("--conf-file={}", folder.join("names.conf").display()));
                command.arg(format!("--pid-file={}", folder.join("names.pid").display()));
                command
            }
        }
    }

    fn kubernetes_command(&self) -> Command {
        let folder = self.folder().join("kube");
        fs::create_dir_all(&folder).expect("a directory");
        fs::write(folder.join("tokens.csv"), format!("{TOKEN},admin,1,\"system:masters\"\n"))
            .expect("tokens");
        let key = folder.join("sa.key");
        if !key.exists() {
            let made = Command::new("openssl").args(["genrsa", "-out"]).arg(&key).arg("2048").output();
            assert!(made.is_ok_and(|made| made.status.success()), "openssl genrsa");
        }
        let mut command = Command::new("kube-apiserver");
        let store = self.store.as_ref().map_or(0, |store| store.port());
        let at = |name: &str, path: &Path| format!("--{name}={}", path.display());
        command.args([
            format!("--etcd-servers=http://127.0.0.1:{store}"),
            format!("--secure-port={}", self.port()),
        ]);
        command.args(["--bind-address=127.0.0.1", "--advertise-address=127.0.0.1"]);
        command
            .args(["--service-cluster-ip-range=10.240.0.0/24", "--service-account-issuer=https://kube.test"]);
        command.args([at("cert-dir", &folder), at("token-auth-file", &folder.join("tokens.csv"))]);
        command.args([at("service-account-key-file", &key), at("service-account-signing-key-file", &key)]);
        command.args(["--authorization-mode=RBAC", "--disable-admission-plugins=ServiceAccount"]);
        command
    }
}

/// Whom the Kubernetes API server lets do everything.
pub const TOKEN: &str = "test-admin";
