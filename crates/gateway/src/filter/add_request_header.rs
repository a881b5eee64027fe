//! `AddRequestHeader=name,value`: adds a value; those already there stay.

use http::HeaderName;
use wellspring_properties::Problem;

use super::{Built, Edit, Halt, Value};
use crate::exchange::Exchange;
use crate::route::args::Args;
use crate::route::compile::Setup;

#[derive(Debug)]
struct AddRequestHeader {
    name: HeaderName,
    value: Value,
}

pub(super) fn build(args: &Args, _: &Setup<'_>) -> Result<Built, Problem> {
    Built::edit(AddRequestHeader { name: args.header_name("name")?, value: Value::argument(args, "value")? })
}

impl Edit for AddRequestHeader {
    fn request(&self, exchange: &mut Exchange) -> Result<(), Halt> {
        let value = self.value.get(exchange)?;
        exchange.headers.append(self.name.clone(), value);
        Ok(())
    }
}
