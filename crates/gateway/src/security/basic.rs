//! `Authorization: Basic` against the users in `wellspring.gateway.security.basic`.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use wellspring_properties::Problem;

use super::password::{Checker, Encoded};
use super::principal::{Principal, Scheme};
use super::refusal::Refusal;
use super::setting;
use crate::tree::Tree;

/// A valid hash that nobody's password has: an unknown name takes as long as a known one.
const NOBODY: &str = "$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy";

#[derive(Debug, Clone)]
pub(super) struct Basic {
    realm: String,
    users: HashMap<String, (Encoded, Vec<String>)>,
    nobody: Encoded,
    checker: Checker,
}

impl Basic {
    pub(super) fn read(tree: &Tree, checker: &Checker) -> Result<Option<Self>, Problem> {
        setting::only(tree, &["realm", "users"], "security.basic")?;
        let Some(listed) = tree.get("users") else { return Ok(None) };
        let mut users = HashMap::new();
        for user in listed.items() {
            setting::only(user, &["name", "password", "roles", "scopes", "authorities"], "a user")?;
            let text = |name: &str| user.get(name).and_then(Tree::as_text).filter(|text| !text.is_empty());
            let (Some(name), Some(password)) = (text("name"), text("password")) else {
                return Err(setting::wrong(user, "a user needs name and password"));
            };
            let encoded = Encoded::read(&password).map_err(|error| {
                setting::wrong(user.get("password").unwrap_or(user), format!("password of '{name}' {error}"))
            })?;
            users.insert(name, (encoded, setting::authorities(user)));
        }
        let realm = tree.get("realm").and_then(Tree::as_text).unwrap_or_else(|| "Realm".to_owned());
        let nobody = if users.values().any(|(encoded, _)| matches!(encoded, Encoded::Bcrypt(_))) {
            Encoded::Bcrypt(NOBODY.to_owned())
        } else {
            Encoded::Plain(String::new())
        };
        Ok(Some(Self { realm, users, nobody, checker: checker.clone() }))
    }

    pub(super) fn challenge(&self) -> Option<HeaderValue> {
        HeaderValue::try_from(format!("Basic realm=\"{}\"", self.realm.replace(['"', '\\'], "'"))).ok()
    }

    /// `credentials` is what follows `Basic `.
    pub(super) async fn principal(&self, credentials: &str) -> Result<Principal, Refusal> {
        let decoded =
            STANDARD.decode(credentials.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let Some((name, password)) = decoded.as_deref().and_then(|text| text.split_once(':')) else {
            return Err(Refusal::Wrong);
        };
        let known = self.users.get(name);
        let encoded = known.map_or(&self.nobody, |(encoded, _)| encoded);
        let right = self.checker.is_right(password, encoded).await;
        match known {
            Some((_, authorities)) if right => Ok(Principal::new(name, Scheme::Basic, authorities.clone())),
            _ => Err(Refusal::Wrong),
        }
    }
}
