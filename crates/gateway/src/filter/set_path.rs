//! `SetPath=template`: the whole path. Captured values are decoded and encoded again; a `/` in them stays.

use wellspring_pattern::Template;
use wellspring_properties::Problem;

use super::{Built, Edit, Halt};
use crate::exchange::Exchange;
use crate::route::args::Args;
use crate::route::compile::Setup;

#[derive(Debug)]
struct SetPath(Template);

pub(super) fn build(args: &Args, _: &Setup<'_>) -> Result<Built, Problem> {
    let template = args.required("template")?;
    Built::edit(SetPath(
        Template::path_only(&template).map_err(|error| args.wrong("template", error.to_string()))?,
    ))
}

impl Edit for SetPath {
    fn request(&self, exchange: &mut Exchange) -> Result<(), Halt> {
        let path = self.0.expand_path(&exchange.variables)?;
        Ok(exchange.set_path(&path)?)
    }
}
