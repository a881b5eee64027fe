//! This server's own token: had by signing in, or from the settings, and renewed in the background as long as Vault lets it.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::sync::Mutex;
use tracing::{debug, warn};
use wellspring_daemon::Tasks;

use super::client::{Client, Lease, Trouble};
use super::settings::Method;
use crate::config::Secret;

/// Between attempts to renew a token that could not be renewed.
const PAUSE: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(super) struct Session {
    client: Arc<Client>,
    method: Method,
    /// One signs in, the others wait for it.
    current: Mutex<Option<Issued>>,
    tasks: Tasks,
}

#[derive(Debug, Clone)]
struct Issued {
    token: Secret,
    /// Tells one token from the next.
    number: u64,
}

impl Session {
    pub(super) fn new(client: Arc<Client>, method: Method, tasks: Tasks) -> Arc<Self> {
        Arc::new(Self { client, method, current: Mutex::new(None), tasks })
    }

    pub(super) async fn read(self: &Arc<Self>, path: &str) -> Result<Option<String>, Trouble> {
        let issued = self.token(0).await?;
        match self.client.read(path, &issued.token).await {
            // It may have run out, or been revoked; signing in anew settles that.
            Err(trouble) if trouble.is_refusal() && self.can_sign_in() => {
                let next = self.token(issued.number).await?;
                self.client.read(path, &next.token).await
            }
            answer => answer,
        }
    }

    fn can_sign_in(&self) -> bool {
        !matches!(self.method, Method::Token(_))
    }

    /// A token that is newer than the one with this number.
    async fn token(self: &Arc<Self>, refused: u64) -> Result<Issued, Trouble> {
        let mut current = self.current.lock().await;
        if let Some(issued) = current.as_ref().filter(|issued| issued.number > refused) {
            return Ok(issued.clone());
        }
        let number = current.as_ref().map_or(1, |issued| issued.number + 1);
        let (token, life) = match &self.method {
            Method::Token(token) => (token.clone(), None),
            method => {
                let lease = self.sign_in(method).await?;
                let life = (lease.lease_duration > 0 && lease.renewable)
                    .then(|| Duration::from_secs(lease.lease_duration));
                (lease.client_token, Some(life))
            }
        };
        let issued = Issued { token, number };
        *current = Some(issued.clone());
        let session = Arc::clone(self);
        let kept = issued.clone();
        self.tasks.spawn(async move { session.keep(kept, life).await });
        Ok(issued)
    }

    async fn sign_in(&self, method: &Method) -> Result<Lease, Trouble> {
        let (path, body) = match method {
            Method::Token(_) => return Err(Trouble("a token needs no login".to_owned())),
            Method::AppRole(path, role, secret) => {
                let body = match secret {
                    Some(secret) => json!({"role_id": role, "secret_id": secret.0}),
                    None => json!({"role_id": role}),
                };
                (path, body)
            }
            Method::Kubernetes(path, role, file) => {
                let jwt = tokio::fs::read_to_string(file)
                    .await
                    .map_err(|error| Trouble(format!("cannot read {file}: {error}")))?;
                (path, json!({"role": role, "jwt": jwt.trim()}))
            }
            Method::Certificate(path) => (path, json!({})),
        };
        self.client.sign(&format!("auth/{}/login", path.trim_matches('/')), &body, None).await
    }

    /// Renews a token at half of its life, until another one takes its place. `life`: `None` when it is not known,
    /// `Some(None)` when it cannot be renewed.
    async fn keep(self: Arc<Self>, issued: Issued, life: Option<Option<Duration>>) {
        let mut life = match life {
            Some(life) => life,
            None => match self.client.look_up(&issued.token).await {
                Ok((left, renewable)) => (renewable && !left.is_zero()).then_some(left),
                Err(Trouble(cause)) => {
                    debug!(cause, "vault does not tell how long the token lives");
                    None
                }
            },
        };
        while let Some(left) = life {
            tokio::time::sleep((left / 2).max(Duration::from_millis(500))).await;
            if self.current.lock().await.as_ref().is_none_or(|current| current.number != issued.number) {
                return;
            }
            life = match self.client.sign("auth/token/renew-self", &json!({}), Some(&issued.token)).await {
                Ok(lease) if lease.renewable && lease.lease_duration > 0 => {
                    Some(Duration::from_secs(lease.lease_duration))
                }
                Ok(_) => None,
                Err(trouble) if trouble.is_refusal() => {
                    warn!(cause = trouble.0, "vault does not renew the token");
                    None
                }
                Err(Trouble(cause)) => {
                    warn!(cause, "vault could not be asked to renew the token");
                    Some((left / 2).min(PAUSE))
                }
            };
        }
    }
}
