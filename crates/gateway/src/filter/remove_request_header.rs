//! `RemoveRequestHeader=name`.

use http::HeaderName;
use wellspring_properties::Problem;

use super::{Built, Edit, Halt};
use crate::exchange::Exchange;
use crate::route::args::Args;
use crate::route::compile::Setup;

#[derive(Debug)]
struct RemoveRequestHeader(HeaderName);

pub(super) fn build(args: &Args, _: &Setup<'_>) -> Result<Built, Problem> {
    Built::edit(RemoveRequestHeader(args.header_name("name")?))
}

impl Edit for RemoveRequestHeader {
    fn request(&self, exchange: &mut Exchange) -> Result<(), Halt> {
        exchange.headers.remove(&self.0);
        Ok(())
    }
}
