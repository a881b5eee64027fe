//! What an application is: a name, default settings, and how its service is built.

use std::fmt;
use std::path::PathBuf;
use std::process::ExitCode;

use futures_util::future::BoxFuture;
use wellspring_admin::Admin;
use wellspring_properties::{Environment, Problem};
use wellspring_resilience::Clock;

use crate::args::{self, Args};
use crate::boot::Boot;
use crate::{Context, Running, Service, probe, run, shutdown};

pub(crate) type Build = Box<dyn FnOnce(Context) -> BoxFuture<'static, anyhow::Result<Service>> + Send>;

/// An application that is not started yet.
pub struct App {
    pub(crate) name: String,
    pub(crate) version: &'static str,
    pub(crate) defaults: Vec<String>,
    pub(crate) build: Option<Build>,
    pub(crate) own_workers: bool,
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App").field("name", &self.name).finish_non_exhaustive()
    }
}

/// How an application is started inside a process.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// As `--config`: a file or a directory.
    pub config: Option<PathBuf>,
    /// `--name=value` words.
    pub args: Vec<String>,
    /// Environment variables.
    pub vars: Vec<(String, String)>,
    /// Properties `wellspring.<scope>.*` are laid over all others, without that prefix.
    pub scope: Option<String>,
    /// What the operator sees, shared by the applications of a process; without it each has its own.
    pub admin: Option<Admin>,
}

impl Options {
    /// What a process is started with: words of its command line, and its environment.
    fn of_process(config: Option<PathBuf>, properties: Vec<String>) -> Self {
        Self { config, args: properties, vars: std::env::vars().collect(), scope: None, admin: None }
    }

    /// For tests and embedders: loopback, any free port, nothing from the process's environment.
    pub fn local() -> Self {
        Self { args: vec!["--server.address=127.0.0.1".into(), "--server.port=0".into()], ..Self::default() }
    }

    /// One more `name=value`, in the place of an earlier one: an argument given twice would be a list.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl fmt::Display) -> Self {
        self.args.retain(|word| {
            word.strip_prefix("--").and_then(|word| word.split_once('=')).is_none_or(|(n, _)| n != name)
        });
        self.args.push(format!("--{name}={value}"));
        self
    }
}

/// Why an application did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting, or a port that is taken.
    #[error(transparent)]
    Problem(#[from] Problem),
    /// The application's own `build` failed.
    #[error("{name} could not be built: {source:#}")]
    Build { name: String, source: anyhow::Error },
}

impl App {
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            version: env!("CARGO_PKG_VERSION"),
            defaults: Vec::new(),
            build: None,
            own_workers: false,
        }
    }

    /// The application's own version, for `--version` and `/actuator/info`.
    #[must_use]
    pub fn version(mut self, version: &'static str) -> Self {
        self.version = version;
        self
    }

    /// Settings in YAML that everything else overrides.
    #[must_use]
    pub fn defaults(mut self, yaml: impl Into<String>) -> Self {
        self.defaults.push(yaml.into());
        self
    }

    /// Each of `wellspring.threads` is a runtime of its own that keeps its connections: for a proxy, whose requests wait
    /// for the network only. A request that computes for long would hold up its neighbours on the same thread.
    #[must_use]
    pub fn own_workers(mut self) -> Self {
        self.own_workers = true;
        self
    }

    /// How the service is made. Runs when settings are loaded and the port is bound, before anything is accepted.
    #[must_use]
    pub fn build<F, Fut, S>(mut self, build: F) -> Self
    where
        F: FnOnce(Context) -> Fut + Send + 'static,
        Fut: Future<Output = anyhow::Result<S>> + Send + 'static,
        S: Into<Service>,
    {
        self.build = Some(Box::new(|context| {
            let built = build(context);
            Box::pin(async move { Ok(built.await?.into()) })
        }));
        self
    }

    /// Starts inside a running tokio runtime; several applications may live in one process.
    pub async fn start(self, options: Options) -> Result<Running, StartError> {
        let boot = Boot::new(&self, options);
        let env = boot.load().await?;
        run::start(self, boot, env).await
    }

    /// The whole life of a process: arguments, runtime, start, wait for a signal, drain.
    pub fn main(self) -> ExitCode {
        match Args::parse(std::env::args().skip(1)) {
            Err(wrong) => {
                complain(&format!("{}: {wrong}\n{}", self.name, args::help(&self.name)));
                ExitCode::from(2)
            }
            Ok(args) if args.help => {
                tell(&args::help(&self.name));
                ExitCode::SUCCESS
            }
            Ok(args) if args.version => {
                tell(&args::version(&self.name, self.version, args.is_for_programs()));
                ExitCode::SUCCESS
            }
            Ok(args) if args.health => self.health_with(args.config, args.properties),
            Ok(args) => self.main_with(args.config, args.properties),
        }
    }

    /// `--health`: whether the process that runs with these settings is ready, for the health check of a container.
    pub fn health_with(self, config: Option<PathBuf>, properties: Vec<String>) -> ExitCode {
        let name = self.name.clone();
        let asked = || -> anyhow::Result<()> {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                let env = Boot::new(&self, Options::of_process(config, properties)).own().await?;
                probe::ask(&env).await
            })
        };
        match asked() {
            Ok(()) => {
                tell(&format!("{name} is ready\n"));
                ExitCode::SUCCESS
            }
            Err(error) => {
                complain(&format!("{name} is not ready: {error:#}\n"));
                ExitCode::FAILURE
            }
        }
    }

    /// As [`App::main`], for a caller that has read the command line: `--config`, and words `--name=value`.
    pub fn main_with(self, config: Option<PathBuf>, properties: Vec<String>) -> ExitCode {
        match live(self, Options::of_process(config, properties)) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                complain(&format!("{error:#}\n"));
                ExitCode::FAILURE
            }
        }
    }
}

fn live(app: App, options: Options) -> anyhow::Result<()> {
    // Nothing happens before patterns are used often.
    Clock::prefer_counter();
    let boot = Boot::new(&app, options);
    // Settings come first, on this thread: they say how many threads there will be.
    let first = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let env = first.block_on(boot.load())?;
    drop(first);
    // With workers of its own the application needs this one only for what goes on in the background.
    let runtime = if app.own_workers {
        tokio::runtime::Builder::new_current_thread().enable_all().build()?
    } else {
        runtime(&env)?
    };
    runtime.block_on(async {
        let running = run::start(app, boot, env).await?;
        tokio::select! {
            signal = shutdown::requested() => tracing::info!(signal, "stop requested"),
            () = running.wait() => tracing::info!("stop requested by the actuator"),
        }
        running.stop().await;
        Ok(())
    })
}

/// A runtime with `wellspring.threads` workers; one per core without the setting.
pub fn runtime(env: &Environment) -> anyhow::Result<tokio::runtime::Runtime> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    if let Some(threads) = env.get_as::<usize>("wellspring.threads")? {
        builder.worker_threads(threads.max(1));
    }
    Ok(builder.thread_name("worker").enable_all().build()?)
}

#[expect(clippy::print_stdout, reason = "the answer to --help and --version")]
fn tell(text: &str) {
    print!("{text}");
}

fn complain(text: &str) {
    eprint!("{text}");
}
