//! The names of the zone, and what each stands for.
//!
//! `orders.service.ZONE` and `_orders._tcp.service.ZONE` (shorter: `_orders._tcp.ZONE`) are services. `0a000001.addr.ZONE` is the
//! address 10.0.0.1: SRV answers must name a host, and the hosts that instances register are often names that only their own machine knows.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use hickory_proto::ProtoError;
use hickory_proto::rr::Name;

const SERVICE: &str = "service";
const TCP: &str = "_tcp";
const ADDRESS: &str = "addr";
const SERVER: &str = "ns";

/// What a name stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// Not below the zone.
    Elsewhere,
    Apex,
    /// The name server itself.
    Server,
    /// Nothing of its own, but names below it.
    Branch,
    /// A service by its plain name: addresses and ports.
    Service(String),
    /// A service in the form that SRV has by convention: ports only.
    Ports(String),
    Address(IpAddr),
    /// No such name.
    Unknown,
}

#[derive(Debug, Clone)]
pub struct Zone {
    apex: Name,
    labels: usize,
}

impl Zone {
    /// `wellspring`, `svc.example.org.`
    pub fn parse(text: &str) -> Result<Self, ProtoError> {
        let mut apex = Name::from_ascii(text.trim_matches('.'))?;
        apex.set_fqdn(true);
        let labels = apex.iter().count();
        if labels == 0 {
            return Err(ProtoError::Message("the root is no zone of one's own"));
        }
        Ok(Self { apex, labels })
    }

    pub fn apex(&self) -> &Name {
        &self.apex
    }

    pub fn server(&self) -> Result<Name, ProtoError> {
        self.apex.prepend_label(SERVER)
    }

    /// The zone's own name for an address.
    pub fn host(&self, address: IpAddr) -> Result<Name, ProtoError> {
        let hex = match address {
            IpAddr::V4(address) => hex::encode(address.octets()),
            IpAddr::V6(address) => hex::encode(address.octets()),
        };
        self.apex.prepend_label(ADDRESS)?.prepend_label(hex)
    }

    pub fn asked(&self, name: &Name) -> Asked {
        if !self.apex.zone_of(name) {
            return Asked::Elsewhere;
        }
        let below = name.iter().count() - self.labels;
        // Names are compared without regard to case, and those of services are.
        let labels: Vec<String> = name
            .iter()
            .take(below)
            .map(|label| String::from_utf8_lossy(label).to_ascii_lowercase())
            .collect();
        let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
        match labels.as_slice() {
            [] => Asked::Apex,
            [SERVER] => Asked::Server,
            [SERVICE] | [TCP] | [TCP, SERVICE] | [ADDRESS] => Asked::Branch,
            [service @ .., TCP, SERVICE] | [service @ .., TCP] => ports(service),
            [service @ .., SERVICE] => Asked::Service(service.join(".")),
            [address, ADDRESS] => read(address).map_or(Asked::Unknown, Asked::Address),
            _ => Asked::Unknown,
        }
    }
}

/// A name with dots has as many labels; the first has the underscore.
fn ports(service: &[&str]) -> Asked {
    let name = service.join(".");
    name.strip_prefix('_').map_or(Asked::Unknown, |name| Asked::Ports(name.to_owned()))
}

fn read(hex: &str) -> Option<IpAddr> {
    let bytes = hex::decode(hex).ok()?;
    let four = <[u8; 4]>::try_from(bytes.as_slice()).map(|octets| Ipv4Addr::from(octets).into());
    four.or_else(|_| <[u8; 16]>::try_from(bytes.as_slice()).map(|octets| Ipv6Addr::from(octets).into())).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_for_services_and_addresses() {
        let zone = Zone::parse("svc.example.org").unwrap();
        let service = |name: &str| Asked::Service(name.to_owned());
        let ports = |name: &str| Asked::Ports(name.to_owned());
        for (name, expected) in [
            ("svc.example.org.", Asked::Apex),
            ("SVC.example.ORG.", Asked::Apex),
            ("example.org.", Asked::Elsewhere),
            ("xsvc.example.org.", Asked::Elsewhere),
            (".", Asked::Elsewhere),
            ("orders.service.svc.example.org.", service("orders")),
            ("Orders.Service.svc.example.org.", service("orders")),
            ("a.b.service.svc.example.org.", service("a.b")),
            ("service.service.svc.example.org.", service("service")),
            ("_orders._tcp.service.svc.example.org.", ports("orders")),
            ("_orders._tcp.svc.example.org.", ports("orders")),
            ("_a.b._tcp.svc.example.org.", ports("a.b")),
            ("orders._tcp.svc.example.org.", Asked::Unknown),
            ("orders.svc.example.org.", Asked::Unknown),
            ("service.svc.example.org.", Asked::Branch),
            ("_tcp.service.svc.example.org.", Asked::Branch),
            ("ns.svc.example.org.", Asked::Server),
            ("0a000001.addr.svc.example.org.", Asked::Address("10.0.0.1".parse().unwrap())),
            ("0a0001.addr.svc.example.org.", Asked::Unknown),
            ("0a000001.x.addr.svc.example.org.", Asked::Unknown),
        ] {
            assert_eq!(zone.asked(&Name::from_ascii(name).unwrap()), expected, "{name}");
        }
    }

    #[test]
    fn an_address_has_a_name_that_reads_back() {
        let zone = Zone::parse("wellspring.").unwrap();
        for address in ["10.0.0.1", "255.255.255.255", "::1", "2001:db8::17"] {
            let address: IpAddr = address.parse().unwrap();
            assert_eq!(zone.asked(&zone.host(address).unwrap()), Asked::Address(address));
        }
        assert!(Zone::parse(".").is_err() && Zone::parse("").is_err() && Zone::parse("a..b").is_err());
    }
}
