//! `RemoveRequestParameter=name`: all of that name go; the rest is decoded, grouped by name and encoded again.

use wellspring_properties::Problem;

use super::{Built, Edit, Halt};
use crate::exchange::Exchange;
use crate::query;
use crate::route::args::Args;
use crate::route::compile::Setup;

#[derive(Debug)]
struct RemoveRequestParameter(String);

pub(super) fn build(args: &Args, _: &Setup<'_>) -> Result<Built, Problem> {
    Built::edit(RemoveRequestParameter(args.required("name")?))
}

impl Edit for RemoveRequestParameter {
    fn request(&self, exchange: &mut Exchange) -> Result<(), Halt> {
        let Some(query) = exchange.query() else { return Ok(()) };
        let mut groups = query::grouped(query);
        groups.shift_remove(&self.0);
        Ok(exchange.set_query(&query::write(&groups))?)
    }
}
