//! Settings that stand below our prefixes and have no effect are named once, at the start.

use wellspring_properties::Problem;

pub(crate) fn report(unknown: &[Problem]) {
    for problem in unknown {
        tracing::warn!("{}", problem.line());
    }
}
