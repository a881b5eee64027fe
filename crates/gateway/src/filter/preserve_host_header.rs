//! `PreserveHostHeader`: the upstream gets the client's Host.

use wellspring_properties::Problem;

use super::{Built, Edit, Halt};
use crate::exchange::{Exchange, HostHeader};
use crate::route::args::Args;
use crate::route::compile::Setup;

#[derive(Debug)]
struct PreserveHostHeader;

pub(super) fn build(_: &Args, _: &Setup<'_>) -> Result<Built, Problem> {
    Built::edit(PreserveHostHeader)
}

impl Edit for PreserveHostHeader {
    fn request(&self, exchange: &mut Exchange) -> Result<(), Halt> {
        if exchange.host == HostHeader::Target {
            exchange.host = HostHeader::Preserve;
        }
        Ok(())
    }
}
