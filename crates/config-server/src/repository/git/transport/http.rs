//! A remote behind http or https.

use std::path::Path;
use std::time::Duration;

use http::header::{ACCEPT, CONTENT_TYPE};
use reqwest::{NoProxy, StatusCode};
use url::Url;
use wellspring_lb_client::http as client;
use wellspring_properties::Problem;

use super::packet::{Incoming, Packet, Packets, cause};
use super::{Shown, pack};
use crate::config::{Git as Settings, Proxy, Secret};
use crate::repository::git::refs::Refs;

const SERVICE: &str = "git-upload-pack";
const REDIRECTS: usize = 5;

pub(crate) struct Http {
    client: reqwest::Client,
    base: Url,
    username: Option<String>,
    password: Option<Secret>,
}

impl std::fmt::Debug for Http {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Http({})", Shown(self.base.as_str()))
    }
}

impl Http {
    pub(super) fn new(uri: &str, settings: &Settings) -> Result<Self, Problem> {
        let invalid = |message: String| Problem::new("WS-1414", message).found(Shown(uri).to_string());
        let mut base = Url::parse(uri).map_err(|error| invalid(format!("not a uri: {error}")))?;
        let mut username = settings.username.clone();
        let mut password = settings.password.clone();
        if username.is_none() && !base.username().is_empty() {
            let decode =
                |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
            username = Some(decode(base.username()));
            password = base.password().map(|text| Secret(decode(text)));
        }
        if base.set_username("").is_err() || base.set_password(None).is_err() {
            return Err(invalid("a uri without a host".to_owned()));
        }
        let tls = settings.skip_ssl_validation.then(wellspring_tls::anybody::config).transpose();
        let tls = tls.map_err(|error| invalid(error.to_string()))?;
        let options = client::Options {
            connect_timeout: Duration::from_secs(
                settings.timeout.filter(|timeout| *timeout > 0).unwrap_or(5),
            ),
            // Each packet has its own time-out.
            read_timeout: None,
            redirects: REDIRECTS,
            idle_per_host: 2,
            tls,
            user_agent: Some(format!("git/wellspring-{}", env!("CARGO_PKG_VERSION"))),
            proxies: proxies(settings)
                .map_err(|error| invalid(format!("proxy cannot be used: {}", cause(&error))))?,
            ..client::Options::default()
        };
        let client = client::client(options).map_err(|error| invalid(cause(&error)))?;
        Ok(Self { client, base, username, password })
    }

    pub(super) async fn fetch(&self, mirror: &Path, known: &Refs, timeout: Duration) -> Result<Refs, String> {
        let url = format!("{}/info/refs?service={SERVICE}", self.base.as_str().trim_end_matches('/'));
        let response = self.send(self.client.get(url), timeout).await?;
        let expected = format!("application/x-{SERVICE}-advertisement");
        let kind =
            response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if kind != expected {
            return Err("no Git repository answers here (smart HTTP is needed)".to_owned());
        }
        // The answer may have come from elsewhere; the rest of the conversation goes there as well.
        let service =
            response.url().as_str().split_once("/info/refs").map(|(base, _)| format!("{base}/{SERVICE}"));
        let service = service.ok_or("redirected to something that is no repository")?;
        let mut packets = Packets::new(Incoming::Http(response), timeout);
        // `# service=…` and a flush come first.
        while packets.next().await? != Packet::Flush {}
        let said = pack::advertisement(&mut packets).await?;
        if let Some(request) = said.request(mirror, known).await? {
            let post = self
                .client
                .post(service)
                .header(CONTENT_TYPE, format!("application/x-{SERVICE}-request"))
                .header(ACCEPT, format!("application/x-{SERVICE}-result"))
                .body(request);
            let response = self.send(post, timeout).await?;
            pack::receive(&mut Packets::new(Incoming::Http(response), timeout), mirror).await?;
        }
        Ok(said.refs)
    }

    async fn send(
        &self,
        request: reqwest::RequestBuilder,
        timeout: Duration,
    ) -> Result<reqwest::Response, String> {
        let request = match &self.username {
            Some(username) => {
                request.basic_auth(username, self.password.as_ref().map(|password| &password.0))
            }
            None => request,
        };
        let response = tokio::time::timeout(timeout, request.send())
            .await
            .map_err(|_| format!("no answer within {} s", timeout.as_secs()))?
            .map_err(|error| cause(&error))?;
        match response.status() {
            StatusCode::OK => Ok(response),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN if self.username.is_none() => {
                Err(format!("{}: the repository wants a username and password", response.status()))
            }
            status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => {
                Err(format!("{status}: the username or password is not accepted"))
            }
            status => Err(format!("the server answers {status}")),
        }
    }
}

fn proxies(settings: &Settings) -> Result<Vec<reqwest::Proxy>, reqwest::Error> {
    let mut out = Vec::new();
    for (scheme, proxy) in &settings.proxy {
        let Proxy { host: Some(host), port, username, password, non_proxy_hosts } = proxy else { continue };
        let url = format!("http://{host}:{}", port.unwrap_or(80));
        let mut made =
            if scheme == "https" { reqwest::Proxy::https(url)? } else { reqwest::Proxy::http(url)? };
        if let Some(username) = username {
            made = made.basic_auth(username, password.as_ref().map_or("", |password| &password.0));
        }
        let direct = non_proxy_hosts.as_ref().map(|hosts| hosts.replace('|', ",").replace("*.", "."));
        out.push(made.no_proxy(direct.and_then(|hosts| NoProxy::from_string(&hosts))));
    }
    Ok(out)
}
