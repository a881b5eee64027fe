//! `RequestHeaderToRequestUri=name`: the URL in that header becomes the target; an unusable one is ignored.

use http::{HeaderName, Uri};
use wellspring_properties::Problem;

use super::{Built, Edit, Halt};
use crate::exchange::Exchange;
use crate::global::route_url;
use crate::route::args::Args;
use crate::route::compile::Setup;

#[derive(Debug)]
struct RequestHeaderToRequestUri(HeaderName);

pub(super) fn build(args: &Args, _: &Setup<'_>) -> Result<Built, Problem> {
    Built::edit(RequestHeaderToRequestUri(args.header_name("name")?))
}

impl Edit for RequestHeaderToRequestUri {
    fn request(&self, exchange: &mut Exchange) -> Result<(), Halt> {
        let uri = exchange.headers.get(&self.0).and_then(|value| value.to_str().ok()?.parse::<Uri>().ok());
        if let Some(uri) = uri.filter(|uri| uri.scheme().is_some() && uri.host().is_some()) {
            route_url::redirect(exchange, &uri)?;
        }
        Ok(())
    }
}
