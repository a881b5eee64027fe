//! `TokenRelay=clientRegistrationId?`: the upstream gets the access token of the logged-in user, or, with a registration of the
//! kind `client_credentials`, the gateway's own. Without either the request passes unchanged.

use futures_util::future::BoxFuture;
use http::StatusCode;
use http::header::AUTHORIZATION;
use wellspring_properties::Problem;

use super::chain::Next;
use super::{Around, Built, header_value};
use crate::error::Error;
use crate::exchange::Exchange;
use crate::problem::NO_EFFECT;
use crate::reply::Reply;
use crate::route::args::Args;
use crate::route::compile::Setup;
use crate::security::oauth2::registration;

#[derive(Debug)]
struct TokenRelay {
    registration: Option<String>,
}

pub(super) fn build(args: &Args, setup: &Setup<'_>) -> Result<Built, Problem> {
    let known = registration::all(setup.env)?;
    let registration = args.text("clientRegistrationId");
    if known.is_empty() {
        let problem = Problem::new(NO_EFFECT, "TokenRelay has no effect: no OAuth2 client is registered")
            .at(args.origin())
            .hint("spring.security.oauth2.client.registration");
        tracing::warn!("{}", problem.line());
        return Ok(Built::Nothing);
    }
    if let Some(id) = &registration
        && !known.iter().any(|one| one.id == *id)
    {
        let names: Vec<&str> = known.iter().map(|one| one.id.as_str()).collect();
        return Err(args.wrong("clientRegistrationId", "is not registered").hint(names.join(", ")));
    }
    Built::around(TokenRelay { registration })
}

impl Around for TokenRelay {
    fn call<'a>(&'a self, exchange: &'a mut Exchange, next: Next<'a>) -> BoxFuture<'a, Result<Reply, Error>> {
        Box::pin(async move {
            if let Some(token) = self.token(exchange, next).await?
                && let Some(mut value) = header_value(&format!("Bearer {token}"))
            {
                value.set_sensitive(true);
                exchange.headers.insert(AUTHORIZATION, value);
            }
            next.run(exchange).await
        })
    }
}

impl TokenRelay {
    async fn token(&self, exchange: &Exchange, next: Next<'_>) -> Result<Option<String>, Error> {
        let snapshot = next.proxy.snapshot();
        let Some(clients) = snapshot.guard.as_ref().and_then(|guard| guard.clients()) else {
            return Ok(None);
        };
        let failed = |error: String| {
            tracing::error!(route = %exchange.route.id, error, "no token to relay");
            Error::Status(StatusCode::INTERNAL_SERVER_ERROR)
        };
        let registration = self.registration.as_deref();
        if let Some(machine) = registration.and_then(|id| clients.machine(id)) {
            return machine.token().await.map(|tokens| Some(tokens.access.clone())).map_err(failed);
        }
        let session = exchange.principal.as_ref().and_then(|known| known.session.as_deref());
        match (&clients.login, session) {
            (Some(login), Some(session)) => login.token(session, registration).await.map_err(failed),
            _ => Ok(None),
        }
    }
}
