//! One request in flight: what filters read and change, typed.
//!
//! `uri` and `headers` are those the upstream will see; `original` is what the client sent. A retry starts again from a
//! `Saved` copy, so filters behind it see the same request each time.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, Version};
use wellspring_lb_client::{Balancer, Instance};
use wellspring_pattern::Variables;

use crate::error::Error;
use crate::route::{Destination, Route};
use crate::security::Principal;
use crate::upstream::Origin;
use crate::upstream::body::Payload;
use crate::watch::entry::is_secret;

/// What the client sent, before any filter.
#[derive(Debug, Clone)]
pub struct Original {
    pub uri: PathAndQuery,
    pub host: Option<HeaderValue>,
    pub peer: SocketAddr,
    pub local: SocketAddr,
    pub secure: bool,
    pub version: Version,
    /// Decides the form of an error page.
    pub accept: Option<HeaderValue>,
    /// The client's certificate (DER), when it showed one.
    pub certificate: Option<Arc<[u8]>>,
}

impl Original {
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        if self.secure { "https" } else { "http" }
    }
}

/// Which `Host` the upstream gets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum HostHeader {
    /// Host and port of the target.
    #[default]
    Target,
    /// The client's.
    Preserve,
    Set(HeaderValue),
}

/// Where the exchange goes, as far as the steps passed so far have found out.
#[derive(Debug, Clone, Default)]
pub enum Target {
    /// Before the route's address was taken.
    #[default]
    Open,
    Upstream {
        origin: Arc<Origin>,
        websocket: bool,
    },
    /// The route's service, before an instance is chosen.
    Balanced,
    /// A service that a filter named.
    Service(Box<str>),
    /// An address that a filter named.
    Elsewhere {
        tls: bool,
        host: Box<str>,
        port: Option<u16>,
        websocket: bool,
    },
    Forward,
    Nowhere,
}

/// The request in flight.
#[derive(Debug)]
pub struct Exchange {
    pub id: RequestId,
    pub original: Arc<Original>,
    pub route: Arc<Route>,
    pub method: Method,
    pub uri: PathAndQuery,
    pub headers: HeaderMap,
    pub payload: Payload,
    pub variables: Variables,
    pub host: HostHeader,
    pub target: Target,
    /// The instance that the load balancer chose, and on a retry the one before.
    pub instance: Option<Instance>,
    /// Who chose it, and wants to hear how the call ended.
    pub balancer: Option<Arc<Balancer>>,
    /// Paths before each rewrite, for `X-Forwarded-Prefix`.
    pub earlier: Vec<PathAndQuery>,
    /// PrefixPath acts once per request.
    pub prefixed: bool,
    /// Headers for the answer that filters set before there is one.
    pub answer: HeaderMap,
    /// Why a breaker sent the exchange to its fallback.
    pub failure: Option<Error>,
    /// How often the exchange was dispatched inside (`forward:`), against loops.
    pub forwards: u8,
    pub upgrade: Option<hyper::upgrade::OnUpgrade>,
    /// Who it comes from, when that was asked and shown.
    pub principal: Option<Arc<Principal>>,
}

/// The part of an exchange that filters change, to start over from.
#[derive(Debug, Clone)]
pub struct Saved {
    method: Method,
    uri: PathAndQuery,
    headers: HeaderMap,
    host: HostHeader,
    target: Target,
    earlier: Vec<PathAndQuery>,
    prefixed: bool,
    answer: HeaderMap,
}

impl Saved {
    /// What is different in `exchange`, in words.
    #[must_use]
    pub fn changes(&self, exchange: &Exchange) -> Vec<String> {
        let mut changes = Vec::new();
        if self.uri != exchange.uri {
            changes.push(format!("path {} → {}", self.uri, exchange.uri));
        }
        for name in
            exchange.headers.keys().chain(self.headers.keys().filter(|n| !exchange.headers.contains_key(*n)))
        {
            let line = |headers: &HeaderMap| {
                let values: Vec<String> = headers
                    .get_all(name)
                    .iter()
                    .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
                    .collect();
                if is_secret(name) { "******".to_owned() } else { values.join(", ") }
            };
            let same = self.headers.get_all(name).iter().eq(exchange.headers.get_all(name).iter());
            if !same {
                changes.push(format!("{name}: {:?} → {:?}", line(&self.headers), line(&exchange.headers)));
            }
        }
        if self.host != exchange.host {
            changes.push(format!("host {:?} → {:?}", self.host, exchange.host));
        }
        changes
    }
}

impl Exchange {
    #[must_use]
    pub fn path(&self) -> &str {
        self.uri.path()
    }

    #[must_use]
    pub fn query(&self) -> Option<&str> {
        self.uri.query()
    }

    /// Replaces the path and keeps the query; what is no legal path is an error of the route.
    pub fn set_path(&mut self, path: &str) -> Result<(), Error> {
        let text = match self.uri.query() {
            Some(query) => format!("{path}?{query}"),
            None => path.to_owned(),
        };
        let next = parse(text)?;
        let before = std::mem::replace(&mut self.uri, next);
        if !self.earlier.contains(&before) {
            self.earlier.push(before);
        }
        Ok(())
    }

    /// Replaces the query; empty text drops it.
    pub fn set_query(&mut self, query: &str) -> Result<(), Error> {
        let path = self.uri.path();
        self.uri = parse(if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") })?;
        Ok(())
    }

    /// Where it went, for those who watch: the chosen instance, or the route's address.
    #[must_use]
    pub fn upstream(&self) -> Option<String> {
        match (&self.instance, &self.route.destination) {
            (Some(instance), _) => Some(format!("{}:{}", instance.host(), instance.port())),
            (None, Destination::Upstream { origin, .. }) => Some(origin.shown.to_string()),
            (None, _) => None,
        }
    }

    #[must_use]
    pub fn save(&self) -> Saved {
        Saved {
            method: self.method.clone(),
            uri: self.uri.clone(),
            headers: self.headers.clone(),
            host: self.host.clone(),
            target: self.target.clone(),
            earlier: self.earlier.clone(),
            prefixed: self.prefixed,
            answer: self.answer.clone(),
        }
    }

    pub fn restore(&mut self, saved: Saved) {
        let Saved { method, uri, headers, host, target, earlier, prefixed, answer } = saved;
        self.method = method;
        self.uri = uri;
        self.headers = headers;
        self.host = host;
        self.target = target;
        self.earlier = earlier;
        self.prefixed = prefixed;
        self.answer = answer;
    }
}

/// A path with its query; illegal text is an error of the route.
pub(crate) fn parse(text: String) -> Result<PathAndQuery, Error> {
    let bytes = Bytes::from(text);
    PathAndQuery::from_maybe_shared(bytes.clone())
        .map_err(|_| Error::Unroutable(format!("no legal path: {bytes:?}")))
}

/// `9bdc9695-4`: the connection's id and the number of the request on it, as the original writes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestId {
    connection: u32,
    number: u32,
}

/// Gives ids. The original numbers per connection; we number per process and derive the first part from the peer.
#[derive(Debug, Default)]
pub struct RequestIds(AtomicU32);

impl RequestIds {
    pub fn next(&self, peer: SocketAddr) -> RequestId {
        let number = self.0.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        let seed = match peer {
            SocketAddr::V4(v4) => u32::from(*v4.ip()),
            SocketAddr::V6(v6) => v6.ip().segments().iter().fold(0, |sum, s| sum ^ (u32::from(*s) << 8)),
        };
        RequestId { connection: (seed ^ (u32::from(peer.port()) << 12)).wrapping_mul(0x9E37_79B9), number }
    }
}

impl std::fmt::Display for RequestId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:08x}-{}", self.connection, self.number)
    }
}
