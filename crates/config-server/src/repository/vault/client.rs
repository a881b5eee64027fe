//! Vault's HTTP interface. The token is an argument of each call, so no request can have another one's.

use std::time::Duration;

use http::{HeaderValue, StatusCode};
use reqwest::RequestBuilder;
use serde::Deserialize;
use serde_json::value::RawValue;
use wellspring_lb_client::http as outbound;
use wellspring_properties::{Environment, Problem};
use wellspring_tls::Bundle;

use super::CODE;
use super::settings::Settings;
use crate::config::Secret;

/// Bytes of an answer; secrets are small.
const LARGEST: usize = 8 << 20;

/// Why there is no answer, in words that may be logged.
#[derive(Debug)]
pub(super) struct Trouble(pub(super) String);

#[derive(Debug)]
pub(super) struct Client {
    http: reqwest::Client,
    /// `https://host:8200/v1/`
    base: String,
    namespace: Option<HeaderValue>,
    timeout: Duration,
    version: u8,
}

/// What a login, or a renewal, gives.
#[derive(Debug, Deserialize)]
pub(super) struct Lease {
    pub(super) client_token: Secret,
    /// Seconds; 0: for ever.
    #[serde(default)]
    pub(super) lease_duration: u64,
    #[serde(default)]
    pub(super) renewable: bool,
}

impl Client {
    pub(super) fn new(settings: &Settings, env: &Environment, prefix: &str) -> Result<Self, Problem> {
        let wrong = |name: &str, what: String| {
            let key = format!("{prefix}.{name}");
            Problem::new(CODE, format!("{key} {what}")).at(env.origin(&key))
        };
        if !matches!(settings.kv_version, 1 | 2) {
            return Err(
                wrong("kv-version", "is neither 1 nor 2".to_owned()).found(settings.kv_version.to_string())
            );
        }
        let base = format!("{}://{}:{}/v1/", settings.scheme, settings.host, settings.port);
        if !["http", "https"].contains(&settings.scheme.as_str()) || url::Url::parse(&base).is_err() {
            return Err(wrong("host", "and scheme are no address".to_owned()).found(&*base));
        }
        let ssl = &settings.ssl;
        let tls = if settings.skip_ssl_validation {
            Some(wellspring_tls::anybody::config().map_err(|error| wrong("ssl", error.to_string()))?)
        } else if ssl.trust_store.is_some() || ssl.key_store.is_some() {
            let bundle = Bundle::in_place(env, &format!("{prefix}.ssl"))?;
            Some(wellspring_tls::client::config(&bundle).map_err(|error| wrong("ssl", error))?)
        } else {
            None
        };
        let timeout = Duration::from_secs(settings.timeout.max(1));
        let mut proxies = Vec::new();
        for (scheme, proxy) in &settings.proxy {
            let Some(host) = &proxy.host else { continue };
            let address = format!("http://{host}:{}", proxy.port.unwrap_or(80));
            let made = if scheme.eq_ignore_ascii_case("https") {
                reqwest::Proxy::https(address)
            } else {
                reqwest::Proxy::http(address)
            };
            let mut made = made.map_err(|error| wrong("proxy", error.to_string()))?;
            if let Some(username) = &proxy.username {
                let password = proxy.password.as_ref().map_or("", |password| &password.0);
                made = made.basic_auth(username, password);
            }
            proxies.push(made);
        }
        let options = outbound::Options {
            connect_timeout: timeout,
            read_timeout: Some(timeout),
            tls,
            proxies,
            ..outbound::Options::default()
        };
        let http = outbound::client(options).map_err(|error| wrong("ssl", error.to_string()))?;
        let namespace = settings.namespace.as_deref().filter(|namespace| !namespace.is_empty());
        let namespace = namespace.map(HeaderValue::from_str).transpose();
        let namespace = namespace.map_err(|_| wrong("namespace", "is no text for a header".to_owned()))?;
        Ok(Self { http, base, namespace, timeout, version: settings.kv_version })
    }

    /// The secret's data as JSON; `None`: there is none.
    pub(super) async fn read(&self, path: &str, token: &Secret) -> Result<Option<String>, Trouble> {
        #[derive(Deserialize)]
        struct Body<T> {
            data: Option<T>,
        }
        let Some(body) = self.answer(self.http.get(self.url(path)), Some(token)).await? else {
            return Ok(None);
        };
        let broken = |_| Trouble("it answers with something that is no secret".to_owned());
        let data: Option<Box<RawValue>> = match self.version {
            // A secret of which all versions are deleted has null there.
            2 => serde_json::from_slice::<Body<Body<Box<RawValue>>>>(&body)
                .map_err(broken)?
                .data
                .and_then(|data| data.data),
            _ => serde_json::from_slice::<Body<Box<RawValue>>>(&body).map_err(broken)?.data,
        };
        Ok(data.map(|data| data.get().to_owned()).filter(|data| data != "null"))
    }

    /// `auth` of an answer to a login or a renewal.
    pub(super) async fn sign(
        &self,
        path: &str,
        body: &serde_json::Value,
        token: Option<&Secret>,
    ) -> Result<Lease, Trouble> {
        #[derive(Deserialize)]
        struct Body {
            auth: Lease,
        }
        let answer = self.answer(self.http.post(self.url(path)).json(body), token).await?;
        let answer = answer.ok_or_else(|| Trouble(format!("{path} is not there")))?;
        serde_json::from_slice::<Body>(&answer)
            .map(|body| body.auth)
            .map_err(|_| Trouble(format!("{path} does not answer as Vault does")))
    }

    /// What is left of a token's life, and whether it can be renewed.
    pub(super) async fn look_up(&self, token: &Secret) -> Result<(Duration, bool), Trouble> {
        #[derive(Deserialize)]
        struct Body {
            data: Token,
        }
        #[derive(Deserialize)]
        struct Token {
            #[serde(default)]
            ttl: u64,
            #[serde(default)]
            renewable: bool,
        }
        let path = "auth/token/lookup-self";
        let answer = self.answer(self.http.get(self.url(path)), Some(token)).await?;
        let known: Body = answer
            .and_then(|answer| serde_json::from_slice(&answer).ok())
            .ok_or_else(|| Trouble(format!("{path} does not answer as Vault does")))?;
        Ok((Duration::from_secs(known.data.ttl), known.data.renewable))
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// The body; `None` for 404.
    async fn answer(
        &self,
        request: RequestBuilder,
        token: Option<&Secret>,
    ) -> Result<Option<bytes::Bytes>, Trouble> {
        let mut request = request.header("x-vault-request", "true");
        if let Some(token) = token {
            let mut value = HeaderValue::from_str(&token.0)
                .map_err(|_| Trouble("the token has signs that no token has".to_owned()))?;
            value.set_sensitive(true);
            request = request.header("x-vault-token", value);
        }
        if let Some(namespace) = &self.namespace {
            request = request.header("x-vault-namespace", namespace);
        }
        let whole = async {
            let mut response = request.send().await?;
            let status = response.status();
            let mut body = Vec::new();
            while let Some(chunk) = response.chunk().await? {
                body.extend_from_slice(&chunk);
                if body.len() > LARGEST {
                    break;
                }
            }
            Ok((status, bytes::Bytes::from(body)))
        };
        let (status, body) = tokio::time::timeout(self.timeout, whole)
            .await
            .map_err(|_| Trouble(format!("no answer within {} s", self.timeout.as_secs())))?
            .map_err(|error: reqwest::Error| {
                Trouble(if error.is_connect() { "no connection" } else { "the connection broke" }.to_owned())
            })?;
        match status {
            StatusCode::NOT_FOUND => Ok(None),
            status if status.is_success() => Ok(Some(body)),
            status => Err(Trouble(format!("it answers {}", status.as_u16()))),
        }
    }
}

impl Trouble {
    /// The token is not, or no longer, good.
    pub(super) fn is_refusal(&self) -> bool {
        self.0 == "it answers 403"
    }
}
