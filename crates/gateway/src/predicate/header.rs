//! `Header=header,regexp?`: the header is there, and with a regexp some value matches wholly.

use http::HeaderName;
use wellspring_pattern::{JavaRegex, Variables};
use wellspring_properties::Problem;

use super::{Ask, Predicate};
use crate::route::args::Args;
use crate::route::compile::Setup;

#[derive(Debug)]
struct Header {
    shown: String,
    name: HeaderName,
    regexp: Option<JavaRegex>,
}

pub(super) fn build(args: &Args, _: &Setup<'_>) -> Result<Box<dyn Predicate>, Problem> {
    let regexp = if args.has("regexp") { Some(args.regex("regexp")?) } else { None };
    Ok(Box::new(Header { shown: args.required("header")?, name: args.header_name("header")?, regexp }))
}

impl Predicate for Header {
    fn test(&self, ask: &Ask<'_>, _: &mut Variables) -> bool {
        let Some(regexp) = &self.regexp else { return ask.headers.contains_key(&self.name) };
        ask.headers
            .get_all(&self.name)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .any(|line| regexp.matches(line) || line.split(',').any(|value| regexp.matches(value.trim())))
    }

    fn describe(&self) -> String {
        let regexp = self.regexp.as_ref().map_or("null", |regexp| regexp.as_str());
        format!("Header: {} regexp={regexp}", self.shown)
    }
}
