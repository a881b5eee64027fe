//! `MapRequestHeader=fromHeader,toHeader`: copies all values of one header to another, after those already there.

use http::{HeaderName, HeaderValue};
use wellspring_properties::Problem;

use super::{Built, Edit, Halt};
use crate::exchange::Exchange;
use crate::route::args::Args;
use crate::route::compile::Setup;

#[derive(Debug)]
struct MapRequestHeader {
    from: HeaderName,
    to: HeaderName,
}

pub(super) fn build(args: &Args, _: &Setup<'_>) -> Result<Built, Problem> {
    Built::edit(MapRequestHeader { from: args.header_name("fromHeader")?, to: args.header_name("toHeader")? })
}

impl Edit for MapRequestHeader {
    fn request(&self, exchange: &mut Exchange) -> Result<(), Halt> {
        let values: Vec<HeaderValue> = exchange.headers.get_all(&self.from).iter().cloned().collect();
        for value in values {
            exchange.headers.append(self.to.clone(), value);
        }
        Ok(())
    }
}
