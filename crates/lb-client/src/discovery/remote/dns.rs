//! DNS: a service is an SRV name; its records are looked up again when their time to live is over.
//!
//! Of several priorities the lowest is used, as the standard asks; weights become metadata `weight`. Names that do not
//! exist are services without instances; a name server that does not answer changes nothing.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::proto::rr::RData;
use serde::Deserialize;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use wellspring_properties::{Environment, Problem, value};

use super::{Remote, Rounds, Shelf};
use crate::eureka::resolver;
use crate::{Instance, Metadata, codes};

/// `wellspring.discovery.dns.*`
#[derive(Debug, Clone, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct DnsSettings {
    /// Off: no source.
    pub enabled: bool,
    /// The SRV name by service: `_http._tcp.orders.example`.
    pub services: BTreeMap<String, String>,
    /// `address:port`; none: those of the system.
    pub servers: Vec<SocketAddr>,
    /// Looked up at least so often, whatever the time to live.
    #[serde(with = "value::duration_millis")]
    pub longest_interval: Duration,
    /// Not looked up more often than this, whatever the time to live.
    #[serde(with = "value::duration_millis")]
    pub shortest_interval: Duration,
}

impl Default for DnsSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            services: BTreeMap::new(),
            servers: Vec::new(),
            longest_interval: Duration::from_secs(60),
            shortest_interval: Duration::from_secs(1),
        }
    }
}

/// The source, when `wellspring.discovery.dns.services` is set.
pub(crate) fn from_env(env: &Environment, stop: &CancellationToken) -> Result<Option<Remote>, Problem> {
    const PREFIX: &str = "wellspring.discovery.dns";
    if !env.contains(&format!("{PREFIX}.services")) {
        return Ok(None);
    }
    let settings: DnsSettings = env.bind(PREFIX)?;
    if !settings.enabled {
        return Ok(None);
    }
    let resolver = resolver(&settings.servers)
        .map_err(|error| Problem::new(codes::URL, format!("{PREFIX}.servers: {error}")))?;
    let dns = Arc::new(Dns { resolver, settings });
    Ok(Some(Remote::start(stop, |shelf| dns.follow(shelf))))
}

struct Dns {
    resolver: TokioResolver,
    settings: DnsSettings,
}

impl Dns {
    async fn follow(self: Arc<Self>, shelf: Shelf) {
        let mut tasks = JoinSet::new();
        let (first, mut all) = tokio::sync::mpsc::channel(self.settings.services.len().max(1));
        for (service, name) in self.settings.services.clone() {
            let (dns, shelf, first) = (Arc::clone(&self), shelf.clone(), first.clone());
            tasks.spawn(async move {
                let mut first = Some(first);
                let mut rounds = Rounds::of("dns", name.as_str());
                loop {
                    let found = dns.look_up(&service, &name, &shelf).await;
                    let until = found.as_ref().ok().copied();
                    rounds.ended(found.map(|_| ())).await;
                    if let Some(until) = until {
                        drop(first.take());
                        tokio::time::sleep_until(until).await;
                    }
                }
            });
        }
        drop(first);
        // Ends when every task has let go of its half.
        while all.recv().await.is_some_and(|(): ()| true) {}
        shelf.is_read();
        while tasks.join_next().await.is_some() {}
    }

    /// Until when the answer holds.
    async fn look_up(&self, service: &str, name: &str, shelf: &Shelf) -> Result<Instant, String> {
        let full = format!("{}.", name.trim_end_matches('.'));
        let found = match self.resolver.srv_lookup(full).await {
            Ok(found) => found,
            Err(error) if error.is_no_records_found() || error.is_nx_domain() => {
                shelf.book.replace(service, Vec::new());
                return Ok(Instant::now() + self.settings.shortest_interval);
            }
            Err(error) => return Err(error.to_string()),
        };
        let mut instances = Vec::new();
        let best =
            found.answers().iter().filter_map(|record| srv(&record.data)).map(|srv| srv.priority).min();
        for record in found.answers() {
            let Some(srv) = srv(&record.data).filter(|srv| Some(srv.priority) == best) else { continue };
            let target = srv.target.to_string();
            let target = target.trim_end_matches('.').to_owned();
            let id = format!("{target}:{}", srv.port);
            let metadata = Metadata::from_iter([("weight".to_owned(), srv.weight.max(1).to_string())]);
            // Those who answered also know where it is; else the system is asked with every call.
            let host = match self.resolver.lookup_ip(format!("{target}.")).await {
                Ok(addresses) => addresses.iter().next().map(|address| address.to_string()),
                Err(_) => None,
            };
            let host = host.unwrap_or(target);
            instances.push(Instance::new(service, id, host, srv.port).with_metadata(metadata));
        }
        instances.sort_by(|one, other| one.instance_id().cmp(other.instance_id()));
        shelf.book.replace(service, instances);
        let lives = found.answers().iter().map(|record| u64::from(record.ttl)).min().unwrap_or_default();
        let DnsSettings { shortest_interval, longest_interval, .. } = self.settings;
        let interval = Duration::from_secs(lives).min(longest_interval).max(shortest_interval);
        Ok(Instant::now() + interval)
    }
}

fn srv(data: &RData) -> Option<&hickory_resolver::proto::rr::rdata::SRV> {
    match data {
        RData::SRV(srv) => Some(srv),
        _ => None,
    }
}
