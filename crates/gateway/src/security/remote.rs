//! Short questions to identity providers: JSON, bounded in time and size.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use serde_json::{Map, Value};
use wellspring_lb_client::http::{Options, client};

/// Answers of providers are a few kilobytes.
const LARGEST: usize = 512 << 10;
const PATIENCE: Duration = Duration::from_secs(5);

/// Asks providers. Cloning shares its connections.
#[derive(Debug, Clone, Default)]
pub struct Remote(Arc<OnceLock<Result<reqwest::Client, String>>>);

/// A provider's metadata.
#[derive(Debug, Clone)]
pub struct Metadata(Map<String, Value>);

impl Metadata {
    pub fn member(&self, name: &str) -> Result<String, String> {
        self.optional(name).ok_or_else(|| format!("metadata of the issuer have no {name}"))
    }

    #[must_use]
    pub fn optional(&self, name: &str) -> Option<String> {
        self.0.get(name).and_then(Value::as_str).map(str::to_owned)
    }
}

impl Remote {
    /// The client, made for the first question: most gateways never ask one.
    fn client(&self) -> Result<&reqwest::Client, String> {
        let made = self.0.get_or_init(|| {
            let options = Options {
                connect_timeout: PATIENCE,
                read_timeout: Some(PATIENCE),
                redirects: 3,
                idle_per_host: 4,
                ..Options::default()
            };
            client(options).map_err(|error| error.to_string())
        });
        made.as_ref().map_err(Clone::clone)
    }

    pub async fn get(&self, address: &str) -> Result<Vec<u8>, String> {
        self.get_as(address, None).await
    }

    /// With an access token.
    pub async fn get_as(&self, address: &str, token: Option<&str>) -> Result<Vec<u8>, String> {
        let mut request = self.client()?.get(address).header("Accept", "application/json").timeout(PATIENCE);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let (status, body) = read(request, address).await?;
        if status == 200 { Ok(body) } else { Err(format!("{address} answers {status}")) }
    }

    /// A form posted with the client's credentials in the header (`basic`) or as the form says.
    pub async fn post(
        &self,
        address: &str,
        basic: Option<(&str, &str)>,
        form: &[(&str, &str)],
    ) -> Result<(u16, Map<String, Value>), String> {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let mut request = self
            .client()?
            .post(address)
            .header("Accept", "application/json")
            .header("Content-Type", "application/x-www-form-urlencoded;charset=UTF-8")
            .body(body)
            .timeout(PATIENCE);
        if let Some((user, password)) = basic {
            request = request.basic_auth(user, Some(password));
        }
        let (status, body) = read(request, address).await?;
        Ok((status, serde_json::from_slice(&body).unwrap_or_default()))
    }

    /// The provider's metadata: OpenID Connect's places first, then those of RFC 8414, as Spring looks for them.
    pub async fn metadata(&self, issuer: &str) -> Result<Metadata, String> {
        let parsed = url::Url::parse(issuer).map_err(|error| format!("issuer {issuer}: {error}"))?;
        let path = parsed.path().trim_end_matches('/').to_owned();
        let at = |path: String| {
            let mut address = parsed.clone();
            address.set_path(&path);
            address.to_string()
        };
        let mut failure = String::new();
        for address in [
            at(format!("{path}/.well-known/openid-configuration")),
            at(format!("/.well-known/openid-configuration{path}")),
            at(format!("/.well-known/oauth-authorization-server{path}")),
        ] {
            match self.get(&address).await {
                Ok(body) => {
                    let members: Map<String, Value> =
                        serde_json::from_slice(&body).map_err(|error| format!("{address}: {error}"))?;
                    let metadata = Metadata(members);
                    let told = metadata.member("issuer")?;
                    if told != issuer {
                        return Err(format!("{address} is of the issuer {told}, not of {issuer}"));
                    }
                    return Ok(metadata);
                }
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }
}

async fn read(request: reqwest::RequestBuilder, address: &str) -> Result<(u16, Vec<u8>), String> {
    let said = |error: reqwest::Error| format!("{address}: {}", reason(&error));
    let mut response = request.send().await.map_err(said)?;
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(said)? {
        body.extend_from_slice(&chunk);
        if body.len() > LARGEST {
            return Err(format!("{address} answers more than {LARGEST} bytes"));
        }
    }
    Ok((response.status().as_u16(), body))
}

/// The innermost cause: what reqwest says around it repeats the address, which may hold secrets.
fn reason(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
