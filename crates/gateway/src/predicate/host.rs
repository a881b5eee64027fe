//! `Host=patterns`: an Ant pattern with `.` as separator on the raw Host header, its port included.

use wellspring_pattern::{Ant, Variables};
use wellspring_properties::Problem;

use super::{Ask, Predicate};
use crate::route::args::Args;
use crate::route::compile::Setup;

#[derive(Debug)]
struct Host {
    patterns: Vec<Ant>,
}

pub(super) fn build(args: &Args, _: &Setup<'_>) -> Result<Box<dyn Predicate>, Problem> {
    let patterns = args
        .list("patterns")?
        .iter()
        .map(|pattern| Ant::new(pattern, '.').map_err(|error| args.wrong("patterns", error.to_string())))
        .collect::<Result<_, _>>()?;
    Ok(Box::new(Host { patterns }))
}

impl Predicate for Host {
    fn test(&self, ask: &Ask<'_>, found: &mut Variables) -> bool {
        ask.host.is_some_and(|host| self.patterns.iter().any(|pattern| pattern.capture(host, found)))
    }

    fn describe(&self) -> String {
        format!("Hosts: [{}]", self.patterns.iter().map(Ant::as_str).collect::<Vec<_>>().join(", "))
    }
}
