//! Subnets of RemoteAddr and XForwardedRemoteAddr: `192.168.1.1/24`; without a mask `/32`, for IPv6 too, as the original.

use std::net::IpAddr;

use wellspring_properties::Problem;

use crate::route::args::Args;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Subnet {
    network: IpAddr,
    bits: u8,
}

/// The subnets of the list argument `sources`; `true` and other pieces that are none are refused.
pub(super) fn sources(args: &Args) -> Result<Vec<Subnet>, Problem> {
    args.list("sources")?
        .iter()
        .map(|text| {
            Subnet::parse(text).ok_or_else(|| {
                args.wrong("sources", format!("'{text}' is not an address or subnet")).hint("10.0.0.0/8")
            })
        })
        .collect()
}

impl Subnet {
    /// Without a mask one address, of either family: what people mean where a mistake opens a door.
    pub(crate) fn exact(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.contains('/') {
            return Self::parse(text);
        }
        let network: IpAddr = text.parse().ok()?;
        Some(Self { network, bits: if network.is_ipv4() { 32 } else { 128 } })
    }

    fn parse(text: &str) -> Option<Self> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, bits.parse().ok()?),
            None => (text, 32),
        };
        let network: IpAddr = address.parse().ok()?;
        let most = if network.is_ipv4() { 32 } else { 128 };
        (bits <= most).then_some(Self { network, bits })
    }

    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        match (self.network, address.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let shift = 32 - u32::from(self.bits);
                u32::from(network).checked_shr(shift) == u32::from(address).checked_shr(shift)
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let shift = 128 - u32::from(self.bits);
                u128::from(network).checked_shr(shift) == u128::from(address).checked_shr(shift)
            }
            _ => false,
        }
    }
}

impl std::fmt::Display for Subnet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.network, self.bits)
    }
}

#[cfg(test)]
mod tests {
    use super::Subnet;

    #[test]
    fn addresses_in_and_out_of_subnets() {
        for (subnet, address, wanted) in [
            ("192.168.1.1/24", "192.168.1.77", true),
            ("192.168.1.1/24", "192.168.2.77", false),
            ("10.0.0.1", "10.0.0.1", true),
            ("10.0.0.1", "10.0.0.2", false),
            ("127.0.0.1/8", "::ffff:127.0.0.9", true),
            ("0.0.0.0/0", "8.8.8.8", true),
            ("fe80::/10", "fe80::1", true),
            ("::1", "::2", true),
            ("::1/128", "::2", false),
            ("10.0.0.0/8", "fe80::1", false),
        ] {
            let subnet = Subnet::parse(subnet).unwrap();
            assert_eq!(subnet.contains(address.parse().unwrap()), wanted, "{subnet} {address}");
        }
        assert!(Subnet::parse("10.0.0.0/33").is_none() && Subnet::parse("host").is_none());
    }

    #[test]
    fn long_subnets_dates_and_versions() {
        let examples = [
            "10.0.0.0/8",
            "::1/128",
            "fd00::/0",
            "2017-01-20T17:42:47.789-07:00[America/Denver]",
            "1700000000000",
            "v1.2.3",
            "1.2+",
        ];
        let words = [
            "/",
            ":",
            ".",
            "::",
            "33",
            "129",
            "-1",
            "[",
            "]",
            "Z",
            "T",
            "+",
            "%eth0",
            "Europe/",
            "v",
            "99999999999999999999",
        ];
        wellspring_test_support::fuzz::text("subnets, dates, versions", &examples, &words, |text, _| {
            for subnet in [Subnet::parse(text), Subnet::exact(text)].into_iter().flatten() {
                assert!(subnet.contains(subnet.network), "{text}");
                let again = Subnet::parse(&subnet.to_string()).unwrap();
                assert_eq!((again.network, again.bits), (subnet.network, subnet.bits), "{text}");
            }
            super::super::date::parse(text);
            super::super::version::parse(text);
        });
    }
}
