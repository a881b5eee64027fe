//! The one place that makes HTTP clients: TLS by ring, time-outs, no surprises from the environment.

use std::sync::Arc;
use std::time::Duration;

use reqwest::redirect::Policy;

/// How an outbound client behaves. `default()` is what calls by service name use.
#[derive(Debug, Clone)]
pub struct Options {
    /// Longest wait for a connection.
    pub connect_timeout: Duration,
    /// Longest wait for the next bytes of an answer; `None`: for ever.
    pub read_timeout: Option<Duration>,
    /// Redirects followed; 0: none.
    pub redirects: usize,
    /// Idle connections kept per host.
    pub idle_per_host: usize,
    /// How long an idle connection is kept.
    pub idle_timeout: Duration,
    /// Trust and own identity; `None`: the public roots.
    pub tls: Option<rustls::ClientConfig>,
    /// `User-Agent`; `None`: none.
    pub user_agent: Option<String>,
    /// Proxies by scheme, the first that takes a request; none by default, whatever the environment says.
    pub proxies: Vec<reqwest::Proxy>,
    /// Only HTTP/2, without an upgrade (h2c over plain text).
    pub http2_only: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            read_timeout: Some(Duration::from_secs(60)),
            redirects: 0,
            idle_per_host: 50,
            // Below the 60 s after which common servers close: a connection taken from the pool is still open.
            idle_timeout: Duration::from_secs(30),
            tls: None,
            user_agent: None,
            proxies: Vec::new(),
            http2_only: false,
        }
    }
}

/// A client of its own connection pool; cloning it shares the pool.
///
/// # Errors
/// When the TLS settings cannot be used.
pub fn client(options: Options) -> Result<reqwest::Client, reqwest::Error> {
    let tls = options.tls.unwrap_or_else(public_roots);
    let mut builder = reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        // A proxy from the environment would take loopback and cluster-internal calls out of the cluster.
        .no_proxy()
        .connect_timeout(options.connect_timeout)
        .pool_max_idle_per_host(options.idle_per_host)
        .pool_idle_timeout(options.idle_timeout)
        .tcp_nodelay(true)
        .redirect(if options.redirects == 0 { Policy::none() } else { Policy::limited(options.redirects) });
    if let Some(timeout) = options.read_timeout {
        builder = builder.read_timeout(timeout);
    }
    if let Some(agent) = options.user_agent {
        builder = builder.user_agent(agent);
    }
    for proxy in options.proxies {
        builder = builder.proxy(proxy);
    }
    if options.http2_only {
        builder = builder.http2_prior_knowledge();
    }
    builder.build()
}

fn public_roots() -> rustls::ClientConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let builder = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    #[expect(clippy::expect_used, reason = "ring supports TLS 1.2 and 1.3, which are the default versions")]
    let mut config =
        builder.expect("ring has the default versions").with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config
}
