//! A daemon as a process: started on a free port, waited for, its log kept, ended when dropped.
//!
//! ```no_run
//! # use wellspring_test_support::{Launch, http1};
//! let registry = Launch::new("wellspring-registry").yaml("eureka.server.enable-self-preservation: false").start();
//! assert_eq!(http1::get(registry.port(), "/eureka/apps").unwrap().status, 200);
//! ```

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use tokio::time::Instant;

use crate::process::{Guard, cpu_time, resident_kib};
use crate::{binaries, http1, port};

/// Health that is bad for this long is not about to become good, unless a test knows better.
const ILL: Duration = Duration::from_secs(1);

/// How a program is to be started.
#[derive(Debug)]
pub struct Launch {
    program: PathBuf,
    arguments: Vec<OsString>,
    variables: Vec<(OsString, OsString)>,
    config: Config,
    port: u16,
    context_path: String,
    patience: Duration,
    ill: Duration,
    folder: Option<PathBuf>,
}

#[derive(Debug)]
enum Config {
    None,
    File(PathBuf),
    Text(String),
}

impl Launch {
    /// One of the platform's programs, by name.
    pub fn new(name: &str) -> Self {
        Self::program(binaries::path(name))
    }

    /// Any program that takes `SERVER_PORT` and answers `/actuator/health`.
    pub fn program(program: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
            arguments: Vec::new(),
            variables: Vec::new(),
            config: Config::None,
            port: port::free(),
            context_path: String::new(),
            patience: Duration::from_secs(120),
            ill: ILL,
            folder: None,
        }
    }

    /// Handed over as `--config FILE`.
    #[must_use]
    pub fn config(mut self, file: impl Into<PathBuf>) -> Self {
        self.config = Config::File(file.into());
        self
    }

    /// Written to a file and handed over as `--config FILE`.
    #[must_use]
    pub fn yaml(mut self, text: &str) -> Self {
        self.config = Config::Text(text.to_owned());
        self
    }

    #[must_use]
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.arguments.push(argument.as_ref().to_owned());
        self
    }

    #[must_use]
    pub fn var(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.variables.push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// A fixed port instead of a free one.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Where `/actuator/health` hangs below.
    #[must_use]
    pub fn context_path(mut self, path: &str) -> Self {
        path.clone_into(&mut self.context_path);
        self
    }

    /// How long the start may take.
    #[must_use]
    pub fn patience(mut self, limit: Duration) -> Self {
        self.patience = limit;
        self
    }

    /// How long bad health is waited for to become good: for what must have reached a broker before the test goes on.
    #[must_use]
    pub fn ill_for(mut self, limit: Duration) -> Self {
        self.ill = limit;
        self
    }

    /// Working directory; else an empty one of its own.
    #[must_use]
    pub fn folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = Some(folder.into());
        self
    }

    /// Blocks until health answers 200, or 503 for a second: a daemon whose back end is away has started too.
    ///
    /// # Panics
    /// When it does not; the message shows the log.
    #[track_caller]
    pub fn start(self) -> Daemon {
        self.try_start().unwrap_or_else(|failure| panic!("{failure}"))
    }

    /// As [`Launch::start`], off the runtime's threads.
    pub async fn start_async(self) -> Daemon {
        tokio::task::spawn_blocking(move || self.start()).await.expect("the daemon starts")
    }

    /// As [`Launch::start`], saying how the start failed.
    pub fn try_start(self) -> Result<Daemon, Failure> {
        let (patience, ill, context_path) = (self.patience, self.ill, self.context_path.clone());
        let mut daemon = self.spawn();
        let health = format!("{context_path}/actuator/health");
        let deadline = daemon.spawned + patience;
        let mut ill_since = None;
        while Instant::now() < deadline && daemon.guard.ended().is_none() {
            let status = http1::probe(daemon.port, &health).map_or(0, |reply| reply.status);
            if status == 503 && ill_since.is_none() {
                ill_since = Some(Instant::now());
            }
            if status == 200 || ill_since.is_some_and(|since| since.elapsed() > ill) {
                daemon.started_in = daemon.spawned.elapsed();
                return Ok(daemon);
            }
            std::thread::sleep(Duration::from_millis(if daemon.spawned.elapsed().as_secs() < 1 {
                2
            } else {
                50
            }));
        }
        let status = daemon.guard.ended();
        Err(Failure { program: daemon.program.clone(), status, log: daemon.log() })
    }

    /// Starts and does not wait.
    ///
    /// # Panics
    /// When the program cannot be executed.
    pub fn spawn(self) -> Daemon {
        let scratch =
            tempfile::Builder::new().prefix("wellspring-").tempdir().expect("a temporary directory");
        let log = scratch.path().join("server.log");
        let sink = File::create(&log).expect("a log file");
        let mut command = Command::new(&self.program);
        match self.config {
            Config::None => {}
            Config::File(file) => {
                command.arg("--config").arg(file);
            }
            Config::Text(text) => {
                let file = scratch.path().join("application.yml");
                fs::write(&file, text).expect("a configuration file");
                command.arg("--config").arg(file);
            }
        }
        let work = self.folder.unwrap_or_else(|| {
            let work = scratch.path().join("work");
            fs::create_dir(&work).expect("a working directory");
            work
        });
        command
            .args(self.arguments)
            .env("SERVER_PORT", self.port.to_string())
            .envs(self.variables)
            .current_dir(work)
            .stdin(Stdio::null())
            .stdout(sink.try_clone().expect("a second handle"))
            .stderr(sink);
        let spawned = Instant::now();
        let guard =
            Guard::spawn(&mut command).unwrap_or_else(|error| panic!("{}: {error}", self.program.display()));
        Daemon {
            program: self.program,
            guard,
            port: self.port,
            log,
            scratch,
            spawned,
            started_in: Duration::ZERO,
        }
    }
}

/// A running program. Gets SIGTERM when dropped.
#[derive(Debug)]
pub struct Daemon {
    program: PathBuf,
    guard: Guard,
    port: u16,
    log: PathBuf,
    scratch: TempDir,
    spawned: Instant,
    started_in: Duration,
}

impl Daemon {
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `http://127.0.0.1:PORT` with `path` appended.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// What it wrote to stdout and stderr so far.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// From the call to the program until health answered.
    pub fn started_in(&self) -> Duration {
        self.started_in
    }

    pub fn resident_kib(&self) -> Option<u64> {
        resident_kib(self.guard.id())
    }

    /// What it has used so far.
    pub fn cpu_time(&self) -> Duration {
        cpu_time(self.guard.id())
    }

    pub fn id(&self) -> u32 {
        self.guard.id()
    }

    /// The directory of its own: log, configuration, working directory.
    pub fn scratch(&self) -> &Path {
        self.scratch.path()
    }

    pub fn is_running(&mut self) -> bool {
        self.guard.ended().is_none()
    }

    /// SIGTERM and up to `grace` to drain.
    pub fn stop(&mut self, grace: Duration) -> Option<ExitStatus> {
        self.guard.stop(grace)
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        self.guard.kill();
    }

    /// SIGSTOP: accepts connections and answers nothing.
    pub fn freeze(&self) {
        self.guard.freeze();
    }

    pub fn thaw(&self) {
        self.guard.thaw();
    }
}

/// A start that failed.
#[derive(Debug)]
pub struct Failure {
    program: PathBuf,
    /// `None` when it runs but does not answer.
    pub status: Option<ExitStatus>,
    pub log: String,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let lines: Vec<&str> = self.log.lines().collect();
        let tail = lines.get(lines.len().saturating_sub(15)..).unwrap_or_default().join("\n");
        match self.status {
            Some(status) => {
                write!(f, "{} ended with {status}; its log ends:\n{tail}", self.program.display())
            }
            None => write!(f, "{} does not answer; its log ends:\n{tail}", self.program.display()),
        }
    }
}

impl std::error::Error for Failure {}
