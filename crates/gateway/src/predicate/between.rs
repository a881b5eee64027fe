//! `Between=datetime1,datetime2`: the moment of the request is strictly between the two.

use wellspring_pattern::Variables;
use wellspring_properties::Problem;

use super::{Ask, Predicate, date};
use crate::route::args::Args;
use crate::route::compile::Setup;

/// Epoch milliseconds.
#[derive(Debug)]
struct Between {
    from: i64,
    to: i64,
}

pub(super) fn build(args: &Args, _: &Setup<'_>) -> Result<Box<dyn Predicate>, Problem> {
    let (from, to) = (date::argument(args, "datetime1")?, date::argument(args, "datetime2")?);
    if from >= to {
        return Err(args.wrong("datetime2", "must be later than datetime1"));
    }
    Ok(Box::new(Between { from, to }))
}

impl Predicate for Between {
    fn test(&self, ask: &Ask<'_>, _: &mut Variables) -> bool {
        self.from < ask.now() && ask.now() < self.to
    }

    fn describe(&self) -> String {
        format!("Between: {} and {}", date::show(self.from), date::show(self.to))
    }
}
