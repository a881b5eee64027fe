//! One environment from one of several config servers: labels in order, then the next server.

use reqwest::StatusCode;
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use tracing::{debug, info};
use url::Url;
use wellspring_properties::Problem;
use wellspring_wire::config::{Environment, V2};

use super::settings::{ConfigSettings, UriStrategy};
use crate::codes;
use crate::eureka::{Server, basic};

/// Why no environment came.
#[derive(Debug, thiserror::Error)]
pub(super) enum FetchError {
    #[error("{0}")]
    Connection(String),
    #[error("{0}")]
    Answer(String),
    /// Trying again would not help.
    #[error("{}", .0.message)]
    Settings(Box<Problem>),
}

/// Asks the servers in order for these profiles.
pub(super) async fn fetch(
    http: &reqwest::Client,
    settings: &ConfigSettings,
    profiles: &str,
    state: Option<&str>,
) -> Result<Environment, FetchError> {
    let mut last = FetchError::Answer("no config server is named".to_owned());
    for uri in &settings.uri {
        let server =
            Server::parse(uri).map_err(|error| bad_setting(format!("config server's URL: {error}")))?;
        match ask(http, settings, &server, profiles, state).await {
            Ok(environment) => return Ok(environment),
            Err(error) => {
                debug!(server = %server.base, %error, "config server asked in vain");
                let stop = settings.multiple_uri_strategy == UriStrategy::ConnectionTimeoutOnly
                    && !matches!(error, FetchError::Connection(_));
                last = error;
                if stop || matches!(last, FetchError::Settings(_)) {
                    break;
                }
            }
        }
    }
    Err(last)
}

async fn ask(
    http: &reqwest::Client,
    settings: &ConfigSettings,
    server: &Server,
    profiles: &str,
    state: Option<&str>,
) -> Result<Environment, FetchError> {
    let headers = headers(settings, server, state)?;
    for label in settings.labels() {
        let url = address(&server.base, settings.names(), profiles, label.as_deref());
        debug!(%url, "asking the config server");
        let connection = |error: reqwest::Error| {
            let reason = if error.is_timeout() {
                "did not answer in time".to_owned()
            } else {
                format!("cannot be reached: {}", root_cause(&error.without_url()))
            };
            FetchError::Connection(format!("{} {reason}", server.base))
        };
        let response = http.get(url.clone()).headers(headers.clone()).send().await.map_err(connection)?;
        let status = response.status();
        let body = response.bytes().await.map_err(connection)?;
        if status == StatusCode::NOT_FOUND {
            continue;
        }
        if !status.is_success() {
            let said = if status.is_server_error() { first_part(&body) } else { String::new() };
            return Err(FetchError::Answer(format!("{url} answered {status}{said}")));
        }
        let environment: Environment = serde_json::from_slice(&body)
            .map_err(|error| FetchError::Answer(format!("answer of {url} is no environment: {error}")))?;
        info!(
            server = %server.base, name = environment.name, profiles, label = label.as_deref().unwrap_or_default(),
            version = environment.version.as_deref().unwrap_or_default(),
            sources = environment.property_sources.len(), "configuration fetched"
        );
        return Ok(environment);
    }
    let labels = settings.label.as_deref().map(|labels| format!(" with label {labels}")).unwrap_or_default();
    Err(FetchError::Answer(format!("{} has no {}{labels}", server.base, settings.names())))
}

pub(super) fn address(base: &Url, name: &str, profiles: &str, label: Option<&str>) -> Url {
    let mut url = base.clone();
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().push(&name.replace('/', "(_)")).push(profiles);
        if let Some(label) = label {
            segments.push(&label.replace('/', "(_)"));
        }
    }
    url
}

pub(super) fn headers(
    settings: &ConfigSettings,
    server: &Server,
    state: Option<&str>,
) -> Result<HeaderMap, FetchError> {
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static(V2));
    headers.insert(HeaderName::from_static("accept-charset"), HeaderValue::from_static("UTF-8"));
    let user = settings.username.as_deref().unwrap_or("user");
    let own = settings.password.as_deref().and_then(|password| basic(user, password));
    if let Some(value) = own.or_else(|| server.authorization.clone()) {
        headers.insert(AUTHORIZATION, value);
    }
    let mut set = |name: &str, value: &str| {
        let bad = || bad_setting(format!("header {name} of spring.cloud.config cannot be sent"));
        let mut text = HeaderValue::try_from(value).map_err(|_| bad())?;
        text.set_sensitive(true);
        headers.insert(HeaderName::try_from(name).map_err(|_| bad())?, text);
        Ok::<_, FetchError>(())
    };
    for (name, value) in &settings.headers {
        set(name, value)?;
    }
    if let Some(token) = &settings.token {
        set("x-config-token", token)?;
    }
    if let Some(state) = state.filter(|_| settings.send_state) {
        set("x-config-state", state)?;
    }
    Ok(headers)
}

fn bad_setting(message: String) -> FetchError {
    FetchError::Settings(Box::new(Problem::new(codes::CONFIG_SERVER, message)))
}

fn first_part(body: &[u8]) -> String {
    let text: String = String::from_utf8_lossy(body).chars().take(500).collect();
    if text.is_empty() { text } else { format!(": {text}") }
}

/// The innermost reason: "connection refused" says more than "error sending request".
fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slashes_in_labels_are_written_as_the_server_reads_them() {
        let base = Url::parse("http://h/cfg/").unwrap();
        let url = address(&base, "orders", "dev,eu", Some("feature/x"));
        assert_eq!(url.as_str(), "http://h/cfg/orders/dev,eu/feature(_)x");
        assert_eq!(address(&base, "a", "b", None).as_str(), "http://h/cfg/a/b");
    }
}
