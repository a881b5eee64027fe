//! `/access/*`: users and tokens.

use std::time::Duration;

use axum::Json;
use axum::extract;
use serde_json::json;
use wellspring_wire::Millis;

use super::State;
use super::refusal::Refusal;
use super::routes::{Routes, at};
use super::session::weak;
use super::write::{Done, Nothing, Order};
use crate::access::{Known, Role, is_acceptable};
use crate::schema::view;

view! {
    /// Those who sign in with a password.
    pub(super) struct Users {
        /// By name.
        items: Vec<Credential>,
    }
}

view! {
    /// Tokens of programs.
    pub(super) struct Tokens {
        /// By name.
        items: Vec<Credential>,
    }
}

view! {
    /// A user or a token, without what proves it.
    pub(super) struct Credential {
        /// Stands in the event log.
        name: String,
        /// What it may do.
        role: Role,
        /// Patterns of applications within reach; empty: all.
        applications: Vec<String>,
        /// When it was made.
        created_at: Millis,
        /// Who made it.
        created_by: Option<String>,
        /// When it ends, if it does.
        expires_at: Option<Millis>,
    }
}

view! {
    /// A token that was just made.
    pub(super) struct NewToken {
        /// Stands in the event log.
        name: String,
        /// What it may do.
        role: Role,
        /// Patterns of applications within reach; empty: all.
        applications: Vec<String>,
        /// Its value: shown this once.
        token: String,
        /// When it ends, if it does.
        expires_at: Option<Millis>,
    }
}

view! {
    /// A user to be made, or changed.
    pub(super) struct UserOrder {
        /// Letters, digits, `.`, `-`, `_`, `@`.
        name: String,
        /// viewer without one.
        role: Role,
        /// Patterns such as `orders` or `shop-*`; none: all applications.
        applications: Vec<String>,
        /// At least eight characters.
        password: String,
    }
}

view! {
    /// A token to be made.
    pub(super) struct TokenOrder {
        /// Letters, digits, `.`, `-`, `_`, `@`.
        name: String,
        /// viewer without one.
        role: Role,
        /// Patterns such as `orders` or `shop-*`; none: all applications.
        applications: Vec<String>,
        /// Without: until it is removed.
        days: Option<u64>,
    }
}

pub(super) fn mount(routes: &mut Routes) {
    let role = Role::Admin;
    let users = at("/access/users", "Those who sign in with a password").role(role);
    routes.get::<Users, _, _>(users, list_users);
    let make = at("/access/users", "Make a user, or change one").role(role).done_by("access", "user add");
    routes.post::<UserOrder, Credential, _, _>(make, put_user);
    let remove = at("/access/users/{name}", "Remove a user").role(role).done_by("access", "user remove");
    routes.delete::<Credential, _, _>(remove, remove_user);
    let tokens = at("/access/tokens", "Tokens of programs").role(role);
    routes.get::<Tokens, _, _>(tokens, list_tokens);
    let make = at("/access/tokens", "Make a token: its value is shown once").role(role);
    routes.post::<TokenOrder, NewToken, _, _>(make.done_by("access", "token add"), make_token);
    let remove = at("/access/tokens/{name}", "Remove a token").role(role).done_by("access", "token remove");
    routes.delete::<Credential, _, _>(remove, remove_token);
}

async fn list_users(extract::State(state): extract::State<State>) -> Json<Users> {
    Json(Users { items: state.access.users().into_iter().map(Credential::from).collect() })
}

async fn list_tokens(extract::State(state): extract::State<State>) -> Json<Tokens> {
    Json(Tokens { items: state.access.tokens().into_iter().map(Credential::from).collect() })
}

async fn put_user(state: State, order: Order<UserOrder>) -> Result<Done<Credential>, Refusal> {
    let UserOrder { name, role, applications, password } = order.body;
    named(&name)?;
    if !is_acceptable(&password) {
        return Err(weak());
    }
    let applications = patterns(&applications)?;
    let before = state.access.put_user(&name, &password, role, applications.clone()).await?;
    let after = Credential {
        name: name.clone(),
        role,
        applications,
        created_at: Millis::now(),
        ..Credential::default()
    };
    let text = format!("{name} may sign in as {}", role.as_str());
    let (was, is) = (before.as_ref().map(described), described_credential(&after));
    Ok(Done::new(after, "user-changed", state.admin.name(), name).text(text).change(was, is))
}

async fn remove_user(state: State, order: Order<Nothing>) -> Result<Done<Credential>, Refusal> {
    let name = order.named("name");
    let gone = state.access.remove_user(&name)?.ok_or_else(|| Refusal::unknown("user", &name))?;
    let done = Done::new(Credential::from(gone.clone()), "user-removed", state.admin.name(), &name);
    Ok(done.text(format!("{name} may not sign in any more")).change(described(&gone), ()))
}

async fn make_token(state: State, order: Order<TokenOrder>) -> Result<Done<NewToken>, Refusal> {
    let TokenOrder { name, role, applications, days } = order.body;
    named(&name)?;
    let applications = patterns(&applications)?;
    let now = Millis::now();
    let expires_at = days.map(|days| now + Duration::from_secs(days.saturating_mul(24 * 3600)));
    let wanted = Known {
        name: name.clone(),
        role,
        applications: applications.clone(),
        created_at: now,
        created_by: Some(order.actor.name),
        expires_at,
    };
    let token = state.access.make_token(wanted.clone())?;
    let text = format!("a token {name} may act as {}", role.as_str());
    let answer = NewToken { name: name.clone(), role, applications, token, expires_at };
    Ok(Done::new(answer, "token-made", state.admin.name(), name).text(text).change((), described(&wanted)))
}

async fn remove_token(state: State, order: Order<Nothing>) -> Result<Done<Credential>, Refusal> {
    let name = order.named("name");
    let gone = state.access.remove_token(&name)?.ok_or_else(|| Refusal::unknown("token", &name))?;
    let done = Done::new(Credential::from(gone.clone()), "token-removed", state.admin.name(), &name);
    Ok(done.text(format!("the token {name} is worth nothing any more")).change(described(&gone), ()))
}

/// Actors that are no users.
const RESERVED: [&str; 3] = ["local", "token", "nobody"];

pub(super) fn named(name: &str) -> Result<(), Refusal> {
    let fine = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '@');
    if RESERVED.contains(&name) {
        return Err(Refusal::member("name", "another name: this one has a meaning in the event log"));
    }
    let good = !name.is_empty() && name.len() <= 64 && name.chars().all(fine);
    if good { Ok(()) } else { Err(Refusal::member("name", "1 to 64 letters, digits, '.', '-', '_', '@'")) }
}

/// A pattern that is empty would reach nothing and look as if it reached something.
fn patterns(applications: &[String]) -> Result<Vec<String>, Refusal> {
    let trimmed: Vec<String> = applications.iter().map(|pattern| pattern.trim().to_owned()).collect();
    if trimmed.iter().any(String::is_empty) {
        return Err(Refusal::member("applications", "names or patterns such as shop-*"));
    }
    Ok(trimmed)
}

fn described(known: &Known) -> serde_json::Value {
    json!({"role": known.role, "applications": known.applications, "expiresAt": known.expires_at})
}

fn described_credential(one: &Credential) -> serde_json::Value {
    json!({"role": one.role, "applications": one.applications, "expiresAt": one.expires_at})
}

impl From<Known> for Credential {
    fn from(known: Known) -> Self {
        let Known { name, role, applications, created_at, created_by, expires_at } = known;
        Self { name, role, applications, created_at, created_by, expires_at }
    }
}
