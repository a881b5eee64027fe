//! `RemoteAddr=sources`: the peer's address is in one of the subnets.

use wellspring_pattern::Variables;
use wellspring_properties::Problem;

use super::subnet::{self, Subnet};
use super::{Ask, Predicate};
use crate::route::args::Args;
use crate::route::compile::Setup;

#[derive(Debug)]
struct RemoteAddr {
    sources: Vec<Subnet>,
}

pub(super) fn build(args: &Args, _: &Setup<'_>) -> Result<Box<dyn Predicate>, Problem> {
    Ok(Box::new(RemoteAddr { sources: subnet::sources(args)? }))
}

impl Predicate for RemoteAddr {
    fn test(&self, ask: &Ask<'_>, _: &mut Variables) -> bool {
        self.sources.iter().any(|source| source.contains(ask.peer))
    }

    fn describe(&self) -> String {
        let sources: Vec<String> = self.sources.iter().map(ToString::to_string).collect();
        format!("RemoteAddrs: [{}]", sources.join(", "))
    }
}
