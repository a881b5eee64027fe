//! `Before=datetime`: the moment of the request is strictly before the given one.

use wellspring_pattern::Variables;
use wellspring_properties::Problem;

use super::{Ask, Predicate, date};
use crate::route::args::Args;
use crate::route::compile::Setup;

/// Epoch milliseconds.
#[derive(Debug)]
struct Before(i64);

pub(super) fn build(args: &Args, _: &Setup<'_>) -> Result<Box<dyn Predicate>, Problem> {
    Ok(Box::new(Before(date::argument(args, "datetime")?)))
}

impl Predicate for Before {
    fn test(&self, ask: &Ask<'_>, _: &mut Variables) -> bool {
        ask.now() < self.0
    }

    fn describe(&self) -> String {
        format!("Before: {}", date::show(self.0))
    }
}
