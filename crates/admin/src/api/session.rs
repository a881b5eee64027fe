//! `/session`: who one is, signing in, signing out.

use axum::Json;
use axum::extract;

use super::State;
use super::gate;
use super::refusal::Refusal;
use super::routes::{Routes, Scope, at};
use super::users::named;
use super::write::{Done, Nothing, Order};
use crate::access::{Actor, COOKIE_NAME, LIFE, Refused, Role, SHORTEST, is_acceptable};
use crate::schema::view;

view! {
    /// Who sends the request, and what he may do.
    pub(super) struct Session {
        /// The name that stands in the event log; empty: nobody yet.
        actor: String,
        /// What he may do.
        role: Role,
        /// Patterns of applications within reach; empty: all.
        applications: Vec<String>,
        /// Nothing asks for a credential.
        open: bool,
        /// Users can sign in here.
        login: bool,
        /// Where `bearer` was asked for: good for twelve hours.
        token: Option<String>,
    }
}

view! {
    /// Name and password, which with the key of the one-time link become the first administrator's; or a token.
    pub(super) struct SignIn {
        /// The user's name.
        name: String,
        /// The user's password.
        password: String,
        /// From the link that was printed at the start.
        key: Option<String>,
        /// In the place of name and password.
        token: Option<String>,
        /// Answer with something to be shown as a bearer's token, in the place of a cookie: for programs.
        bearer: bool,
    }
}

pub(super) fn mount(routes: &mut Routes) {
    let session = at("/session", "Who sends this request, and what he may do").anybody().scope(Scope::Own);
    routes.get::<Session, _, _>(session, who);
    let sign_in = at("/session", "Sign in: the answer sets a cookie").anybody().scope(Scope::Own);
    routes.post::<SignIn, Session, _, _>(sign_in.done_by("access", "login"), sign_in_with);
    let sign_out = at("/session", "Sign out").anybody().scope(Scope::Own);
    routes.delete::<Session, _, _>(sign_out.done_by("access", "logout"), sign_out_of);
}

fn session(state: &State, actor: Option<&Actor>) -> Session {
    let known = actor.filter(|actor| actor.name != gate::NOBODY);
    Session {
        actor: known.map(|actor| actor.name.clone()).unwrap_or_default(),
        role: known.map(|actor| actor.role).unwrap_or_default(),
        applications: known.map(|actor| actor.applications.clone()).unwrap_or_default(),
        open: state.access.is_open(),
        login: state.access.has_users(),
        token: None,
    }
}

async fn who(extract::State(state): extract::State<State>, actor: Actor) -> Json<Session> {
    Json(session(&state, Some(&actor)))
}

async fn sign_in_with(state: State, order: Order<SignIn>) -> Result<Done<Session>, Refusal> {
    let SignIn { name, password, key, token, bearer } = &order.body;
    if key.is_some() {
        named(name)?;
        if !is_acceptable(password) {
            return Err(weak());
        }
    }
    let signed = match (key, token) {
        (Some(key), _) => state.access.first(key, name, password).await,
        (None, Some(token)) => state.access.sign_in_by_token(token),
        (None, None) => state.access.sign_in(name, password).await,
    };
    let (actor, cookie) = signed.map_err(|refused| {
        let refusal = Refusal::from(refused);
        gate::note_unknown(&state.admin, name, &refusal);
        refusal
    })?;
    let (kind, text) = match key {
        Some(_) => ("first-admin", "became the first administrator"),
        None => ("signed-in", "signed in"),
    };
    let mut answer = session(&state, Some(&actor));
    answer.token = bearer.then(|| cookie.clone());
    let done = Done::new(answer, kind, state.admin.name(), &actor.name);
    let done = done.text(format!("{} {text}", actor.name)).by(&actor.name);
    if *bearer {
        return Ok(done);
    }
    let age = LIFE.as_secs();
    Ok(done.cookie(format!("{COOKIE_NAME}={cookie}; Path=/; HttpOnly; SameSite=Strict; Max-Age={age}")))
}

async fn sign_out_of(state: State, order: Order<Nothing>) -> Result<Done<Session>, Refusal> {
    if let Some(cookie) = &order.cookie {
        state.access.sign_out(cookie);
    }
    let name = order.actor.name.clone();
    let done = Done::new(session(&state, None), "signed-out", state.admin.name(), &name);
    let gone = format!("{COOKIE_NAME}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0");
    Ok(done.text(format!("{name} signed out")).cookie(gone))
}

pub(super) fn weak() -> Refusal {
    Refusal::member("password", &format!("at least {SHORTEST} characters"))
}

impl From<Refused> for Refusal {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::NoFile => {
                Self::conflict("this daemon keeps no users and tokens", "set wellspring.admin.access-file")
            }
            Refused::Taken => {
                Self::conflict("the name is taken", "another name, or remove the old one first")
            }
            Refused::LastAdmin => Self::conflict("this is the last administrator", "make another one first"),
            Refused::LastCredential => Self::conflict(
                "without this token everybody would be let in",
                "make a user or another token first",
            ),
            Refused::Wrong => Self::unauthorized("name, password or key are wrong"),
            Refused::Failed(cause) => Self::failed(&cause),
        }
    }
}
