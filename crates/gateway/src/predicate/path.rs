//! `Path=patterns,matchTrailingSlash?`: the first of the path patterns that matches counts.

use wellspring_pattern::{PathPattern, Variables};
use wellspring_properties::Problem;

use super::{Ask, Predicate};
use crate::route::args::Args;
use crate::route::compile::Setup;

#[derive(Debug)]
struct Path {
    patterns: Vec<PathPattern>,
    trailing_slash: bool,
}

pub(super) fn build(args: &Args, setup: &Setup<'_>) -> Result<Box<dyn Predicate>, Problem> {
    let trailing_slash = args.boolean("matchTrailingSlash", true)?;
    let base = setup.config.base_path.as_str();
    let patterns = args
        .list("patterns")?
        .iter()
        .map(|pattern| {
            let slash = if !base.is_empty() && !pattern.starts_with('/') { "/" } else { "" };
            PathPattern::new(&format!("{base}{slash}{pattern}"), trailing_slash)
                .map_err(|error| args.wrong("patterns", error.to_string()))
        })
        .collect::<Result<_, _>>()?;
    Ok(Box::new(Path { patterns, trailing_slash }))
}

impl Predicate for Path {
    fn test(&self, ask: &Ask<'_>, found: &mut Variables) -> bool {
        self.patterns.iter().any(|pattern| pattern.capture(ask.path, found))
    }

    fn describe(&self) -> String {
        let patterns = self.patterns.iter().map(PathPattern::as_str).collect::<Vec<_>>().join(", ");
        format!("Paths: [{patterns}], match trailing slash: {}", self.trailing_slash)
    }

    fn paths(&self) -> Option<&[PathPattern]> {
        Some(&self.patterns)
    }
}
