//! The issuer's keys: fetched when first needed, again when a token names an unknown one, and now and then.
//!
//! One fetch at a time, and not many: a flood of invented key ids costs the issuer a request every few seconds. Keys that
//! were good stay while the issuer is away.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::key::{self, Key};
use crate::security::remote::Remote;

/// Keys older than this are fetched again beside the next request, so that withdrawn ones go.
const STALE: Duration = Duration::from_secs(300);
/// Unknown ids may ask the issuer this often at once, and then once per `REFILL`.
const BURST: u32 = 3;
const REFILL: Duration = Duration::from_secs(10);

/// Where the set is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// `jwk-set-uri`.
    Set(String),
    /// `issuer-uri`: its metadata name the set.
    Issuer(String),
}

/// The keys known now.
#[derive(Debug)]
pub struct Known {
    pub keys: Vec<Key>,
    since: Instant,
}

/// A set that follows its issuer. Cloning shares it.
#[derive(Debug, Clone)]
pub struct Keys(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    source: Source,
    remote: Remote,
    known: ArcSwapOption<Known>,
    fetching: Mutex<Allowance>,
}

#[derive(Debug)]
struct Allowance {
    left: u32,
    since: Instant,
}

impl Allowance {
    fn take(&mut self, now: Instant) -> bool {
        let refills = now.duration_since(self.since).as_secs() / REFILL.as_secs();
        if refills > 0 {
            self.left = self.left.saturating_add(u32::try_from(refills).unwrap_or(u32::MAX)).min(BURST);
            self.since = now;
        }
        let granted = self.left > 0;
        self.left = self.left.saturating_sub(1);
        granted
    }
}

impl Keys {
    #[must_use]
    pub fn new(source: Source, remote: Remote) -> Self {
        let fetching = Mutex::new(Allowance { left: BURST, since: Instant::now() });
        Self(Arc::new(Inner { source, remote, known: ArcSwapOption::empty(), fetching }))
    }

    #[must_use]
    pub fn source(&self) -> &Source {
        &self.0.source
    }

    /// The keys, fetched when there are none yet.
    pub async fn get(&self) -> Result<Arc<Known>, String> {
        if let Some(known) = self.0.known.load_full() {
            if known.since.elapsed() > STALE {
                let behind = self.clone();
                let seen = Arc::clone(&known);
                tokio::spawn(async move {
                    // Said in the log where it happens; the old keys stay.
                    behind.newer_than(Some(&seen)).await.ok();
                });
            }
            return Ok(known);
        }
        self.newer_than(None).await
    }

    /// Keys other than the ones seen: somebody else's fetch or an own one. The same ones when it may not ask yet.
    pub async fn newer_than(&self, seen: Option<&Arc<Known>>) -> Result<Arc<Known>, String> {
        let mut allowance = self.0.fetching.lock().await;
        let present = self.0.known.load_full();
        if let Some(present) = present {
            let is_new = seen.is_none_or(|seen| !Arc::ptr_eq(seen, &present));
            if is_new || !allowance.take(Instant::now()) {
                return Ok(present);
            }
            return match self.fetch().await {
                Ok(fresh) => Ok(fresh),
                Err(error) => {
                    tracing::warn!(%error, "keys of the issuer cannot be fetched, the known ones stay");
                    // Counts as fresh for a while: the issuer is not asked with every request.
                    self.0
                        .known
                        .store(Some(Arc::new(Known { keys: present.keys.clone(), since: Instant::now() })));
                    Ok(present)
                }
            };
        }
        if !allowance.take(Instant::now()) {
            return Err("keys of the issuer could not be fetched a moment ago".to_owned());
        }
        self.fetch().await
    }

    async fn fetch(&self) -> Result<Arc<Known>, String> {
        let address = match &self.0.source {
            Source::Set(address) => address.clone(),
            Source::Issuer(issuer) => self.0.remote.metadata(issuer).await?.member("jwks_uri")?,
        };
        let keys = key::read_set(&self.0.remote.get(&address).await?)?;
        tracing::debug!(address, keys = keys.len(), "keys fetched");
        let known = Arc::new(Known { keys, since: Instant::now() });
        self.0.known.store(Some(Arc::clone(&known)));
        Ok(known)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invented_key_ids_cost_the_issuer_little() {
        let start = Instant::now();
        let mut allowance = Allowance { left: BURST, since: start };
        let granted = (0..1000).filter(|_| allowance.take(start)).count();
        assert_eq!(granted, 3);
        assert!(!allowance.take(start + Duration::from_secs(9)));
        assert!(allowance.take(start + Duration::from_secs(11)));
        assert!(!allowance.take(start + Duration::from_secs(12)));
    }
}
