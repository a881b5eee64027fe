//! `RewritePath=regexp,replacement`: replaces every match in the raw path. `$\{name}` is YAML's way to write `${name}`.

use wellspring_pattern::JavaRegex;
use wellspring_pattern::java_regex::Replacement;
use wellspring_properties::Problem;

use super::{Built, Edit, Halt};
use crate::exchange::Exchange;
use crate::route::args::Args;
use crate::route::compile::Setup;

#[derive(Debug)]
struct RewritePath {
    regexp: JavaRegex,
    replacement: Replacement,
}

pub(super) fn build(args: &Args, _: &Setup<'_>) -> Result<Built, Problem> {
    let regexp = args.regex("regexp")?;
    let text = args.required("replacement")?.replace("$\\", "$");
    let replacement =
        Replacement::new(&text, &regexp).map_err(|error| args.wrong("replacement", error.to_string()))?;
    Built::edit(RewritePath { regexp, replacement })
}

impl Edit for RewritePath {
    fn request(&self, exchange: &mut Exchange) -> Result<(), Halt> {
        match self.regexp.replace_all(exchange.path(), &self.replacement) {
            Some(path) => Ok(exchange.set_path(&path)?),
            None => Ok(()),
        }
    }
}
