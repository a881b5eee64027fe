//! `JsonToGrpc`: JSON to gRPC by a protobuf descriptor; refused, because this gateway carries no protobuf.

use wellspring_properties::Problem;

use super::Built;
use crate::problem::NOT_OFFERED;
use crate::route::args::Args;
use crate::route::compile::Setup;

pub(super) fn build(args: &Args, _: &Setup<'_>) -> Result<Built, Problem> {
    Err(Problem::new(
        NOT_OFFERED,
        "JsonToGrpc is not offered: this gateway does not read protobuf descriptors",
    )
    .at(args.origin())
    .hint("route gRPC calls as they are, over HTTP/2"))
}
