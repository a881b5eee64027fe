//! `ReadBody`: Java only (a class and a predicate object), so it cannot be written in YAML; refused with that reason.

use wellspring_properties::Problem;

use super::Predicate;
use crate::problem::NOT_OFFERED;
use crate::route::args::Args;
use crate::route::compile::Setup;

pub(super) fn build(args: &Args, _: &Setup<'_>) -> Result<Box<dyn Predicate>, Problem> {
    Err(Problem::new(NOT_OFFERED, "ReadBody takes a Java class and a Java predicate, which YAML cannot hold")
        .at(args.origin())
        .hint("route by header, query or path"))
}
