//! `StripPrefix=parts`: drops segments from the start of the raw path.
//!
//! Doubled slashes collapse; a slash at the end is kept when anything is left.

use wellspring_properties::Problem;

use super::{Built, Edit, Halt};
use crate::exchange::Exchange;
use crate::route::args::Args;
use crate::route::compile::Setup;

#[derive(Debug)]
struct StripPrefix {
    parts: usize,
}

pub(super) fn build(args: &Args, _: &Setup<'_>) -> Result<Built, Problem> {
    let parts =
        usize::try_from(args.integer("parts", 1)?).map_err(|_| args.wrong("parts", "must be 0 or more"))?;
    Built::edit(StripPrefix { parts })
}

impl Edit for StripPrefix {
    fn request(&self, exchange: &mut Exchange) -> Result<(), Halt> {
        let path = stripped(exchange.path(), self.parts);
        Ok(exchange.set_path(&path)?)
    }
}

fn stripped(path: &str, parts: usize) -> String {
    let mut out = String::with_capacity(path.len());
    for segment in path.split('/').filter(|segment| !segment.is_empty()).skip(parts) {
        out.push('/');
        out.push_str(segment);
    }
    if out.is_empty() || path.ends_with('/') {
        out.push('/');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::stripped;

    #[test]
    fn segments_are_dropped_from_the_start() {
        for (path, parts, wanted) in [
            ("/strip/a/b/c", 2, "/b/c"),
            ("/strip/a/", 2, "/"),
            ("/strip/a/b/", 2, "/b/"),
            ("/strip", 2, "/"),
            ("/a//b", 1, "/b"),
            ("/a/b", 0, "/a/b"),
            ("/a%2Fb/c", 1, "/c"),
        ] {
            assert_eq!(stripped(path, parts), wanted, "{path}");
        }
    }
}
