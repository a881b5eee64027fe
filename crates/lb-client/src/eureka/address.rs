//! Name and address by which others reach this machine, found as Spring Cloud's `InetUtils` finds them.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use serde::Deserialize;
use tracing::warn;
use wellspring_pattern::JavaRegex;
use wellspring_properties::{Environment, Problem};

/// A name server that is away must not hold up a start.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(1);

/// Name and address by which others reach this machine.
#[derive(Debug, Clone)]
pub(crate) struct Address {
    pub(crate) name: String,
    pub(crate) ip: String,
}

/// `spring.cloud.inetutils.*`.
#[derive(Debug, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct InetUtils {
    /// What is left when nothing better is known.
    default_hostname: String,
    default_ip_address: String,
    /// Regular expressions for whole names.
    ignored_interfaces: Vec<String>,
    /// Beginnings of addresses, or regular expressions for whole ones.
    preferred_networks: Vec<String>,
    use_only_site_local_interfaces: bool,
}

/// One address of a network interface that is up.
struct Candidate {
    index: u32,
    name: String,
    ip: Ipv4Addr,
}

// === impl Address ===

impl Address {
    /// Of a server that listens at `listening`.
    pub(crate) async fn of_this_machine(env: &Environment, listening: SocketAddr) -> Result<Self, Problem> {
        if listening.ip().is_loopback() {
            // Nobody outside could reach another address, and nobody inside needs one.
            let ip = listening.ip().to_string();
            return Ok(Self { name: ip.clone(), ip });
        }
        let settings: InetUtils = env.bind("spring.cloud.inetutils")?;
        let ip = if listening.ip().is_unspecified() {
            settings.choose(candidates()).map(IpAddr::from)
        } else {
            Some(listening.ip())
        };
        let Some(ip) = ip else {
            return Ok(Self { name: settings.default_hostname, ip: settings.default_ip_address });
        };
        // Only a name that leads back here is of use to others; without one the address is the name, as in Java.
        let name = match machine_name() {
            Some(name) if leads_to(&name, ip).await => name,
            _ => ip.to_string(),
        };
        Ok(Self { name, ip: ip.to_string() })
    }
}

// === impl InetUtils ===

impl Default for InetUtils {
    fn default() -> Self {
        Self {
            default_hostname: "localhost".to_owned(),
            default_ip_address: "127.0.0.1".to_owned(),
            ignored_interfaces: Vec::new(),
            preferred_networks: Vec::new(),
            use_only_site_local_interfaces: false,
        }
    }
}

impl InetUtils {
    /// The first suitable address of the interface with the lowest number.
    fn choose(&self, mut candidates: Vec<Candidate>) -> Option<Ipv4Addr> {
        let ignored: Vec<_> = self.ignored_interfaces.iter().filter_map(|text| regex(text)).collect();
        let preferred: Vec<_> =
            self.preferred_networks.iter().map(|text| (text.as_str(), regex(text))).collect();
        candidates.sort_by_key(|candidate| candidate.index);
        let fits = |candidate: &Candidate| {
            let text = candidate.ip.to_string();
            let is_preferred = |(start, whole): &(&str, Option<JavaRegex>)| {
                text.starts_with(start) || whole.as_ref().is_some_and(|regex| regex.matches(&text))
            };
            !candidate.ip.is_loopback()
                && !ignored.iter().any(|regex| regex.matches(&candidate.name))
                && (!self.use_only_site_local_interfaces || candidate.ip.is_private())
                && (preferred.is_empty() || preferred.iter().any(is_preferred))
        };
        candidates.iter().find(|candidate| fits(candidate)).map(|candidate| candidate.ip)
    }
}

fn regex(text: &str) -> Option<JavaRegex> {
    JavaRegex::new(text)
        .inspect_err(
            |error| warn!(%error, text, "spring.cloud.inetutils: not a regular expression, left out"),
        )
        .ok()
}

fn candidates() -> Vec<Candidate> {
    let interfaces = if_addrs::get_if_addrs().unwrap_or_else(|error| {
        warn!(%error, "the network interfaces of this machine are not known");
        Vec::new()
    });
    let candidate = |interface: if_addrs::Interface| match interface.ip() {
        IpAddr::V4(ip) if interface.is_oper_up() => {
            Some(Candidate { index: interface.index.unwrap_or(u32::MAX), name: interface.name, ip })
        }
        _ => None,
    };
    interfaces.into_iter().filter_map(candidate).collect()
}

fn machine_name() -> Option<String> {
    let text = std::fs::read_to_string("/proc/sys/kernel/hostname")
        .or_else(|_| std::fs::read_to_string("/etc/hostname"))
        .ok()?;
    Some(text.trim().to_owned()).filter(|name| !name.is_empty() && name != "localhost")
}

async fn leads_to(name: &str, ip: IpAddr) -> bool {
    match tokio::time::timeout(LOOKUP_TIMEOUT, tokio::net::lookup_host((name, 0))).await {
        Ok(Ok(mut found)) => found.any(|address| address.ip() == ip),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use wellspring_properties::PropertySource;

    use super::*;

    fn chosen(pairs: &[(&str, &str)]) -> Option<String> {
        let source = PropertySource::of_pairs("test", pairs.iter().copied());
        let env = Environment::new(vec![source], vec![]);
        let settings: InetUtils = env.bind("spring.cloud.inetutils").unwrap();
        let candidate =
            |index, name: &str, ip: [u8; 4]| Candidate { index, name: name.into(), ip: ip.into() };
        let chosen = settings.choose(vec![
            candidate(4, "docker0", [172, 17, 0, 1]),
            candidate(1, "lo", [127, 0, 0, 1]),
            candidate(2, "eth0", [203, 0, 113, 7]),
            candidate(3, "eth1", [10, 1, 2, 3]),
        ]);
        chosen.map(|ip| ip.to_string())
    }

    #[test]
    fn the_lowest_interface_that_suits_is_taken() {
        assert_eq!(chosen(&[]).as_deref(), Some("203.0.113.7"));
        let ignored = ("spring.cloud.inetutils.ignored-interfaces", "eth0,docker.*");
        assert_eq!(chosen(&[ignored]).as_deref(), Some("10.1.2.3"));
        let prefix = ("spring.cloud.inetutils.preferred-networks[0]", "172.17");
        assert_eq!(chosen(&[prefix]).as_deref(), Some("172.17.0.1"));
        let whole = ("spring.cloud.inetutils.preferredNetworks[0]", r"10\.1\..*");
        assert_eq!(chosen(&[whole]).as_deref(), Some("10.1.2.3"));
        let local = ("spring.cloud.inetutils.use-only-site-local-interfaces", "true");
        assert_eq!(chosen(&[local]).as_deref(), Some("10.1.2.3"));
        assert_eq!(chosen(&[("spring.cloud.inetutils.ignored-interfaces", ".*")]), None);
    }
}
