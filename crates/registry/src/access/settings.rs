//! `wellspring.registry.access`.

use std::fmt;

use serde::Deserialize;
use wellspring_properties::{Environment, Problem, codes};

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Settings {
    pub users: Vec<UserSettings>,
    /// Who may read, once there are users.
    pub reading: Reading,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reading {
    /// Everybody.
    #[default]
    Open,
    /// Users.
    Users,
}

#[derive(Clone, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct UserSettings {
    pub name: String,
    pub password: Option<String>,
    pub token: Option<String>,
    /// The applications that it may write; `ORDERS`, `PAY-*`, `*`.
    pub apps: Vec<String>,
    pub role: Option<Role>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Writes all applications, as client and as peer.
    Admin,
    /// Another registry: the same rights, another name.
    Peer,
}

impl fmt::Debug for UserSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, apps, role, .. } = self;
        write!(f, "User {{ name: {name:?}, apps: {apps:?}, role: {role:?} }}")
    }
}

impl UserSettings {
    /// What is wrong with the user at `place`, whom `earlier` names stand before.
    pub(super) fn check(&self, env: &Environment, place: usize, earlier: &[String]) -> Result<(), Problem> {
        let problem = |key: &str, message: &str, hint: &str| {
            let key = format!("wellspring.registry.access.users[{place}].{key}");
            Err(Problem::new(codes::TYPE_MISMATCH, format!("{key}: {message}"))
                .at(env.origin(&key))
                .hint(hint))
        };
        let empty = |text: &Option<String>| text.as_deref().is_none_or(str::is_empty);
        if self.name.is_empty() || self.name.contains(':') {
            return problem(
                "name",
                "is empty or has a colon",
                "a name for the event log, such as orders-team",
            );
        }
        if earlier.contains(&self.name) {
            return problem("name", &format!("{} stands twice", self.name), "one entry per user");
        }
        if empty(&self.password) && empty(&self.token) {
            return problem("password", "neither password nor token", "one of both, or both");
        }
        let encoded = [&self.password, &self.token].into_iter().flatten();
        for secret in encoded.filter(|secret| secret.starts_with('{') && !secret.starts_with("{noop}")) {
            if secret.contains('}') {
                return problem(
                    "password",
                    "its encoding is not supported",
                    "plain text, or {noop} before it",
                );
            }
        }
        if self.apps.is_empty() && self.role.is_none() {
            return problem("apps", "may write nothing", "application names, or role: admin or peer");
        }
        Ok(())
    }
}
