//! `POST /monitor`: somebody changed files in the configuration repository.
//!
//! Each sender is a `Webhook`: it knows its own requests and finds the changed paths in them. The first that finds any decides.
//! Paths become application names (`names.rs`), each of which gets a refresh event. The original believes every request;
//! with a secret configured, only requests that prove to know it are believed.

mod bitbucket;
mod commits;
mod gitea;
mod gitee;
mod github;
mod gitlab;
mod gogs;
mod names;
mod plain;
mod request;
mod signature;

use std::fmt;
use std::sync::Arc;

use axum::Router;
use http::HeaderMap;
use serde::Deserialize;
use serde_json::{Map, Value};
use tracing::{info, warn};
use wellspring_properties::{Environment, Problem};
use wellspring_wire::bus::Payload;

use crate::{Bus, PublishError};

pub use names::applications;

/// Someone who tells of changes.
trait Webhook: Send + Sync + fmt::Debug {
    /// Name in properties and logs.
    fn name(&self) -> &'static str;

    /// Whether the request claims to be of this sender.
    fn is_sender(&self, headers: &HeaderMap) -> bool;

    /// The changed files; empty when this is not a request of this sender, or names none.
    fn paths(&self, headers: &HeaderMap, body: &Map<String, Value>) -> Vec<String>;

    /// Whether the request proves to know the secret.
    fn is_signed(&self, headers: &HeaderMap, body: &[u8], secret: &str) -> bool;
}

/// In the order in which they are asked.
const SENDERS: [&dyn Webhook; 7] = [
    &github::GitHub,
    &plain::Plain,
    &bitbucket::Bitbucket,
    &gitea::Gitea,
    &gitee::Gitee,
    &gitlab::GitLab,
    &gogs::Gogs,
];

/// The endpoint. Clones are the same.
#[derive(Clone)]
pub struct Monitor {
    inner: Arc<Inner>,
}

struct Inner {
    path: String,
    senders: Vec<Sender>,
    bus: Option<Bus>,
}

/// A webhook that is switched on.
struct Sender {
    webhook: &'static dyn Webhook,
    secret: Option<String>,
}

/// `spring.cloud.config.server.monitor.<sender>` and `wellspring.monitor.<sender>`.
#[derive(Debug, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct Enabled {
    enabled: bool,
}

impl Default for Enabled {
    fn default() -> Self {
        Self { enabled: true }
    }
}

/// A request that is not believed.
#[derive(Debug)]
struct Unsigned {
    sender: &'static str,
}

// === impl Monitor ===

impl Monitor {
    /// The endpoint as configured: `spring.cloud.config.monitor.endpoint.path`, `spring.cloud.config.server.monitor.<sender>.enabled`,
    /// `wellspring.monitor.<sender>.secret`. Without a bus, it answers the names and nothing else.
    pub fn from_env(env: &Environment, bus: Option<Bus>) -> Result<Self, Problem> {
        let prefix = env.get("spring.cloud.config.monitor.endpoint.path").unwrap_or_default();
        let prefix = prefix.trim_matches('/');
        let path = if prefix.is_empty() { "/monitor".to_owned() } else { format!("/{prefix}/monitor") };
        let mut senders = Vec::new();
        for webhook in SENDERS {
            let name = webhook.name();
            let Enabled { enabled } = env.bind(&format!("spring.cloud.config.server.monitor.{name}"))?;
            if enabled {
                let secret = env.get(&format!("wellspring.monitor.{name}.secret"));
                senders.push(Sender { webhook, secret: secret.filter(|secret| !secret.is_empty()) });
            }
        }
        Ok(Self { inner: Arc::new(Inner { path, senders, bus }) })
    }

    /// The endpoint, to be merged into a daemon's router.
    pub fn router(&self) -> Router {
        request::router(self)
    }

    /// Tells the bus of changed files, as the endpoint does: one refresh per application name, in order. Answers the names.
    pub async fn changed<P: AsRef<str> + Sync>(&self, paths: &[P]) -> Result<Vec<String>, PublishError> {
        let names = applications(paths);
        if let Some(bus) = &self.inner.bus {
            for name in &names {
                // An empty name is written `:**`, which addresses nobody, rather than `**`, which addresses everybody.
                let destination = if name.is_empty() { ":**" } else { name };
                match bus.publish(destination, Payload::Refresh).await {
                    Ok(_) => {}
                    // It is on its way to the others; that this process could not apply it is in its log.
                    Err(PublishError::NotApplied(failure)) => warn!(%failure, "own refresh failed"),
                    Err(error) => return Err(error),
                }
            }
        }
        if !names.is_empty() {
            info!(?names, "configuration changed");
        }
        Ok(names)
    }

    fn path(&self) -> &str {
        &self.inner.path
    }

    /// The changed files that a request tells of.
    fn paths(
        &self,
        headers: &HeaderMap,
        raw: &[u8],
        body: &Map<String, Value>,
    ) -> Result<Vec<String>, Unsigned> {
        for Sender { webhook, .. } in &self.inner.senders {
            let paths = webhook.paths(headers, body);
            if !paths.is_empty() {
                return if self.believes(headers, raw) {
                    Ok(paths)
                } else {
                    Err(Unsigned { sender: webhook.name() })
                };
            }
        }
        Ok(Vec::new())
    }

    /// Any sender that the request claims to be of may vouch for it: Gitea calls itself GitHub as well.
    fn believes(&self, headers: &HeaderMap, raw: &[u8]) -> bool {
        let mut with_secret = self
            .inner
            .senders
            .iter()
            .filter_map(|Sender { webhook, secret }| Some((webhook, secret.as_ref()?)));
        let Some(first) = with_secret.next() else { return true };
        std::iter::once(first)
            .chain(with_secret)
            .any(|(webhook, secret)| webhook.is_sender(headers) && webhook.is_signed(headers, raw, secret))
    }
}

impl fmt::Debug for Monitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let senders: Vec<_> = self
            .inner
            .senders
            .iter()
            .map(|sender| (sender.webhook.name(), sender.secret.is_some()))
            .collect();
        f.debug_struct("Monitor")
            .field("path", &self.inner.path)
            .field("senders", &senders)
            .finish_non_exhaustive()
    }
}

/// Whether the header is there and has this value, which is compared as it is.
fn has(headers: &HeaderMap, name: &str, value: &str) -> bool {
    headers.get(name).is_some_and(|found| found.as_bytes() == value.as_bytes())
}

/// The header's value, unless it is absent, empty or not text.
fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().filter(|value| !value.trim().is_empty())
}

#[cfg(test)]
mod tests;
