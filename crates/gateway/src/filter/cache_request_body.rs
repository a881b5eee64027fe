//! `CacheRequestBody=bodyClass`: keeps the body in memory; nothing of it is visible outside.
//!
//! The class is a Java class: text and bytes are accepted, others have no meaning here and are refused.

use wellspring_properties::Problem;

use super::Built;
use crate::problem::NOT_OFFERED;
use crate::route::args::Args;
use crate::route::compile::Setup;

const CLASSES: [&str; 4] = ["java.lang.String", "String", "byte[]", "[B"];

pub(super) fn build(args: &Args, _: &Setup<'_>) -> Result<Built, Problem> {
    let class = args.required("bodyClass")?;
    if CLASSES.contains(&class.as_str()) {
        return Ok(Built::Nothing);
    }
    Err(Problem::new(NOT_OFFERED, "CacheRequestBody into a Java class is not possible here")
        .found(class)
        .at(args.origin())
        .hint("java.lang.String"))
}
