//! The whole platform in one process: every daemon on its usual port, and two sample services.
//!
//! Each part is an application of its own; what they need to know of each other – addresses – is handed on as default
//! settings, so a user's own settings still win. `wellspring.<part>.*` are the settings of one part only.

use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tracing::info;
use wellspring_daemon::{App, Options, Running};
use wellspring_properties::{Environment, Loader};

use crate::links::Links;
use crate::sample;

/// Where state lives unless `wellspring.state-dir` says otherwise, relative to the working directory.
const STATE_DIR: &str = ".wellspring";

/// Settings that mean one application and cannot be meant for all of them.
const SINGLE: [&str; 2] = ["server.port", "spring.application.name"];

/// What the platform is started with: the words of the command line, the process's environment.
#[derive(Debug, Clone, Default)]
pub struct Start {
    /// `--config`: a file or directory with settings for all parts.
    pub config: Option<PathBuf>,
    /// `--name=value` words.
    pub args: Vec<String>,
    /// Environment variables.
    pub vars: Vec<(String, String)>,
}

/// A platform that answers.
#[derive(Debug)]
pub struct Platform {
    /// In the order of their start.
    parts: Vec<Running>,
    links: Links,
}

/// Starts every part, in an order in which each finds what it needs.
///
/// # Errors
/// What kept a part from starting; the parts before it are stopped again.
pub async fn up(start: Start) -> Result<Platform> {
    let state = prepare(&start).await?;
    let mut parts = Vec::new();
    match start_all(&state, &mut parts).await {
        Ok(links) => Ok(Platform { parts, links }),
        Err(error) => {
            stop_all(parts).await;
            Err(error)
        }
    }
}

impl Platform {
    /// Where everything is.
    #[must_use]
    pub const fn links(&self) -> &Links {
        &self.links
    }

    /// Stops the parts, those that others lean on last.
    pub async fn stop(self) {
        stop_all(self.parts).await;
    }
}

/// Starts the platform, prints its links, and stops it when the process is asked to stop.
///
/// # Errors
/// As [`up`].
pub async fn run(start: Start) -> Result<()> {
    let platform = up(start).await?;
    // Nobody may be reading any more; the platform runs all the same.
    if let Err(error) = write!(std::io::stdout().lock(), "{}", platform.links()) {
        info!(%error, "links were not printed");
    }
    let signal = wellspring_daemon::stop_requested().await;
    info!(signal, "stop requested");
    platform.stop().await;
    Ok(())
}

async fn stop_all(parts: Vec<Running>) {
    for part in parts.into_iter().rev() {
        part.stop().await;
    }
}

/// What is the same for every part.
struct State {
    options: Options,
    dir: PathBuf,
    /// The repository made here, unless the user named one.
    sample_repository: Option<PathBuf>,
}

async fn prepare(start: &Start) -> Result<State> {
    let env = Loader::new()
        .config_path(start.config.clone())
        .args(start.args.clone())
        .vars(start.vars.clone())
        .load()
        .await?;
    let dir = PathBuf::from(env.get("wellspring.state-dir").unwrap_or_else(|| STATE_DIR.to_owned()));
    std::fs::create_dir_all(&dir)
        .with_context(|| format!("cannot create the state directory {}", dir.display()))?;
    let dir = dir.canonicalize().with_context(|| format!("cannot find {}", dir.display()))?;
    let sample_repository = if configures_a_repository(&env) {
        None
    } else {
        let repository = dir.join("config-repo");
        sample::create(&repository)?;
        Some(repository)
    };
    let options = Options {
        config: Some(start.config.clone().unwrap_or_else(|| dir.clone())),
        args: start.args.iter().filter(|word| !is_single(word)).cloned().collect(),
        vars: start.vars.iter().filter(|(name, _)| !is_single(name)).cloned().collect(),
        scope: None,
        admin: Some(wellspring_daemon::admin::Admin::default()),
    };
    Ok(State { options, dir, sample_repository })
}

/// Whether settings for all parts, or for the config server alone, say where configuration comes from.
fn configures_a_repository(env: &Environment) -> bool {
    ["spring.cloud.config.server", "wellspring.config-server.spring.cloud.config.server"].iter().any(
        |prefix| {
            ["git.uri", "native.search-locations", "composite"]
                .iter()
                .any(|key| env.contains(&format!("{prefix}.{key}")))
        },
    )
}

/// Whether a word of the command line, or a variable's name, sets something that only one application can have.
fn is_single(word: &str) -> bool {
    let name = word.trim_start_matches("--").split('=').next().unwrap_or_default();
    let plain: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    SINGLE.iter().any(|key| plain.eq_ignore_ascii_case(&key.replace(['.', '-'], "")))
}

async fn start_all(state: &State, parts: &mut Vec<Running>) -> Result<Links> {
    let mut part = async |app: App, scope: &str, settings: String| -> Result<SocketAddr> {
        let options = Options { scope: Some(scope.to_owned()), ..state.options.clone() };
        let running = app.defaults(settings).start(options).await?;
        let address = running.local_addr();
        parts.push(running);
        Ok(address)
    };
    let registry = part(wellspring_registry::app(), "registry", state.settings("")).await?;
    let eureka =
        format!("eureka.client.service-url.defaultZone: http://localhost:{}/eureka/\n", registry.port());
    let bus = part(wellspring_bus::app(), "bus", state.settings(&eureka)).await?;
    let member = format!("{eureka}wellspring.bus.url: http://localhost:{}\n", bus.port());
    let repository = state.sample_repository.as_deref().map(config_repository).unwrap_or_default();
    let settings = state.settings(&format!("{member}{repository}"));
    let config_server = part(wellspring_config_server::app(), "config-server", settings).await?;
    let client = format!("{member}spring.cloud.config.uri: http://localhost:{}\n", config_server.port());
    let inventory = part(inventory::app(), "inventory", state.settings(&client)).await?;
    let orders = part(orders::app(), "orders", state.settings(&client)).await?;
    let routes = include_str!("../defaults/gateway.yml");
    let gateway =
        part(wellspring_gateway::app(), "gateway", state.settings(&format!("{member}---\n{routes}"))).await?;
    let admin = parts.iter().find_map(Running::admin_addr);
    Ok(Links {
        admin,
        registry,
        config_server,
        bus,
        gateway,
        inventory,
        orders,
        sample_repository: state.sample_repository.clone(),
    })
}

impl State {
    /// Default settings of a part: on loopback, with its state below ours.
    fn settings(&self, more: &str) -> String {
        format!(
            "server.address: 127.0.0.1\nwellspring.admin.address: 127.0.0.1:9770\nwellspring.state-dir: {}\n{more}",
            quoted(&self.dir)
        )
    }
}

fn config_repository(repository: &Path) -> String {
    format!(
        "spring.cloud.config.server.git.uri: {}\n",
        quoted_text(&format!("file://{}", repository.display()))
    )
}

fn quoted(path: &Path) -> String {
    quoted_text(&path.display().to_string())
}

/// A YAML scalar in single quotes.
fn quoted_text(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_of_one_application_are_kept_from_the_others() {
        for word in
            ["--server.port=1", "SERVER_PORT", "--spring.application.name=x", "SPRING_APPLICATION_NAME"]
        {
            assert!(is_single(word), "{word}");
        }
        for word in ["--server.ports=1", "--wellspring.bus.server.port=1", "SERVER_ADDRESS"] {
            assert!(!is_single(word), "{word}");
        }
    }
}
