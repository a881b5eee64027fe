//! `AddRequestParameter=name,value`: appended to the query as it is; duplicates are allowed.

use wellspring_pattern::Template;
use wellspring_pattern::template::encode_query_value;
use wellspring_properties::Problem;

use super::{Built, Edit, Halt};
use crate::exchange::Exchange;
use crate::route::args::Args;
use crate::route::compile::Setup;

#[derive(Debug)]
struct AddRequestParameter {
    name: String,
    value: Template,
}

pub(super) fn build(args: &Args, _: &Setup<'_>) -> Result<Built, Problem> {
    Built::edit(AddRequestParameter {
        name: args.required("name")?,
        value: Template::new(&args.required("value")?),
    })
}

impl Edit for AddRequestParameter {
    fn request(&self, exchange: &mut Exchange) -> Result<(), Halt> {
        let value = self.value.expand(&exchange.variables)?;
        let before = exchange.query().unwrap_or_default();
        let joint = if before.is_empty() || before.ends_with('&') { "" } else { "&" };
        let query =
            format!("{before}{joint}{}={}", encode_query_value(&self.name), encode_query_value(&value));
        Ok(exchange.set_query(&query)?)
    }
}
