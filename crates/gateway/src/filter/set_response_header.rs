//! `SetResponseHeader=name,value`: replaces all values.

use http::HeaderName;
use wellspring_properties::Problem;

use super::{Built, Edit, Value};
use crate::error::Error;
use crate::exchange::Exchange;
use crate::reply::Reply;
use crate::route::args::Args;
use crate::route::compile::Setup;

#[derive(Debug)]
struct SetResponseHeader {
    name: HeaderName,
    value: Value,
}

pub(super) fn build(args: &Args, _: &Setup<'_>) -> Result<Built, Problem> {
    Built::edit(SetResponseHeader { name: args.header_name("name")?, value: Value::argument(args, "value")? })
}

impl Edit for SetResponseHeader {
    fn response(&self, exchange: &Exchange, reply: &mut Reply) -> Result<(), Error> {
        reply.headers.insert(self.name.clone(), self.value.get(exchange)?);
        Ok(())
    }
}
