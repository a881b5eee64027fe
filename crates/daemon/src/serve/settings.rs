//! `server.*`: where and how the application listens.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use serde::Deserialize;
use wellspring_properties::value;

/// `server`.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub(crate) struct Server {
    /// 0: any free port.
    pub(crate) port: u16,
    /// All interfaces when absent.
    pub(crate) address: Option<IpAddr>,
    /// Bytes; more is answered with 431.
    #[serde(with = "value::data_size")]
    pub(crate) max_http_request_header_size: u64,
    pub(crate) shutdown: Shutdown,
    pub(crate) servlet: Servlet,
    pub(crate) tomcat: Tomcat,
    pub(crate) netty: Netty,
    pub(crate) http2: Http2,
    /// Read by `Tls`; named here so that it is not called unknown.
    pub(crate) ssl: HashMap<String, String>,
    /// Read by the error page; named here so that it is not called unknown.
    pub(crate) error: crate::error_page::Included,
    /// Read by the gateway; named here so that it is not called unknown.
    pub(crate) forward_headers_strategy: Option<String>,
}

/// `server.shutdown`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Shutdown {
    /// Requests in flight may end within the grace time.
    #[default]
    Graceful,
    Immediate,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub(crate) struct Servlet {
    /// `/app`; empty or `/` is none.
    pub(crate) context_path: String,
}

/// `server.tomcat`: the limits of connections keep the names users know.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub(crate) struct Tomcat {
    pub(crate) max_connections: usize,
    /// How long a connection may take until its request's head is complete; idle connections live as long.
    #[serde(with = "value::duration_millis")]
    pub(crate) connection_timeout: Duration,
    /// The queue of connections that nobody has accepted yet.
    pub(crate) accept_count: i32,
}

/// `server.netty`: what applications of the reactive kind set.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub(crate) struct Netty {
    /// In the place of `server.tomcat.connection-timeout`.
    #[serde(with = "value::duration_millis::option")]
    pub(crate) idle_timeout: Option<Duration>,
    /// After so many requests a connection is closed.
    pub(crate) max_keep_alive_requests: Option<u32>,
}

/// `server.http2`.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub(crate) struct Http2 {
    /// Only an explicit `false` keeps HTTP/2 off: it costs nobody anything.
    pub(crate) enabled: Option<bool>,
}

impl Server {
    /// How long a connection may be idle, or without a complete head.
    pub(super) fn patience(&self) -> Duration {
        self.netty.idle_timeout.unwrap_or(self.tomcat.connection_timeout)
    }
}

impl Default for Server {
    fn default() -> Self {
        Self {
            port: 8080,
            address: None,
            max_http_request_header_size: 8 * 1024,
            shutdown: Shutdown::default(),
            servlet: Servlet::default(),
            tomcat: Tomcat::default(),
            netty: Netty::default(),
            http2: Http2::default(),
            ssl: HashMap::new(),
            error: crate::error_page::Included::default(),
            forward_headers_strategy: None,
        }
    }
}

impl Default for Tomcat {
    fn default() -> Self {
        Self { max_connections: 8192, connection_timeout: Duration::from_secs(60), accept_count: 1024 }
    }
}

impl Servlet {
    /// Without a trailing slash; empty for the root.
    pub(crate) fn context_path(&self) -> String {
        match self.context_path.trim_matches('/') {
            "" => String::new(),
            inner => format!("/{inner}"),
        }
    }
}
