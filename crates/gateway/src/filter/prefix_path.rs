//! `PrefixPath=prefix`: put before the path, once per request: a second PrefixPath does nothing.

use wellspring_pattern::Template;
use wellspring_properties::Problem;

use super::{Built, Edit, Halt};
use crate::exchange::Exchange;
use crate::route::args::Args;
use crate::route::compile::Setup;

#[derive(Debug)]
struct PrefixPath(Template);

pub(super) fn build(args: &Args, _: &Setup<'_>) -> Result<Built, Problem> {
    let prefix = Template::path_only(&args.required("prefix")?)
        .map_err(|error| args.wrong("prefix", error.to_string()))?;
    Built::edit(PrefixPath(prefix))
}

impl Edit for PrefixPath {
    fn request(&self, exchange: &mut Exchange) -> Result<(), Halt> {
        if exchange.prefixed {
            return Ok(());
        }
        exchange.prefixed = true;
        let path = format!("{}{}", self.0.expand_path(&exchange.variables)?, exchange.path());
        Ok(exchange.set_path(&path)?)
    }
}
