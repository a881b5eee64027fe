//! `SetRequestHeader=name,value`: replaces all values.

use http::HeaderName;
use wellspring_properties::Problem;

use super::{Built, Edit, Halt, Value};
use crate::exchange::Exchange;
use crate::route::args::Args;
use crate::route::compile::Setup;

#[derive(Debug)]
struct SetRequestHeader {
    name: HeaderName,
    value: Value,
}

pub(super) fn build(args: &Args, _: &Setup<'_>) -> Result<Built, Problem> {
    Built::edit(SetRequestHeader { name: args.header_name("name")?, value: Value::argument(args, "value")? })
}

impl Edit for SetRequestHeader {
    fn request(&self, exchange: &mut Exchange) -> Result<(), Halt> {
        let value = self.value.get(exchange)?;
        exchange.headers.insert(self.name.clone(), value);
        Ok(())
    }
}
