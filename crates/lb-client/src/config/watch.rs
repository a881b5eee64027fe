//! Follows the config server without a bus: `wellspring.config.watch.enabled`.
//!
//! A server of ours is listened to (server-sent events on the environment's own path); any other is asked every
//! interval. Either way it is an ordinary refresh, and one without a change does nothing.

use std::time::Duration;

use reqwest::header::{ACCEPT, CONTENT_TYPE};
use serde::Deserialize;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info};
use wellspring_properties::{Problem, value};

use super::Refresher;
use super::fetch::{address, headers};
use super::settings::ConfigSettings;
use crate::eureka::Server;
use crate::http::{Options, client};
use crate::sse::Lines;

/// Signs of life come more often than this.
const SILENCE: Duration = Duration::from_secs(60);

/// `wellspring.config.watch.*`.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct WatchSettings {
    /// Off: only asked-for refreshes.
    pub enabled: bool,
    /// Between questions to a server that does not push.
    #[serde(with = "value::duration_millis")]
    pub interval: Duration,
}

impl Default for WatchSettings {
    fn default() -> Self {
        Self { enabled: false, interval: Duration::from_secs(30) }
    }
}

impl Refresher {
    /// Follows the config server until `stop`, when `wellspring.config.watch.enabled` is true. Returns at once; needs a
    /// tokio runtime.
    ///
    /// # Errors
    /// When a setting has the wrong type.
    pub fn watch(&self, stop: CancellationToken) -> Result<(), Problem> {
        let settings: WatchSettings = self.env().bind("wellspring.config.watch")?;
        if settings.enabled {
            let refresher = self.clone();
            crate::task::spawn(async move {
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = follow(&refresher, settings.interval) => {}
                }
            });
        }
        Ok(())
    }
}

async fn follow(refresher: &Refresher, interval: Duration) {
    loop {
        if listen(refresher).await.is_none() {
            debug!("config server does not push, asked again later");
        }
        sleep(interval).await;
        // A failure is logged there, and the configuration stays as it was.
        if refresher.refresh().await.is_err() {
            continue;
        }
    }
}

/// Refreshes with every event of the server's stream. `None` when there is no stream, or at its end.
async fn listen(refresher: &Refresher) -> Option<()> {
    let env = refresher.env();
    let settings = ConfigSettings::from_env(&env, "").ok()?;
    let server = Server::parse(settings.uri.first()?).ok()?;
    let profiles = settings.profile.clone().unwrap_or_else(|| env.active_profiles().join(","));
    let profiles = if profiles.is_empty() { "default" } else { &profiles };
    let label = settings.labels().into_iter().next().flatten();
    let url = address(&server.base, settings.names(), profiles, label.as_deref());
    let http = client(Options { read_timeout: Some(SILENCE), ..Options::default() }).ok()?;
    let mut asked = headers(&settings, &server, None).ok()?;
    asked.insert(ACCEPT, "text/event-stream".parse().ok()?);
    let mut response = http.get(url).headers(asked).send().await.ok()?;
    let pushes = response.headers().get(CONTENT_TYPE)?.as_bytes().starts_with(b"text/event-stream");
    if !response.status().is_success() || !pushes {
        return None;
    }
    info!(server = %server.base, "config server pushes changes");
    let mut lines = Lines::default();
    while let Some(chunk) = response.chunk().await.ok()? {
        if !lines.feed(&chunk) {
            return None;
        }
        let mut rung = false;
        while lines.next_event().is_some() {
            rung = true;
        }
        if rung && refresher.refresh().await.is_err() {
            return None;
        }
    }
    Some(())
}
