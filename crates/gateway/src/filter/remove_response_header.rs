//! `RemoveResponseHeader=name`.

use http::HeaderName;
use wellspring_properties::Problem;

use super::{Built, Edit};
use crate::error::Error;
use crate::exchange::Exchange;
use crate::reply::Reply;
use crate::route::args::Args;
use crate::route::compile::Setup;

#[derive(Debug)]
struct RemoveResponseHeader(HeaderName);

pub(super) fn build(args: &Args, _: &Setup<'_>) -> Result<Built, Problem> {
    Built::edit(RemoveResponseHeader(args.header_name("name")?))
}

impl Edit for RemoveResponseHeader {
    fn response(&self, _: &Exchange, reply: &mut Reply) -> Result<(), Error> {
        reply.headers.remove(&self.0);
        Ok(())
    }
}
