//! Registries listed in DNS: the text record `txt.REGION.DOMAIN` names the zones, `txt.ZONE.DOMAIN` the hosts of each.
//!
//! What is found takes the place of `eureka.client.service-url` and of the zones of the own region. DNS is asked again
//! every `eureka-service-url-poll-interval-seconds`; while it does not answer, what it said last holds.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::RData;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::settings::ClientSettings;

/// Before DNS is asked again that gave no answer.
const PAUSE: Duration = Duration::from_secs(5);

impl ClientSettings {
    /// These settings with the URLs and zones that DNS has now, where that is wanted; else as they are.
    ///
    /// # Errors
    /// When DNS has no such records, or none that make sense; the text names the record.
    pub async fn located(&self) -> Result<Self, String> {
        let mut settings = self.clone();
        if !self.use_dns_for_fetching_service_urls {
            return Ok(settings);
        }
        let resolver = resolver(&self.dns_servers)?;
        let domain = self.eureka_server_d_n_s_name.trim_end_matches('.');
        let region = format!("txt.{}.{domain}.", self.region);
        let mut zones: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for name in words(&resolver, &region).await? {
            let zone = name.split('.').next().unwrap_or_default().to_owned();
            if zone.starts_with("ec2") {
                return Err(format!("{region} names the host {name}; zones are wanted: ZONE.{domain}"));
            }
            let hosts = words(&resolver, &format!("txt.{}.", name.trim_end_matches('.'))).await?;
            zones.entry(zone).or_default().extend(hosts.iter().map(|host| self.url_of(host)));
        }
        if zones.is_empty() {
            return Err(format!("{region} names no zone"));
        }
        settings.availability_zones.insert(self.region.clone(), self.own_first(zones.keys()).join(","));
        settings.service_url = zones.into_iter().map(|(zone, urls)| (zone, urls.join(","))).collect();
        Ok(settings)
    }

    fn url_of(&self, host: &str) -> String {
        let path = self.eureka_server_u_r_l_context.trim_matches('/');
        let slash = if path.is_empty() { "" } else { "/" };
        let port = self.eureka_server_port.map_or(String::new(), |port| format!(":{port}"));
        format!("http://{}{port}/{path}{slash}", host.trim_end_matches('.'))
    }

    /// In their order, beginning with our own when it is there.
    fn own_first<'a>(&self, zones: impl Iterator<Item = &'a String>) -> Vec<&'a str> {
        let mut zones: Vec<&str> = zones.map(String::as_str).collect();
        let own = self.zones().into_iter().next().unwrap_or_default();
        let first = zones.iter().position(|zone| zone.eq_ignore_ascii_case(&own)).unwrap_or_default();
        zones.rotate_left(first);
        zones
    }
}

/// Asks these servers, those of the system without any; nothing is kept, whoever asks knows when to ask again.
pub(crate) fn resolver(servers: &[SocketAddr]) -> Result<TokioResolver, String> {
    let mut builder = if servers.is_empty() {
        TokioResolver::builder_tokio().map_err(|error| format!("no name servers: {error}"))?
    } else {
        let server = |address: &SocketAddr| {
            let mut ways = vec![ConnectionConfig::udp(), ConnectionConfig::tcp()];
            ways.iter_mut().for_each(|way| way.port = address.port());
            NameServerConfig::new(address.ip(), true, ways)
        };
        let config = ResolverConfig::from_name_servers(servers.iter().map(server).collect());
        TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
    };
    builder.options_mut().cache_size = 0;
    builder.build().map_err(|error| error.to_string())
}

/// The words of all text records of a name, sorted.
async fn words(resolver: &TokioResolver, name: &str) -> Result<BTreeSet<String>, String> {
    let found = resolver.txt_lookup(name).await.map_err(|error| format!("{name}: {error}"))?;
    let mut words = BTreeSet::new();
    for record in found.answers() {
        if let RData::TXT(text) = &record.data {
            let text: Vec<u8> = text.txt_data.iter().flat_map(|part| part.iter().copied()).collect();
            let text = String::from_utf8_lossy(&text);
            words.extend(text.trim_matches('"').split_whitespace().map(str::to_owned));
        }
    }
    Ok(words)
}

/// Where a client's servers come from when they come from DNS.
#[derive(Debug)]
pub(super) struct Names {
    settings: ClientSettings,
    next: Mutex<Instant>,
}

impl Names {
    /// `None` when the servers are written in the settings.
    pub(super) fn of(settings: &ClientSettings) -> Option<Self> {
        let wanted = settings.use_dns_for_fetching_service_urls;
        wanted.then(|| Self { settings: settings.clone(), next: Mutex::new(Instant::now()) })
    }

    /// What DNS says, when it is time to ask.
    pub(super) async fn news(&self) -> Option<ClientSettings> {
        {
            let mut next = self.next.lock();
            if *next > Instant::now() {
                return None;
            }
            *next = Instant::now() + PAUSE;
        }
        match self.settings.located().await {
            Ok(settings) => {
                let interval = settings.eureka_service_url_poll_interval_seconds.max(1);
                *self.next.lock() = Instant::now() + Duration::from_secs(interval);
                Some(settings)
            }
            Err(error) => {
                tracing::warn!(error, "registries could not be looked up in DNS");
                None
            }
        }
    }
}
