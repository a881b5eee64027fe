//! A Spring Cloud Config server.

mod cache;
mod clients;
pub mod codes;
pub mod config;
mod encryption;
mod error;
mod health;
#[cfg(test)]
mod hostile_input;
mod http;
pub mod known;
mod metrics;
mod monitor;
mod news;
mod operator;
mod pins;
mod policy;
mod render;
mod repository;
mod server;
mod sources;

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::watch;
use wellspring_daemon::{App, Context, Service};

pub use config::check;
use encryption::Keys;
pub use encryption::reencrypt;
use encryption::values::Decryptor;
use server::Server;
use sources::documents::Documents;

/// Bytes of parsed files that are kept.
const PARSED: usize = 8 << 20;

/// The application; `main.rs` runs it, `wellspring up` runs it beside others.
pub fn app() -> App {
    App::new("wellspring-config-server").defaults(include_str!("defaults.yml")).build(build)
}

async fn build(context: Context) -> wellspring_daemon::Result<Service> {
    // What is read often is kept parsed; libgit2's own copies would grow to hundreds of megabytes.
    git2::opts::enable_caching(false);
    let settings = config::settings(&context.env)?;
    let decryptor = Arc::new(Decryptor {
        keys: Keys::from_env(&context.env)?,
        prefix_invalid: settings.encrypt.prefix_invalid_properties,
    });
    let for_files = settings.encrypt.enabled.then(|| Arc::clone(&decryptor));
    let documents = Arc::new(Documents::new(PARSED, for_files));
    let bell = watch::Sender::new(0);
    let policy = Arc::new(policy::Policy::from_env(&context.env)?);
    let news = news::News::new(&context, &bell);
    let basedir = context.env.get("spring.cloud.config.server.git.basedir").map(PathBuf::from);
    let pins = Arc::new(pins::Pins::load(policy.pins_file.clone(), basedir)?);
    let repository = repository::build(&context, &settings, &documents, (&policy, &pins, &news))?;
    repository.start().await?;
    let overrides = sources::overrides::source(&settings.overrides);
    let mount = http::mount(&context.env);
    let notifications =
        monitor::Notifications::new(&context, format!("{}/monitor", mount.monitor_path), &repository)?;
    let clients = Arc::new(clients::Clients::default());
    clients.mount(&context)?;
    let draining = context.tasks.draining();
    metrics::watch(&context.meters, &repository);
    let server = Arc::new(Server {
        settings,
        policy,
        repository,
        notifications,
        overrides,
        decryptor,
        clients,
        bell,
        draining,
    });
    health::register(&context, &server);
    operator::join(&context, &server, &pins, &news);
    Ok(http::service(server, mount))
}
