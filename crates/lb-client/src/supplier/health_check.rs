//! Lists only instances whose health page answers 200. A task checks them; the list before the first answers is whole.

use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::Instances;
use crate::Instance;
use crate::discovery::{Book, Listing};
use crate::settings::HealthCheck;

/// The checks of one service.
#[derive(Debug)]
pub struct HealthChecked {
    source: watch::Receiver<Instances>,
    alive: Arc<Listing>,
    settings: HealthCheck,
    http: reqwest::Client,
}

impl HealthChecked {
    /// Starts to check what `source` lists, and gives the list of those that are alive. Needs a tokio runtime.
    pub fn start(
        source: Arc<Listing>,
        settings: HealthCheck,
        http: &reqwest::Client,
        stop: &CancellationToken,
    ) -> Arc<Listing> {
        let alive = Book::default().listing("alive");
        alive.replace(source.instances().to_vec());
        let checked =
            Self { source: source.watch(), alive: Arc::clone(&alive), settings, http: http.clone() };
        let stop = stop.clone();
        crate::task::spawn(async move {
            tokio::select! {
                () = checked.run(&source) => {}
                () = stop.cancelled() => {}
            }
        });
        alive
    }

    async fn run(mut self, listing: &Listing) {
        sleep(self.settings.initial_delay).await;
        loop {
            self.check_all(listing.instances()).await;
            let again = async {
                if self.settings.repeat {
                    sleep(self.settings.interval).await;
                } else {
                    std::future::pending().await
                }
            };
            tokio::select! {
                () = again => {}
                changed = self.source.changed() => if changed.is_err() { return },
            }
        }
    }

    async fn check_all(&self, instances: Instances) {
        let mut checks: FuturesUnordered<_> = instances.iter().map(|instance| self.check(instance)).collect();
        let mut alive: Vec<Instance> = Vec::with_capacity(instances.len());
        while let Some(answer) = checks.next().await {
            alive.extend(answer);
            // The first answers of a round are published only when they add to what is known.
            if self.settings.update_results_list && alive.len() >= self.alive.instances().len() {
                self.publish(&alive);
            }
        }
        self.publish(&alive);
    }

    fn publish(&self, alive: &[Instance]) {
        let mut sorted = alive.to_vec();
        sorted.sort_by(|a, b| a.instance_id().cmp(b.instance_id()));
        self.alive.replace(sorted);
    }

    async fn check(&self, instance: &Instance) -> Option<Instance> {
        if self.settings.path.is_empty() {
            return Some(instance.clone());
        }
        let scheme = if instance.secure() { "https" } else { "http" };
        let host = instance.host();
        let port = self.settings.port.unwrap_or_else(|| instance.port());
        let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        let address = format!("{scheme}://{host}:{port}/{}", self.settings.path.trim_start_matches('/'));
        let answer = timeout(self.settings.interval, self.http.get(&address).send()).await;
        let alive = matches!(&answer, Ok(Ok(response)) if response.status() == 200);
        if !alive {
            debug!(address, "instance is not healthy");
        }
        alive.then(|| instance.clone())
    }
}
