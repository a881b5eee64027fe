//! `RewriteResponseHeader=name,regexp,replacement`: replaces every match in each value.

use http::HeaderName;
use wellspring_pattern::JavaRegex;
use wellspring_pattern::java_regex::Replacement;
use wellspring_properties::Problem;

use super::{Built, Edit, header_value, texts};
use crate::error::Error;
use crate::exchange::Exchange;
use crate::reply::Reply;
use crate::route::args::Args;
use crate::route::compile::Setup;

#[derive(Debug)]
struct RewriteResponseHeader {
    name: HeaderName,
    regexp: JavaRegex,
    replacement: Replacement,
}

pub(super) fn build(args: &Args, _: &Setup<'_>) -> Result<Built, Problem> {
    let regexp = args.regex("regexp")?;
    let text = args.text("replacement").unwrap_or_default().replace("$\\", "$");
    let replacement =
        Replacement::new(&text, &regexp).map_err(|error| args.wrong("replacement", error.to_string()))?;
    Built::edit(RewriteResponseHeader { name: args.header_name("name")?, regexp, replacement })
}

impl Edit for RewriteResponseHeader {
    fn response(&self, _: &Exchange, reply: &mut Reply) -> Result<(), Error> {
        let values: Vec<String> = texts(&reply.headers, &self.name)
            .map(|text| {
                self.regexp.replace_all(&text, &self.replacement).unwrap_or_else(|| text.into_owned())
            })
            .collect();
        if values.is_empty() {
            return Ok(());
        }
        reply.headers.remove(&self.name);
        for value in values.iter().filter_map(|text| header_value(text)) {
            reply.headers.append(self.name.clone(), value);
        }
        Ok(())
    }
}
