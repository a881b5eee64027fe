//! Requests to a registry: the right server, the accepted statuses, the next server when one fails.

use bytes::Bytes;
use parking_lot::Mutex;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Method, StatusCode};
use thiserror::Error;
use tokio::time::Instant;
use tracing::{debug, warn};
use url::Url;

use super::names::Names;
use super::servers::{Server, Servers, in_order};
use super::settings::ClientSettings;

/// What is asked; decides which statuses are answers and which mean "try another server".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    Register,
    Heartbeat,
    Cancel,
    Delta,
    Other,
}

impl Call {
    fn accepts(self, status: StatusCode) -> bool {
        let usual = status.is_success() || status == StatusCode::FOUND;
        usual
            || match self {
                Self::Register | Self::Heartbeat => status == StatusCode::NOT_FOUND,
                Self::Cancel => true,
                Self::Delta => matches!(status, StatusCode::NOT_FOUND | StatusCode::FORBIDDEN),
                Self::Other => false,
            }
    }
}

/// Why no server gave an answer.
#[derive(Debug, Error)]
pub(crate) enum TransportError {
    /// The last server tried did not answer in time.
    #[error("{server} did not answer in time")]
    TimedOut {
        /// Which one.
        server: Url,
    },
    /// The last server tried cannot be reached, or broke off.
    #[error("{server} cannot be reached: {source}")]
    Unreachable {
        /// Which one.
        server: Url,
        /// What the transport said.
        #[source]
        source: reqwest::Error,
    },
    /// The last server tried answered something that is no answer.
    #[error("{server} answered {status}")]
    Status {
        /// Which one.
        server: Url,
        /// Its status.
        status: StatusCode,
    },
    /// An answer that is not Eureka's.
    #[error("answer of {server} cannot be read: {message}")]
    Body {
        /// Which one.
        server: Url,
        /// What the decoder said.
        message: String,
    },
    /// No server is configured.
    #[error("no registry is configured: set eureka.client.service-url.defaultZone")]
    NoServer,
}

/// What a server answered.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) server: Server,
    pub(crate) status: StatusCode,
    pub(crate) body: Bytes,
}

/// One session with the registry. Registering and fetching have one each.
#[derive(Debug)]
pub(crate) struct Transport {
    http: reqwest::Client,
    servers: Mutex<Servers>,
    names: Option<Names>,
    accept: Option<HeaderValue>,
}

impl Transport {
    pub(crate) fn new(http: reqwest::Client, servers: Vec<Server>, settings: &ClientSettings) -> Self {
        let servers = Servers::new(servers, &settings.transport, Instant::now());
        let compact = settings.client_data_accept == "compact";
        let accept = compact.then(|| HeaderValue::from_static("compact"));
        Self { http, servers: Mutex::new(servers), names: Names::of(settings), accept }
    }

    /// Sends to the server of the session, and to others when it fails.
    pub(crate) async fn send(
        &self,
        call: Call,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
        body: Option<Bytes>,
    ) -> Result<Reply, TransportError> {
        if let Some(names) = &self.names
            && let Some(found) = names.news().await
        {
            match in_order(&found) {
                Ok(servers) => self.servers.lock().replace(servers),
                Err((url, error)) => warn!(url, %error, "DNS lists what is no host"),
            }
        }
        let candidates = self.servers.lock().candidates(Instant::now());
        let mut failure = TransportError::NoServer;
        for server in candidates {
            match self.ask(&server, call, &method, path, query, body.clone()).await {
                Ok(reply) => {
                    self.servers.lock().answered(&server);
                    return Ok(reply);
                }
                Err(error) => {
                    debug!(%error, "registry asked in vain");
                    self.servers.lock().failed(&server);
                    failure = error;
                }
            }
        }
        Err(failure)
    }

    async fn ask(
        &self,
        server: &Server,
        call: Call,
        method: &Method,
        path: &[&str],
        query: &[(&str, &str)],
        body: Option<Bytes>,
    ) -> Result<Reply, TransportError> {
        let mut request =
            self.request(server, method.clone(), path, query).header(ACCEPT, "application/json");
        // A registry of our own kind knows by it that this client wants no list from a cache.
        request = request.header("X-Wellspring-Client", env!("CARGO_PKG_VERSION"));
        if let Some(accept) = self.accept.as_ref().filter(|_| *method == Method::GET) {
            request = request.header("X-Eureka-Accept", accept);
        }
        if let Some(body) = body {
            request = request.header(CONTENT_TYPE, "application/json").body(body);
        }
        let broken = |source: reqwest::Error| {
            let server = server.base.clone();
            if source.is_timeout() {
                TransportError::TimedOut { server }
            } else {
                TransportError::Unreachable { server, source: source.without_url() }
            }
        };
        let response = request.send().await.map_err(broken)?;
        let status = response.status();
        if !call.accepts(status) {
            return Err(TransportError::Status { server: server.base.clone(), status });
        }
        let body = response.bytes().await.map_err(broken)?;
        Ok(Reply { server: server.clone(), status, body })
    }

    /// A request to one server with its credentials; segments of `path` are encoded.
    pub(crate) fn request(
        &self,
        server: &Server,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> reqwest::RequestBuilder {
        let mut url = server.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let request = self.http.request(method, url);
        match &server.authorization {
            Some(value) => request.header(AUTHORIZATION, value),
            None => request,
        }
    }
}
