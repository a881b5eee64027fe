//! `Cookie=name,regexp`: some cookie of that name (capitals matter) matches wholly.

use http::header::COOKIE;
use wellspring_pattern::{JavaRegex, Variables};
use wellspring_properties::Problem;

use super::{Ask, Predicate};
use crate::route::args::Args;
use crate::route::compile::Setup;

#[derive(Debug)]
struct Cookie {
    name: String,
    regexp: JavaRegex,
}

pub(super) fn build(args: &Args, _: &Setup<'_>) -> Result<Box<dyn Predicate>, Problem> {
    Ok(Box::new(Cookie { name: args.required("name")?, regexp: args.regex("regexp")? }))
}

impl Predicate for Cookie {
    fn test(&self, ask: &Ask<'_>, _: &mut Variables) -> bool {
        ask.headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok()).any(|line| {
            line.split(';').any(|pair| {
                pair.trim().split_once('=').is_some_and(|(name, value)| {
                    name == self.name && self.regexp.matches(value.trim_matches('"'))
                })
            })
        })
    }

    fn describe(&self) -> String {
        format!("Cookie: name={} regexp={}", self.name, self.regexp.as_str())
    }
}
