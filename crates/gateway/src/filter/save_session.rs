//! `SaveSession`: the web session is saved before the upstream is asked. Here sessions are saved whenever they change, so there is
//! nothing left to do; without logins there are none, which is told at the start.

use wellspring_properties::Problem;

use super::Built;
use crate::problem::NO_EFFECT;
use crate::route::args::Args;
use crate::route::compile::Setup;
use crate::security::oauth2::registration::{self, Grant};

pub(super) fn build(args: &Args, setup: &Setup<'_>) -> Result<Built, Problem> {
    if !registration::all(setup.env)?.iter().any(|one| one.grant == Grant::AuthorizationCode) {
        let problem =
            Problem::new(NO_EFFECT, "SaveSession has no effect: nobody can log in, so there are no sessions")
                .at(args.origin())
                .hint("spring.security.oauth2.client.registration");
        tracing::warn!("{}", problem.line());
    }
    Ok(Built::Nothing)
}
