//! Who may do what: the one token of the settings, users with passwords, tokens of programs.
//!
//! Without any of them everything is open to callers on this machine. A file for users that is still empty prints a link
//! which makes the first administrator; from then on a credential is needed.

mod actor;
mod book;
mod password;
mod sessions;

use std::io;
use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Semaphore;
use wellspring_wire::Millis;

pub use actor::{Actor, Role};
use book::{Book, Token, User};
pub(crate) use password::{SHORTEST, is_acceptable};
pub(crate) use sessions::LIFE;
use sessions::{Sessions, Whose};

pub(crate) const COOKIE_NAME: &str = "wellspring-session";

/// Cloning shares it.
#[derive(Clone)]
pub struct Access(Arc<Inner>);

struct Inner {
    token: Option<String>,
    book: Option<Mutex<Book>>,
    sessions: Mutex<Sessions>,
    /// Digest of what the one-time link carries.
    key: Mutex<Option<String>>,
    /// One password at a time: each takes memory and a core, and whoever guesses waits in line.
    hashing: Semaphore,
}

/// What is told about a user or a token.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(crate) name: String,
    pub(crate) role: Role,
    pub(crate) applications: Vec<String>,
    pub(crate) created_at: Millis,
    pub(crate) created_by: Option<String>,
    pub(crate) expires_at: Option<Millis>,
}

/// Why access stays as it is.
#[derive(Debug)]
pub(crate) enum Refused {
    /// `wellspring.admin.access-file` is not set.
    NoFile,
    /// There is one of that name.
    Taken,
    /// Somebody has to be able to let others in.
    LastAdmin,
    /// Without any credential everything would be open.
    LastCredential,
    /// Name, password or key are not right; which of them is not told.
    Wrong,
    /// The file cannot be written, or the system has no random numbers.
    Failed(String),
}

impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Access").field("open", &self.is_open()).finish_non_exhaustive()
    }
}

impl Access {
    /// Nobody is asked who he is; with a token, its bearer alone is let in.
    #[must_use]
    pub fn new(token: Option<String>) -> Self {
        Self::with(token, None)
    }

    /// As [`Access::new`], with users and tokens from a file, which is made when it is not there.
    pub fn kept_in(token: Option<String>, path: &Path) -> io::Result<Self> {
        Ok(Self::with(token, Some(Mutex::new(Book::open(path)?))))
    }

    fn with(token: Option<String>, book: Option<Mutex<Book>>) -> Self {
        Self(Arc::new(Inner {
            token,
            book,
            sessions: Mutex::default(),
            key: Mutex::default(),
            hashing: Semaphore::new(1),
        }))
    }

    /// No credential exists.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.0.token.is_none() && self.0.book.as_ref().is_none_or(|book| book.lock().is_empty())
    }

    /// Whether users can sign in, or the first one be made.
    pub(crate) fn has_users(&self) -> bool {
        self.0.book.is_some()
    }

    /// The key of a link that makes the first administrator; where there is one already, or no file, `None`.
    #[must_use]
    pub fn one_time_key(&self) -> Option<String> {
        let book = self.0.book.as_ref()?;
        if book.lock().users().iter().any(|user| user.role == Role::Admin) {
            return None;
        }
        let key = password::random()?;
        *self.0.key.lock() = Some(password::digest(&key));
        Some(key)
    }

    pub(crate) fn bearer(&self, shown: &str) -> Option<Actor> {
        if self.0.token.as_deref().is_some_and(|token| same(token, shown)) {
            return Some(Actor::new("token", Role::Admin, &[]));
        }
        let digest = password::digest(shown);
        let known =
            self.0.book.as_ref().and_then(|book| {
                book.lock().tokens().iter().find(|token| same(&token.sha256, &digest)).cloned()
            });
        match known {
            Some(token) => token.actor(),
            // What a program got when somebody signed in with it.
            None => self.session(shown),
        }
    }

    pub(crate) fn session(&self, cookie: &str) -> Option<Actor> {
        let digest = password::digest(cookie);
        let whose = self.0.sessions.lock().whose(&digest, Millis::now())?.clone();
        // As the user or token is now: a role that was taken away counts at once.
        match whose {
            Whose::Settings => Some(Actor::new("token", Role::Admin, &[])),
            Whose::User(name) => {
                let book = self.0.book.as_ref()?.lock();
                let user = book.users().iter().find(|user| user.name == name)?;
                Some(Actor::new(&user.name, user.role, &user.applications))
            }
            Whose::Token(name) => {
                let book = self.0.book.as_ref()?.lock();
                book.tokens().iter().find(|token| token.name == name)?.actor()
            }
        }
    }

    /// A session for the bearer of a token: browsers send no token with an event stream.
    pub(crate) fn sign_in_by_token(&self, token: &str) -> Result<(Actor, String), Refused> {
        let actor = self.bearer(token).ok_or(Refused::Wrong)?;
        let settings = self.0.token.as_deref().is_some_and(|own| same(own, token));
        let whose = if settings { Whose::Settings } else { Whose::Token(actor.name.clone()) };
        let cookie = self.begin(whose)?;
        Ok((actor, cookie))
    }

    /// Signs in; the cookie's value.
    pub(crate) async fn sign_in(&self, name: &str, password: &str) -> Result<(Actor, String), Refused> {
        let book = self.0.book.as_ref().ok_or(Refused::NoFile)?;
        let known = book.lock().users().iter().find(|user| user.name == name).cloned();
        let hash = known.as_ref().map(|user| user.password.clone());
        let given = password.to_owned();
        let right = self.hashing(move || password::verify(&given, hash.as_deref())).await?;
        match known {
            Some(user) if right => {
                let actor = Actor::new(&user.name, user.role, &user.applications);
                Ok((actor, self.begin(Whose::User(user.name.clone()))?))
            }
            _ => Err(Refused::Wrong),
        }
    }

    /// Makes the first administrator with the key of the one-time link, and signs in.
    pub(crate) async fn first(
        &self,
        key: &str,
        name: &str,
        password: &str,
    ) -> Result<(Actor, String), Refused> {
        self.0.book.as_ref().ok_or(Refused::NoFile)?;
        // Taken before the long part: it works once, also for two at the same time.
        let kept = {
            let mut kept = self.0.key.lock();
            let fits = kept.as_deref().is_some_and(|kept| same(kept, &password::digest(key)));
            if fits { kept.take() } else { None }
        };
        let Some(kept) = kept else { return Err(Refused::Wrong) };
        match self.put_user(name, password, Role::Admin, Vec::new()).await {
            Ok(_) => Ok((Actor::new(name, Role::Admin, &[]), self.begin(Whose::User(name.to_owned()))?)),
            Err(refused) => {
                *self.0.key.lock() = Some(kept);
                Err(refused)
            }
        }
    }

    fn begin(&self, whose: Whose) -> Result<String, Refused> {
        let cookie = password::random().ok_or_else(no_random)?;
        self.0.sessions.lock().begin(password::digest(&cookie), whose, Millis::now());
        Ok(cookie)
    }

    pub(crate) fn sign_out(&self, cookie: &str) {
        self.0.sessions.lock().end(&password::digest(cookie));
    }

    pub(crate) fn users(&self) -> Vec<Known> {
        let Some(book) = &self.0.book else { return Vec::new() };
        book.lock().users().iter().map(Known::from).collect()
    }

    pub(crate) fn tokens(&self) -> Vec<Known> {
        let Some(book) = &self.0.book else { return Vec::new() };
        book.lock().tokens().iter().map(Known::from).collect()
    }

    /// Makes a user, or changes one; what was before.
    pub(crate) async fn put_user(
        &self,
        name: &str,
        password: &str,
        role: Role,
        applications: Vec<String>,
    ) -> Result<Option<Known>, Refused> {
        let book = self.0.book.as_ref().ok_or(Refused::NoFile)?;
        let given = password.to_owned();
        let hash = self.hashing(move || password::hash(&given)).await?.ok_or_else(no_random)?;
        let mut book = book.lock();
        let stays_admin = role == Role::Admin && applications.is_empty();
        if !stays_admin && is_last_admin(&book, name) {
            return Err(Refused::LastAdmin);
        }
        let (name, created_at) = (name.to_owned(), Millis::now());
        let user = User { name, role, applications, password: hash, created_at };
        let name = user.name.clone();
        let before = book.put_user(user).map_err(failed)?;
        drop(book);
        if before.is_some() {
            // With a new password nobody stays in with the old one.
            self.0.sessions.lock().end_all_of(&Whose::User(name));
        }
        Ok(before.as_ref().map(Known::from))
    }

    pub(crate) fn remove_user(&self, name: &str) -> Result<Option<Known>, Refused> {
        let mut book = self.0.book.as_ref().ok_or(Refused::NoFile)?.lock();
        if is_last_admin(&book, name) {
            return Err(Refused::LastAdmin);
        }
        let gone = book.remove_user(name).map_err(failed)?;
        drop(book);
        self.0.sessions.lock().end_all_of(&Whose::User(name.to_owned()));
        Ok(gone.as_ref().map(Known::from))
    }

    /// Makes a token; its value, which nobody can show again.
    pub(crate) fn make_token(&self, wanted: Known) -> Result<String, Refused> {
        let mut book = self.0.book.as_ref().ok_or(Refused::NoFile)?.lock();
        if book.tokens().iter().any(|token| token.name == wanted.name) {
            return Err(Refused::Taken);
        }
        let value = format!("ws_{}", password::random().ok_or_else(no_random)?);
        let Known { name, role, applications, created_at, created_by, expires_at } = wanted;
        let (sha256, created_by) = (password::digest(&value), created_by.unwrap_or_default());
        book.put_token(Token { name, role, applications, sha256, created_at, created_by, expires_at })
            .map_err(failed)?;
        Ok(value)
    }

    pub(crate) fn remove_token(&self, name: &str) -> Result<Option<Known>, Refused> {
        let mut book = self.0.book.as_ref().ok_or(Refused::NoFile)?.lock();
        let alone = self.0.token.is_none() && book.users().is_empty() && book.tokens().len() == 1;
        if alone && book.tokens().iter().any(|token| token.name == name) {
            return Err(Refused::LastCredential);
        }
        let gone = book.remove_token(name).map_err(failed)?;
        drop(book);
        self.0.sessions.lock().end_all_of(&Whose::Token(name.to_owned()));
        Ok(gone.as_ref().map(Known::from))
    }

    async fn hashing<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Refused> {
        let turn = self.0.hashing.acquire().await;
        let done = tokio::task::spawn_blocking(work).await;
        drop(turn);
        done.map_err(|error| Refused::Failed(error.to_string()))
    }
}

impl From<&User> for Known {
    fn from(user: &User) -> Self {
        let User { name, role, applications, created_at, .. } = user.clone();
        Self { name, role, applications, created_at, created_by: None, expires_at: None }
    }
}

impl From<&Token> for Known {
    fn from(token: &Token) -> Self {
        let Token { name, role, applications, created_at, created_by, expires_at, .. } = token.clone();
        Self { name, role, applications, created_at, created_by: Some(created_by), expires_at }
    }
}

impl Token {
    /// Who bears it, while it lasts.
    fn actor(&self) -> Option<Actor> {
        let expired = self.expires_at.is_some_and(|at| at <= Millis::now());
        (!expired).then(|| Actor::new(&self.name, self.role, &self.applications))
    }
}

fn is_last_admin(book: &Book, name: &str) -> bool {
    let mut admins =
        book.users().iter().filter(|user| user.role == Role::Admin && user.applications.is_empty());
    admins.next().is_some_and(|user| user.name == name) && admins.next().is_none()
}

/// As long for a wrong first byte as for a wrong last one.
fn same(a: &str, b: &str) -> bool {
    let differing = a.bytes().zip(b.bytes()).fold(0, |differing, (a, b)| differing | (a ^ b));
    a.len() == b.len() && differing == 0
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn failed(error: io::Error) -> Refused {
    Refused::Failed(format!("wellspring.admin.access-file cannot be written: {error}"))
}

fn no_random() -> Refused {
    Refused::Failed("the system has no random numbers".to_owned())
}
