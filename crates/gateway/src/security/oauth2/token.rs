//! Tokens from a provider's token endpoint: what a login's code is exchanged for, fresh ones for old ones, and the gateway's own.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::sync::Mutex;
use wellspring_wire::Millis;

use super::registration::{Method, Registration};
use crate::security::remote::Remote;

/// A token is renewed this long before its end, as Spring's clock skew has it.
const EARLY: i64 = 60_000;
/// A provider that refused is not asked again for so long.
const PAUSE: Duration = Duration::from_secs(1);

/// What a provider gave.
#[derive(Clone, Serialize, Deserialize)]
pub struct Tokens {
    pub access: String,
    pub refresh: Option<String>,
    /// Epoch milliseconds; `None`: it does not say.
    pub expires: Option<i64>,
    #[serde(skip)]
    pub id: Option<String>,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokens").field("expires", &self.expires).finish_non_exhaustive()
    }
}

impl Tokens {
    pub(super) fn read(answer: &Map<String, Value>) -> Result<Self, String> {
        let text = |name: &str| answer.get(name).and_then(Value::as_str).map(str::to_owned);
        let Some(access) = text("access_token").filter(|token| token.bytes().all(|b| b.is_ascii_graphic()))
        else {
            return Err("the token endpoint gives no access token".to_owned());
        };
        let seconds = answer.get("expires_in").and_then(Value::as_i64);
        Ok(Self {
            access,
            refresh: text("refresh_token"),
            expires: seconds.map(|seconds| Millis::now().0.saturating_add(seconds.saturating_mul(1000))),
            id: text("id_token"),
        })
    }

    #[must_use]
    pub fn is_fresh(&self) -> bool {
        self.expires.is_none_or(|expires| Millis::now().0 < expires.saturating_sub(EARLY))
    }
}

impl Registration {
    /// An endpoint: the configured one, else what the issuer's metadata say.
    pub async fn endpoint(
        &self,
        remote: &Remote,
        configured: Option<&String>,
        name: &str,
    ) -> Result<String, String> {
        match (configured, &self.provider.issuer) {
            (Some(address), _) => Ok(address.clone()),
            (None, Some(issuer)) => remote.metadata(issuer).await?.member(name),
            (None, None) => Err(format!("provider of '{}' has no {name}", self.id)),
        }
    }

    /// Asks the token endpoint.
    pub async fn ask(&self, remote: &Remote, form: &[(&str, &str)]) -> Result<Tokens, String> {
        let address = self.endpoint(remote, self.provider.token_uri.as_ref(), "token_endpoint").await?;
        let mut form = form.to_vec();
        // RFC 6749 wants both form-encoded in the header.
        let encoded = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let (id, secret) = (encoded(&self.client_id), encoded(&self.secret.0));
        let basic = match self.method {
            Method::Basic => Some((id.as_str(), secret.as_str())),
            Method::Post => {
                form.extend([("client_id", self.client_id.as_str()), ("client_secret", &*self.secret.0)]);
                None
            }
            Method::None => {
                form.push(("client_id", self.client_id.as_str()));
                None
            }
        };
        let (status, answer) = remote.post(&address, basic, &form).await?;
        if status != 200 {
            let error = answer.get("error").and_then(Value::as_str).unwrap_or("no reason");
            return Err(format!("the token endpoint answers {status}: {error}"));
        }
        Tokens::read(&answer)
    }
}

/// The gateway's own token of one registration: fetched when needed, by one request for all, renewed in time.
#[derive(Debug)]
pub struct Machine {
    registration: Arc<Registration>,
    remote: Remote,
    tokens: arc_swap::ArcSwapOption<Tokens>,
    fetching: Mutex<Option<(tokio::time::Instant, String)>>,
}

impl Machine {
    #[must_use]
    pub fn new(registration: Arc<Registration>, remote: Remote) -> Self {
        Self { registration, remote, tokens: arc_swap::ArcSwapOption::empty(), fetching: Mutex::default() }
    }

    /// The access token.
    pub async fn token(&self) -> Result<Arc<Tokens>, String> {
        let fresh = |tokens: &Option<Arc<Tokens>>| tokens.clone().filter(|tokens| tokens.is_fresh());
        if let Some(tokens) = fresh(&self.tokens.load_full()) {
            return Ok(tokens);
        }
        let mut failed = self.fetching.lock().await;
        if let Some(tokens) = fresh(&self.tokens.load_full()) {
            return Ok(tokens);
        }
        if let Some((since, error)) = &*failed
            && since.elapsed() < PAUSE
        {
            return Err(error.clone());
        }
        let scope = self.registration.scopes.join(" ");
        let mut form = vec![("grant_type", "client_credentials")];
        if !scope.is_empty() {
            form.push(("scope", scope.as_str()));
        }
        match self.registration.ask(&self.remote, &form).await {
            Ok(tokens) => {
                let tokens = Arc::new(tokens);
                *failed = None;
                self.tokens.store(Some(Arc::clone(&tokens)));
                Ok(tokens)
            }
            Err(error) => {
                *failed = Some((tokio::time::Instant::now(), error.clone()));
                Err(error)
            }
        }
    }
}
