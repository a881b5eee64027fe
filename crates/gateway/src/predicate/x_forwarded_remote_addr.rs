//! `XForwardedRemoteAddr=sources`: the address that `X-Forwarded-For` gives, counted from the right, is in a subnet.
//!
//! More than one such header counts as none: somebody has added one who should not. Then the peer's address counts.

use std::net::IpAddr;

use wellspring_pattern::Variables;
use wellspring_properties::Problem;

use super::subnet::{self, Subnet};
use super::{Ask, Predicate};
use crate::route::args::Args;
use crate::route::compile::Setup;

#[derive(Debug)]
struct XForwardedRemoteAddr {
    sources: Vec<Subnet>,
    trusted: usize,
}

pub(super) fn build(args: &Args, _: &Setup<'_>) -> Result<Box<dyn Predicate>, Problem> {
    let trusted = args.integer("maxTrustedIndex", 1)?;
    let trusted = usize::try_from(trusted)
        .ok()
        .filter(|index| *index > 0)
        .ok_or_else(|| args.wrong("maxTrustedIndex", "must be at least 1"))?;
    Ok(Box::new(XForwardedRemoteAddr { sources: subnet::sources(args)?, trusted }))
}

impl Predicate for XForwardedRemoteAddr {
    fn test(&self, ask: &Ask<'_>, _: &mut Variables) -> bool {
        let address = forwarded(ask, self.trusted).unwrap_or(ask.peer);
        self.sources.iter().any(|source| source.contains(address))
    }

    fn describe(&self) -> String {
        let sources: Vec<String> = self.sources.iter().map(ToString::to_string).collect();
        format!("XForwardedRemoteAddrs: [{}], max trusted index: {}", sources.join(", "), self.trusted)
    }
}

fn forwarded(ask: &Ask<'_>, trusted: usize) -> Option<IpAddr> {
    let mut lines = ask.headers.get_all("x-forwarded-for").iter();
    let line = lines.next()?;
    if lines.next().is_some() {
        return None;
    }
    let addresses: Vec<&str> =
        line.to_str().ok()?.split(',').map(str::trim).filter(|a| !a.is_empty()).collect();
    // Fewer addresses than trusted proxies: the left-most one.
    let at = addresses.len().saturating_sub(trusted);
    let text = addresses.get(at)?;
    text.parse().ok().or_else(|| text.trim_matches(['[', ']']).parse().ok())
}
