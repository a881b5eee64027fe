//! `forward:/path` routes: the path of the uri replaces that of the request before any route filter sees it.

use crate::exchange::Exchange;
use crate::filter::{Edit, Halt};
use crate::route::Destination;

pub(crate) const ORDER: i32 = 0;

#[derive(Debug)]
pub(crate) struct ForwardPath;

impl Edit for ForwardPath {
    fn request(&self, exchange: &mut Exchange) -> Result<(), Halt> {
        let route = std::sync::Arc::clone(&exchange.route);
        match &route.destination {
            Destination::Forward(path) => Ok(exchange.set_path(path.path())?),
            Destination::Upstream { .. }
            | Destination::Balanced { .. }
            | Destination::Nowhere
            | Destination::Illegal(_) => Ok(()),
        }
    }
}
