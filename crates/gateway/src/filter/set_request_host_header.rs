//! `SetRequestHostHeader=host`: the upstream gets this Host.

use wellspring_properties::Problem;

use super::{Built, Edit, Halt, Value};
use crate::exchange::{Exchange, HostHeader};
use crate::route::args::Args;
use crate::route::compile::Setup;

#[derive(Debug)]
struct SetRequestHostHeader(Value);

pub(super) fn build(args: &Args, _: &Setup<'_>) -> Result<Built, Problem> {
    Built::edit(SetRequestHostHeader(Value::argument(args, "host")?))
}

impl Edit for SetRequestHostHeader {
    fn request(&self, exchange: &mut Exchange) -> Result<(), Halt> {
        exchange.host = HostHeader::Set(self.0.get(exchange)?);
        Ok(())
    }
}
