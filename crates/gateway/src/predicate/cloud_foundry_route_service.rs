//! `CloudFoundryRouteService=`: the three headers of a Cloud Foundry route service are there.

use wellspring_pattern::Variables;
use wellspring_properties::Problem;

use super::{Ask, Predicate};
use crate::route::args::Args;
use crate::route::compile::Setup;

const HEADERS: [&str; 3] = ["x-cf-forwarded-url", "x-cf-proxy-signature", "x-cf-proxy-metadata"];

#[derive(Debug)]
struct CloudFoundryRouteService;

pub(super) fn build(_: &Args, _: &Setup<'_>) -> Result<Box<dyn Predicate>, Problem> {
    Ok(Box::new(CloudFoundryRouteService))
}

impl Predicate for CloudFoundryRouteService {
    fn test(&self, ask: &Ask<'_>, _: &mut Variables) -> bool {
        HEADERS.iter().all(|name| ask.headers.contains_key(*name))
    }

    fn describe(&self) -> String {
        "CloudFoundryRouteService".to_owned()
    }
}
