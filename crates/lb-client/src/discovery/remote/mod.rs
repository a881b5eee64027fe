//! Sources that are servers: a task follows the server and writes the lists; one file per server, each a cargo feature.
//!
//! While a server is away its lists stay as they were. A server that is back and says that an instance is gone is believed.
#![cfg_attr(
    not(any(
        feature = "consul",
        feature = "dns",
        feature = "etcd",
        feature = "kubernetes",
        feature = "zookeeper"
    )),
    allow(dead_code, reason = "no source is selected")
)]

#[cfg(feature = "consul")]
pub mod consul;
#[cfg(feature = "dns")]
pub mod dns;
#[cfg(feature = "etcd")]
pub mod etcd;
#[cfg(feature = "kubernetes")]
pub mod kubernetes;
#[cfg(any(feature = "etcd", feature = "kubernetes"))]
mod lines;
#[cfg(feature = "zookeeper")]
pub mod zookeeper;

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use wellspring_properties::{Environment, Problem};

use super::{Book, Discovery, Listing};

/// After the first failure; doubled with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(3);

/// A connection that lived so long was a good one.
const STABLE: Duration = Duration::from_secs(10);

/// What a server said last.
#[derive(Debug)]
pub struct Remote {
    shelf: Shelf,
}

/// Where a source's task writes.
#[derive(Debug, Clone)]
pub(crate) struct Shelf {
    pub(crate) book: Arc<Book>,
    read: Arc<watch::Sender<bool>>,
}

impl Remote {
    /// Starts `task`, which ends with `stop`. Must be called inside a tokio runtime.
    pub(crate) fn start<F>(stop: &CancellationToken, task: impl FnOnce(Shelf) -> F) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let shelf = Shelf { book: Arc::default(), read: Arc::new(watch::Sender::new(false)) };
        let (stop, task) = (stop.clone(), task(shelf.clone()));
        crate::task::spawn(async move {
            stop.run_until_cancelled(task).await;
        });
        Self { shelf }
    }

    /// Waits until the server's lists were read once.
    pub async fn first_read(&self) {
        // The sender lives as long as this source: an error cannot be.
        self.shelf.read.subscribe().wait_for(|read| *read).await.ok();
    }
}

impl Shelf {
    /// All lists were read once.
    pub(crate) fn is_read(&self) {
        self.read.send_if_modified(|read| !std::mem::replace(read, true));
    }
}

impl Discovery for Remote {
    fn services(&self) -> Vec<String> {
        self.shelf.book.services()
    }

    fn has(&self, service: &str) -> bool {
        self.shelf.book.has(service)
    }

    fn listing(&self, service: &str) -> Arc<Listing> {
        self.shelf.book.listing(service)
    }

    fn follow_services(&self, follower: Box<dyn Fn() + Send + Sync>) {
        self.shelf.book.follow_services(follower);
    }

    fn watch_services(&self) -> watch::Receiver<Arc<[String]>> {
        self.shelf.book.watch_services()
    }
}

/// Rounds that go on for ever: after one that failed comes a pause, which grows while nothing works.
pub(crate) struct Rounds {
    what: &'static str,
    server: String,
    pause: Duration,
    began: Instant,
    told: bool,
}

impl Rounds {
    pub(crate) fn of(what: &'static str, server: impl Into<String>) -> Self {
        Self { what, server: server.into(), pause: FIRST_PAUSE, began: Instant::now(), told: false }
    }

    /// A round ended. Waits until it is time for the next.
    pub(crate) async fn ended<E: Display>(&mut self, outcome: Result<(), E>) {
        let (what, server) = (self.what, self.server.as_str());
        if outcome.is_ok() || self.began.elapsed() > STABLE {
            self.pause = FIRST_PAUSE;
        }
        match outcome {
            Ok(()) => {
                if std::mem::take(&mut self.told) {
                    info!(what, server, "server of the lists answers again");
                }
            }
            Err(error) => {
                if !std::mem::replace(&mut self.told, true) {
                    warn!(what, server, %error, "server of the lists does not answer; the last lists stay");
                }
                // Not all clients at the same moment.
                tokio::time::sleep(self.pause.mul_f64(0.75 + fastrand::f64() / 2.0)).await;
                self.pause = (self.pause * 2).min(LONGEST_PAUSE);
            }
        }
        self.began = Instant::now();
    }
}

/// The sources that the settings name. One that is named and not compiled in is said in the log.
pub(crate) fn from_env(env: &Environment, stop: &CancellationToken) -> Result<Vec<Arc<Remote>>, Problem> {
    let mut sources = Vec::new();
    let mut add = |remote: Option<Remote>| sources.extend(remote.map(Arc::new));
    #[cfg(feature = "consul")]
    add(consul::from_env(env, stop)?);
    #[cfg(not(feature = "consul"))]
    add(absent(env, "spring.cloud.consul.host", "consul"));
    #[cfg(feature = "zookeeper")]
    add(zookeeper::from_env(env, stop)?);
    #[cfg(not(feature = "zookeeper"))]
    add(absent(env, "spring.cloud.zookeeper.connect-string", "zookeeper"));
    #[cfg(feature = "etcd")]
    add(etcd::from_env(env, stop)?);
    #[cfg(not(feature = "etcd"))]
    add(absent(env, "wellspring.discovery.etcd", "etcd"));
    #[cfg(feature = "kubernetes")]
    add(kubernetes::from_env(env, stop)?);
    #[cfg(not(feature = "kubernetes"))]
    add(absent(env, "spring.cloud.kubernetes.discovery", "kubernetes"));
    #[cfg(feature = "dns")]
    add(dns::from_env(env, stop)?);
    #[cfg(not(feature = "dns"))]
    add(absent(env, "wellspring.discovery.dns", "dns"));
    let _ = stop;
    Ok(sources)
}

#[cfg(not(all(
    feature = "consul",
    feature = "dns",
    feature = "etcd",
    feature = "kubernetes",
    feature = "zookeeper"
)))]
fn absent(env: &Environment, key: &str, feature: &str) -> Option<Remote> {
    if env.contains(key) {
        warn!(
            setting = key,
            feature,
            "setting has no effect: this program was built without that feature of wellspring-lb-client"
        );
    }
    None
}
