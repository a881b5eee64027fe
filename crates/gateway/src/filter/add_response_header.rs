//! `AddResponseHeader=name,value,override?`: adds a value; with `override=false` only when there is none with text.

use http::HeaderName;
use wellspring_properties::Problem;

use super::{Built, Edit, Value};
use crate::error::Error;
use crate::exchange::Exchange;
use crate::reply::Reply;
use crate::route::args::Args;
use crate::route::compile::Setup;

#[derive(Debug)]
struct AddResponseHeader {
    name: HeaderName,
    value: Value,
    always: bool,
}

pub(super) fn build(args: &Args, _: &Setup<'_>) -> Result<Built, Problem> {
    Built::edit(AddResponseHeader {
        name: args.header_name("name")?,
        value: Value::argument(args, "value")?,
        always: args.boolean("override", true)?,
    })
}

impl Edit for AddResponseHeader {
    fn response(&self, exchange: &Exchange, reply: &mut Reply) -> Result<(), Error> {
        let blank =
            reply.headers.get(&self.name).is_none_or(|value| value.as_bytes().trim_ascii().is_empty());
        if self.always {
            reply.headers.append(self.name.clone(), self.value.get(exchange)?);
        } else if blank {
            reply.headers.insert(self.name.clone(), self.value.get(exchange)?);
        }
        Ok(())
    }
}
