//! Who may do what: users with a password or a token, and the applications that each may write.
//!
//! Without users the registry is open, as the original is. With users, writing is theirs alone; reading stays open unless
//! it is closed as well. Secrets are kept as digests and compared in constant time.

mod settings;

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::AUTHORIZATION;
use http::{HeaderMap, StatusCode};
use ring::digest::{SHA256, SHA256_OUTPUT_LEN, digest};
use wellspring_properties::{Environment, Problem};

pub use settings::{Reading, Role, Settings, UserSettings};

type Digest = [u8; SHA256_OUTPUT_LEN];

/// A user by its place in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UserId(u16);

/// What a request is about to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Intent<'a> {
    Read,
    /// Change instances of an application.
    Write(&'a str),
    /// Speak as another registry does, for whatever application.
    Replicate,
}

#[derive(Debug)]
struct User {
    password: Option<Digest>,
    token: Option<Digest>,
    /// Upper case; one may end in `*`.
    apps: Vec<String>,
    role: Option<Role>,
}

#[derive(Debug, Default)]
pub struct Access {
    users: Vec<User>,
    names: Arc<[String]>,
    reading: Reading,
}

impl Access {
    pub fn from_env(env: &Environment, settings: &Settings) -> Result<Self, Problem> {
        let mut users = Vec::new();
        let mut names: Vec<String> = Vec::new();
        for (place, user) in settings.users.iter().enumerate() {
            user.check(env, place, &names)?;
            names.push(user.name.clone());
            users.push(User {
                password: user.password.as_deref().map(plain).map(sum),
                token: user.token.as_deref().map(plain).map(sum),
                apps: user.apps.iter().map(|app| app.to_uppercase()).collect(),
                role: user.role,
            });
        }
        // The frame lets nobody in but this one; here it has a name for the event log, and every right.
        if let Some(password) = env.get("spring.security.user.password").filter(|text| !text.is_empty()) {
            if !users.is_empty() {
                tracing::warn!(
                    "spring.security.user.password closes the whole port: users of wellspring.registry.access cannot get in"
                );
            }
            names.push(env.get("spring.security.user.name").unwrap_or_else(|| "user".to_owned()));
            let password = Some(sum(plain(&password)));
            users.push(User { password, token: None, apps: Vec::new(), role: Some(Role::Admin) });
        }
        Ok(Self { users, names: names.into(), reading: settings.reading })
    }

    /// Nobody is asked who he is.
    pub fn is_open(&self) -> bool {
        self.users.is_empty()
    }

    /// Names by [`UserId`].
    pub fn names(&self) -> Names {
        Names(Arc::clone(&self.names))
    }

    /// Who it is, when the request may do what it intends; else 401 for nobody we know, 403 for somebody who may not.
    pub fn admit(&self, intent: Intent<'_>, headers: &HeaderMap) -> Result<Option<UserId>, StatusCode> {
        if self.is_open() {
            return Ok(None);
        }
        let user = self.who(headers);
        if intent == Intent::Read && self.reading == Reading::Open {
            return Ok(user);
        }
        let user = user.ok_or(StatusCode::UNAUTHORIZED)?;
        let may = self.users.get(usize::from(user.0)).is_some_and(|known| known.may(intent));
        if may { Ok(Some(user)) } else { Err(StatusCode::FORBIDDEN) }
    }

    fn who(&self, headers: &HeaderMap) -> Option<UserId> {
        let (scheme, credentials) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
        let credentials = credentials.trim();
        let (name, secret) = if scheme.eq_ignore_ascii_case("bearer") {
            (None, sum(credentials))
        } else if scheme.eq_ignore_ascii_case("basic") {
            let decoded = String::from_utf8(STANDARD.decode(credentials).ok()?).ok()?;
            let (name, password) = decoded.split_once(':')?;
            (Some(name.to_owned()), sum(password))
        } else {
            return None;
        };
        // Through the whole table whoever it is, so that the time tells nothing.
        let mut found = None;
        for (place, (user, known)) in self.users.iter().zip(self.names.iter()).enumerate() {
            let expected = if name.is_some() { &user.password } else { &user.token };
            let right = same(&secret, expected.as_ref().unwrap_or(&[0; SHA256_OUTPUT_LEN]));
            if right && expected.is_some() && name.as_ref().is_none_or(|name| name == known) {
                found = u16::try_from(place).ok().map(UserId);
            }
        }
        found
    }
}

impl User {
    fn may(&self, intent: Intent<'_>) -> bool {
        match (intent, self.role) {
            (Intent::Read, _) | (_, Some(Role::Admin)) | (_, Some(Role::Peer)) => true,
            (Intent::Replicate, None) => false,
            (Intent::Write(app), None) => self.apps.iter().any(|scope| match scope.strip_suffix('*') {
                Some(start) => app.starts_with(start),
                None => app == scope,
            }),
        }
    }
}

/// The users' names, for whoever writes down what they did.
#[derive(Debug, Clone, Default)]
pub struct Names(Arc<[String]>);

impl Names {
    pub fn of(&self, user: Option<UserId>) -> Option<&str> {
        self.0.get(usize::from(user?.0)).map(String::as_str)
    }
}

fn plain(secret: &str) -> &str {
    secret.strip_prefix("{noop}").unwrap_or(secret)
}

fn sum(secret: &str) -> Digest {
    let mut sum = [0; SHA256_OUTPUT_LEN];
    sum.iter_mut().zip(digest(&SHA256, secret.as_bytes()).as_ref()).for_each(|(to, from)| *to = *from);
    sum
}

/// Takes as long for a wrong first byte as for a wrong last one.
fn same(given: &Digest, expected: &Digest) -> bool {
    given.iter().zip(expected).fold(0, |differing, (a, b)| differing | (a ^ b)) == 0
}

#[cfg(test)]
mod tests;
