//! `RewriteRequestParameter=name,replacement`: when the parameter is there, one value replaces all and moves to the end.

use wellspring_properties::Problem;

use super::{Built, Edit, Halt};
use crate::exchange::Exchange;
use crate::query;
use crate::route::args::Args;
use crate::route::compile::Setup;

#[derive(Debug)]
struct RewriteRequestParameter {
    name: String,
    replacement: String,
}

pub(super) fn build(args: &Args, _: &Setup<'_>) -> Result<Built, Problem> {
    Built::edit(RewriteRequestParameter {
        name: args.required("name")?,
        replacement: args.required("replacement")?,
    })
}

impl Edit for RewriteRequestParameter {
    fn request(&self, exchange: &mut Exchange) -> Result<(), Halt> {
        let Some(query) = exchange.query() else { return Ok(()) };
        let mut groups = query::grouped(query);
        if groups.shift_remove(&self.name).is_none() {
            return Ok(());
        }
        groups.insert(self.name.clone(), vec![Some(self.replacement.clone())]);
        Ok(exchange.set_query(&query::write(&groups))?)
    }
}
