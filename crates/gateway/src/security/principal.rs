//! Who a request comes from, once credentials have been believed.

use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value};

/// What kind of credentials it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    Bearer,
    Basic,
    ApiKey,
    Certificate,
    Session,
}

const NAMES: [(Scheme, &str); 5] = [
    (Scheme::Bearer, "bearer"),
    (Scheme::Basic, "basic"),
    (Scheme::ApiKey, "api-key"),
    (Scheme::Certificate, "certificate"),
    (Scheme::Session, "session"),
];

impl Scheme {
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        NAMES.iter().find(|(_, known)| *known == name).map(|(scheme, _)| *scheme)
    }

    /// All names, for a hint.
    #[must_use]
    pub fn names() -> String {
        NAMES.map(|(_, name)| name).join(", ")
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(NAMES.iter().find(|(scheme, _)| scheme == self).map_or("", |(_, name)| name))
    }
}

/// The caller: a name, and what it may do.
#[derive(Debug, Clone, PartialEq)]
pub struct Principal {
    pub name: Arc<str>,
    pub scheme: Scheme,
    /// As Spring names them: `SCOPE_read`, `ROLE_ADMIN`.
    pub authorities: Vec<String>,
    /// Claims or attributes; empty without a token.
    pub claims: Map<String, Value>,
    /// The session that a login made.
    pub session: Option<Arc<str>>,
}

impl Principal {
    #[must_use]
    pub fn new(name: &str, scheme: Scheme, authorities: Vec<String>) -> Self {
        Self { name: name.into(), scheme, authorities, claims: Map::new(), session: None }
    }

    #[must_use]
    pub fn has(&self, authority: &str) -> bool {
        self.authorities.iter().any(|mine| mine == authority)
    }
}
