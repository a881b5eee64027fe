//! A PostgreSQL and a MariaDB of one's own: free ports, own directories, user `cfg` with password `secret`, database `cfg`.
//!
//! Both refuse to run as root, so under root they run as the user that their package made.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::process::Guard;
use crate::{poll, port, tools};

const PATIENCE: Duration = Duration::from_secs(180);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Postgres,
    MariaDb,
}

/// A database server; what it holds is gone when it is dropped.
#[derive(Debug)]
pub struct Database {
    kind: Kind,
    guard: Guard,
    port: u16,
    scratch: TempDir,
}

impl Database {
    /// `None`, and a line that says so, where PostgreSQL is not installed.
    pub fn postgres(test: &str) -> Option<Self> {
        Self::start(test, Kind::Postgres, "postgresql")
    }

    pub fn mariadb(test: &str) -> Option<Self> {
        Self::start(test, Kind::MariaDb, "mariadb")
    }

    fn start(test: &str, kind: Kind, tool: &str) -> Option<Self> {
        if !tools::present(test, &[tool]) {
            return None;
        }
        let scratch = tempfile::Builder::new().prefix("wellspring-db-").tempdir().expect("a directory");
        // The server's user must get in.
        fs::set_permissions(scratch.path(), fs::Permissions::from_mode(0o777)).expect("permissions");
        let port = port::free();
        kind.create(scratch.path());
        let guard = kind.spawn(scratch.path(), port);
        let mut database = Self { kind, guard, port, scratch };
        database.await_ready();
        if kind == Kind::MariaDb {
            let made = "CREATE DATABASE cfg; CREATE USER cfg@'%' IDENTIFIED BY 'secret'; GRANT ALL ON cfg.* TO cfg@'%'";
            let socket = database.scratch.path().join("socket");
            let root = ["--no-defaults", "-uroot", "-e", made, "-S"];
            run(Command::new("mariadb").args(root).arg(socket));
        }
        Some(database)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Runs statements.
    ///
    /// # Panics
    /// When one fails.
    pub fn run(&self, sql: &str) {
        let port = self.port.to_string();
        match self.kind {
            Kind::Postgres => run(Command::new(postgres("psql"))
                .args(["-q", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", &port, "-U", "cfg"])
                .args(["-d", "postgres", "-c", sql])
                .env("PGPASSWORD", "secret")),
            Kind::MariaDb => run(Command::new("mariadb")
                .args(["--no-defaults", "-ucfg", "-psecret", "-h127.0.0.1", "-P", &port])
                .args(["cfg", "-e", sql])),
        }
    }

    /// SIGKILL: connections break, the port refuses.
    pub fn crash(&mut self) {
        self.guard.kill();
    }

    /// After a crash: on the same port, with its data.
    pub fn restart(&mut self) {
        // PostgreSQL takes a killed predecessor that nobody has reaped yet for one that runs.
        for lock in ["data/postmaster.pid".to_owned(), format!(".s.PGSQL.{}.lock", self.port)] {
            fs::remove_file(self.scratch.path().join(lock)).ok();
        }
        self.guard = self.kind.spawn(self.scratch.path(), self.port);
        self.await_ready();
    }

    /// It accepts connections and answers nothing.
    pub fn freeze(&self) {
        self.guard.freeze();
    }

    pub fn thaw(&self) {
        self.guard.thaw();
    }

    fn await_ready(&mut self) {
        let (folder, port) = (self.scratch.path().to_owned(), self.port.to_string());
        let kind = self.kind;
        let ready = poll::within(PATIENCE, || {
            assert!(self.guard.ended().is_none(), "{kind:?} ended: {}", log(&folder));
            let mut ask = match kind {
                Kind::Postgres => {
                    let mut ask = Command::new(postgres("pg_isready"));
                    ask.args(["-q", "-h", "127.0.0.1", "-p", &port]);
                    ask
                }
                Kind::MariaDb => {
                    let mut ask = Command::new("mariadb");
                    ask.args(["--no-defaults", "-uroot", "-e", "SELECT 1", "-S"]).arg(folder.join("socket"));
                    ask
                }
            };
            ask.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
        });
        assert!(ready, "{kind:?} does not answer: {}", log(&folder));
    }
}

impl Kind {
    fn create(self, folder: &Path) {
        let data = folder.join("data");
        match self {
            Self::Postgres => {
                fs::write(folder.join("password"), "secret\n").expect("a file");
                run(as_user("postgres", &postgres("initdb"))
                    .args(["-N", "-U", "cfg", "-A", "scram-sha-256", "-E", "UTF8", "--locale=C"])
                    .arg("--pwfile")
                    .arg(folder.join("password"))
                    .arg("-D")
                    .arg(data));
            }
            Self::MariaDb => {
                run(as_user("mysql", Path::new("mariadb-install-db"))
                    .args(["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db"])
                    .arg(format!("--datadir={}", data.display())));
            }
        }
    }

    fn spawn(self, folder: &Path, port: u16) -> Guard {
        let log = fs::File::options().create(true).append(true).open(folder.join("log")).expect("a log");
        let data = folder.join("data").display().to_string();
        let mut command = match self {
            Self::Postgres => {
                let mut command = as_user("postgres", &postgres("postgres"));
                command.args(["-D", &data, "-p", &port.to_string(), "-c", "listen_addresses=127.0.0.1"]);
                command.args(["-c", "fsync=off", "-k"]).arg(folder);
                command
            }
            Self::MariaDb => {
                let mut command = as_user("mysql", Path::new("mariadbd"));
                command.args(["--no-defaults", "--bind-address=127.0.0.1", "--skip-name-resolve"]);
                command.arg(format!("--datadir={data}")).arg(format!("--port={port}"));
                command.arg(format!("--socket={}", folder.join("socket").display()));
                command.arg(format!("--pid-file={}", folder.join("data/pid").display()));
                command
            }
        };
        command.stdin(Stdio::null()).stdout(log.try_clone().expect("a second handle")).stderr(log);
        Guard::spawn(&mut command).expect("a database server")
    }
}

/// Programs of PostgreSQL lie in a directory of their version.
fn postgres(program: &str) -> PathBuf {
    tools::find(&format!("/usr/lib/postgresql/*/bin/{program}"))
        .or_else(|| tools::find(program))
        .unwrap_or_else(|| PathBuf::from(program))
}

fn as_user(user: &str, program: &Path) -> Command {
    if !rustix::process::geteuid().is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("runuser");
    command.args(["-u", user, "--"]).arg(program);
    command
}

fn run(command: &mut Command) {
    let output = command.current_dir("/").stdin(Stdio::null()).output().expect("a program of the database");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
}

fn log(folder: &Path) -> String {
    fs::read_to_string(folder.join("log")).unwrap_or_default()
}
