//! `TokenRelay=clientRegistrationId?`: the bearer token of a logged-in session. Without a login the request passes unchanged.

use wellspring_properties::Problem;

use super::Built;
use crate::route::args::Args;
use crate::route::compile::Setup;

pub(super) fn build(_: &Args, _: &Setup<'_>) -> Result<Built, Problem> {
    // OAuth2 login is not part of this gateway, so there is never a principal: exactly the case the original passes on.
    Ok(Built::Nothing)
}
