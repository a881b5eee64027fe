//! `Query=param,regexp?`: the parameter is there, and with a regexp some decoded value matches wholly.

use wellspring_pattern::{JavaRegex, Variables};
use wellspring_properties::Problem;

use super::{Ask, Predicate};
use crate::query;
use crate::route::args::Args;
use crate::route::compile::Setup;

#[derive(Debug)]
struct Query {
    param: String,
    regexp: Option<JavaRegex>,
}

pub(super) fn build(args: &Args, _: &Setup<'_>) -> Result<Box<dyn Predicate>, Problem> {
    if args.has("predicate") {
        return Err(args
            .wrong("predicate", "is a Java bean, which this gateway cannot call")
            .hint("write regexp"));
    }
    let regexp = if args.has("regexp") { Some(args.regex("regexp")?) } else { None };
    Ok(Box::new(Query { param: args.required("param")?, regexp }))
}

impl Predicate for Query {
    fn test(&self, ask: &Ask<'_>, _: &mut Variables) -> bool {
        let mut values = query::pairs(ask.query.unwrap_or_default()).filter(|(name, _)| *name == self.param);
        match &self.regexp {
            None => values.next().is_some(),
            // `?a` without `=` has no value, and nothing matches it.
            Some(regexp) => values.any(|(_, value)| value.is_some_and(|value| regexp.matches(&value))),
        }
    }

    fn describe(&self) -> String {
        let regexp = self.regexp.as_ref().map_or("null", |regexp| regexp.as_str());
        format!("Query: param={} regexp={regexp}", self.param)
    }
}
