//! The gateway as OAuth2 client (`spring.security.oauth2.client.*`): logins, and tokens of its own.

pub mod login;
pub mod registration;
pub mod session;
pub mod token;

use std::collections::HashMap;
use std::sync::Arc;

use wellspring_properties::{Environment, Problem};

use super::remote::Remote;
use crate::platform::Platform;
use crate::problem::BAD_SETTING;
use login::Login;
use registration::{Grant, Registration};
use session::Sessions;
use token::Machine;

/// All registrations, with what is kept for them.
#[derive(Debug)]
pub struct Clients {
    pub registrations: Vec<Arc<Registration>>,
    /// Tokens of the gateway's own, by registration.
    machines: HashMap<String, Arc<Machine>>,
    /// `None` without a registration for logins.
    pub login: Option<Arc<Login>>,
}

impl Clients {
    /// `None` when nothing is registered. `before` keeps its tokens and sessions when the settings are the same.
    pub fn read(
        env: &Environment,
        platform: &Platform,
        remote: &Remote,
        before: Option<&Arc<Self>>,
    ) -> Result<Option<Arc<Self>>, Problem> {
        let registrations = registration::all(env)?;
        if registrations.is_empty() {
            return Ok(None);
        }
        if let Some(before) = before
            && before.registrations.iter().map(|known| &**known).eq(&registrations)
        {
            return Ok(Some(Arc::clone(before)));
        }
        let registrations: Vec<Arc<Registration>> = registrations.into_iter().map(Arc::new).collect();
        let of = |grant: Grant| registrations.iter().filter(move |one| one.grant == grant);
        let machines = of(Grant::ClientCredentials)
            .map(|one| (one.id.clone(), Arc::new(Machine::new(Arc::clone(one), remote.clone()))))
            .collect();
        let logins: Vec<Arc<Registration>> = of(Grant::AuthorizationCode).cloned().collect();
        let login = if logins.is_empty() {
            None
        } else {
            let sessions = Sessions::read(env, platform)?;
            let unready =
                |error: String| Problem::new(BAD_SETTING, format!("logins cannot be set up: {error}"));
            Some(Arc::new(Login::new(logins, sessions, remote.clone()).map_err(unready)?))
        };
        Ok(Some(Arc::new(Self { registrations, machines, login })))
    }

    #[must_use]
    pub fn machine(&self, id: &str) -> Option<&Arc<Machine>> {
        self.machines.get(id)
    }
}
