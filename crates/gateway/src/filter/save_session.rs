//! `SaveSession`: saves the web session before the upstream is asked; this gateway keeps none, so nothing happens.

use wellspring_properties::Problem;

use super::Built;
use crate::route::args::Args;
use crate::route::compile::Setup;

pub(super) fn build(_: &Args, _: &Setup<'_>) -> Result<Built, Problem> {
    Ok(Built::Nothing)
}
