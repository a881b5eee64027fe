//! The upstream side: addresses with their idle connections, and one call on one of them.

mod answer;
pub mod body;
mod call;
mod connect;
mod pool;
pub mod websocket;
mod wire;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use http::HeaderValue;
use parking_lot::Mutex;
use wellspring_properties::Problem;

pub use answer::{Answer, Counted};
pub use call::Timeouts;
pub use pool::Origin;

use crate::config::HttpClient;
use connect::Connector;

/// An address map may hold this many entries before unused ones are dropped: filters can name any address.
const MOST_ORIGINS: usize = 4096;

type Origins = HashMap<Box<str>, Vec<Arc<Origin>>>;

/// All upstreams of a gateway. Routes keep their `Origin`; others are found by address.
#[derive(Debug)]
pub struct Upstreams {
    config: HttpClient,
    connector: Connector,
    /// By host; the few ports and schemes of a host are searched.
    origins: ArcSwap<Origins>,
    writing: Mutex<()>,
}

impl Upstreams {
    pub fn new(config: HttpClient) -> Result<Self, Problem> {
        let connector = Connector::new(&config)?;
        Ok(Self { config, connector, origins: ArcSwap::default(), writing: Mutex::new(()) })
    }

    /// The entry of an address, made on first use.
    pub fn origin(&self, tls: bool, host: &str, port: Option<u16>) -> Arc<Origin> {
        let port = port.unwrap_or(if tls { 443 } else { 80 });
        let find = |origins: &Origins| {
            origins.get(host)?.iter().find(|origin| origin.port == port && origin.tls == tls).map(Arc::clone)
        };
        if let Some(origin) = find(&self.origins.load()) {
            return origin;
        }
        let _writing = self.writing.lock();
        let all = self.origins.load();
        if let Some(origin) = find(&all) {
            return origin;
        }
        let mut more = Origins::clone(&all);
        drop(all);
        if more.values().map(Vec::len).sum::<usize>() >= MOST_ORIGINS {
            for origins in more.values_mut() {
                // The old map and this one hold two references; a third is somebody's.
                origins.retain(|origin| Arc::strong_count(origin) > 2 || !origin.is_unused());
            }
            more.retain(|_, origins| !origins.is_empty());
        }
        let origin = Arc::new(Origin::new(tls, host, port, &self.config));
        more.entry(host.into()).or_default().push(Arc::clone(&origin));
        self.origins.store(Arc::new(more));
        origin
    }

    /// Drops idle connections that are closed, too old or idle for too long.
    pub fn sweep(&self) {
        for origin in self.origins.load().values().flatten() {
            origin.sweep(&self.config);
        }
    }

    /// How often to sweep.
    #[must_use]
    pub fn sweep_interval(&self) -> Duration {
        let shortest = [self.config.max_idle_time, self.config.max_life_time].into_iter().flatten().min();
        shortest.unwrap_or(Duration::from_secs(30)).clamp(Duration::from_secs(1), Duration::from_secs(30))
    }
}

/// `host:port` as the Host header shows it: the scheme's own port is left out.
fn host_header(tls: bool, host: &str, port: u16) -> HeaderValue {
    let usual = if tls { 443 } else { 80 };
    let text = if port == usual { host.to_owned() } else { format!("{host}:{port}") };
    HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static("invalid"))
}
