//! Other daemons of the platform: found by `wellspring.admin` in the metadata of the registry, or named in the settings.
//!
//! They are asked when somebody looks, never else. With `wellspring.admin.token` requests are signed; without it only daemons of
//! this machine are asked, and only while they ask nobody who he is.

mod signature;

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::sync::OnceLock;
use std::time::Duration;

use futures_util::future::join_all;
use http::{HeaderMap, Method, Uri};
use parking_lot::Mutex;
use serde::de::DeserializeOwned;
use tokio::time::Instant;
use wellspring_wire::Millis;

use crate::Admin;
use crate::access::Actor;
use crate::domain::Domain;
use crate::part::Problem;
use crate::schema::view;
use signature::{ACTOR, SIGNATURE, Used};
pub(crate) use signature::{PROOF, Signed, digest};

/// Metadata by which a daemon is found.
pub const METADATA: &str = "wellspring.admin";
/// Set where no token is shared: the other one must not ask further ones.
const FORWARDED: &str = "x-wellspring-forwarded";
const PATIENCE: Duration = Duration::from_secs(3);
/// How long an introduction counts.
const FRESH: Duration = Duration::from_secs(5);

view! {
    /// A daemon, or several in one process, as it introduces itself to others.
    pub(crate) struct Introduction {
        /// Of the process, until it ends.
        id: String,
        /// The daemons of the process.
        names: Vec<String>,
        /// What it has answers about: registry, config server, gateway, bus.
        domains: Vec<String>,
        /// Of the programs.
        version: String,
    }
}

/// How this process takes part.
#[derive(Clone, Default)]
pub struct Membership {
    /// Shared by all; signs what is passed on.
    pub token: Option<String>,
    /// Where this process answers.
    pub own: Option<SocketAddr>,
    /// Addresses that no registry knows.
    pub named: Vec<String>,
}

/// What this process knows of the others.
#[derive(Default)]
pub(crate) struct Federation {
    membership: OnceLock<Membership>,
    id: OnceLock<String>,
    used: Used,
    met: Mutex<HashMap<String, Met>>,
}

/// What came of asking somebody who he is.
#[derive(Clone)]
struct Met {
    at: Instant,
    /// Since when it does not answer.
    silent: Option<Millis>,
    found: Result<Introduction, String>,
    /// How it last introduced itself, while it is silent.
    before: Option<Introduction>,
}

/// Another daemon that answers.
#[derive(Clone, Debug)]
pub(crate) struct Other {
    pub(crate) id: String,
    pub(crate) url: String,
    pub(crate) names: Vec<String>,
    domains: Vec<String>,
}

/// All that could be asked.
#[derive(Debug, Default)]
pub(crate) struct Others {
    pub(crate) there: Vec<Other>,
    pub(crate) missing: Vec<Missing>,
}

/// Another daemon that does not answer.
#[derive(Clone, Debug)]
pub(crate) struct Missing {
    /// As registered; its address where it is only named in the settings.
    pub(crate) name: String,
    pub(crate) url: String,
    pub(crate) cause: String,
    since: Millis,
    /// How it introduced itself when it still answered.
    before: Option<Introduction>,
}

impl std::fmt::Debug for Federation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Federation").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Membership {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Membership")
            .field("own", &self.own)
            .field("named", &self.named)
            .finish_non_exhaustive()
    }
}

impl Other {
    pub(crate) fn name(&self) -> &str {
        self.names.first().map_or(self.url.as_str(), String::as_str)
    }

    pub(crate) fn has(&self, domain: Domain) -> bool {
        self.domains.iter().any(|known| known == domain.as_str())
    }
}

impl Missing {
    /// Whether it had answers about something; `None`: it has never answered here.
    pub(crate) fn had(&self, domain: Domain) -> Option<bool> {
        let before = self.before.as_ref()?;
        Some(before.domains.iter().any(|known| known == domain.as_str()))
    }

    /// Of its process, when that is known.
    pub(crate) fn id(&self) -> Option<&str> {
        self.before.as_ref().map(|before| before.id.as_str())
    }

    pub(crate) fn problem(&self) -> Problem {
        Problem {
            daemon: self.name.clone(),
            component: "admin".to_owned(),
            status: "DOWN".to_owned(),
            description: Some(format!("{} does not answer: {}", self.url, self.cause)),
            since: self.since,
            hint: Some("is the process there, and is its wellspring.admin.token the same?".to_owned()),
            command: Some("wellspring check".to_owned()),
            page: Some("/#/cluster".to_owned()),
            ..Problem::default()
        }
    }
}

impl Federation {
    pub(crate) fn join(&self, membership: Membership) {
        // The one that serves the API says how.
        self.membership.get_or_init(|| membership);
    }

    /// Where others find this process; `ip` is how they find the machine.
    pub(crate) fn found_at(&self, ip: &str) -> Option<String> {
        let own = self.membership.get()?.own?;
        let host = if own.ip().is_unspecified() { ip.to_owned() } else { own.ip().to_string() };
        let host = if host.contains(':') { format!("[{host}]") } else { host };
        Some(format!("http://{host}:{}", own.port()))
    }

    /// By which two addresses are known to lead to one process.
    pub(crate) fn id(&self) -> String {
        self.id.get_or_init(signature::number).clone()
    }

    /// Who is behind a request that another daemon passed on; `None`: nobody passed it on, `Some(None)`: it is forged.
    pub(crate) fn signed(&self, method: &Method, uri: &Uri, headers: &HeaderMap) -> Option<Option<Signed>> {
        let token = self.membership.get()?.token.as_deref()?;
        signature::verify(token, &self.used, method, uri, headers, Millis::now())
    }

    /// Who is behind a request that a daemon of this machine passed on, where nobody is asked who he is.
    pub(crate) fn passed_on(headers: &HeaderMap) -> Option<Actor> {
        headers.get(FORWARDED)?;
        Some(signature::named(headers).unwrap_or_else(|| Actor { forwarded: true, ..Actor::local() }))
    }

    /// Everybody else, asked now unless that was a moment ago.
    pub(crate) async fn others(&self, admin: &Admin) -> Others {
        let Some(membership) = self.membership.get() else { return Others::default() };
        let mut addresses: BTreeMap<String, String> =
            membership.named.iter().map(|url| (trimmed(url), trimmed(url))).collect();
        let announced = admin.announced().into_iter();
        addresses.extend(announced.map(|(name, url)| (trimmed(&url), name.to_lowercase())));
        self.met.lock().retain(|url, _| addresses.contains_key(url));
        let asked = addresses.into_iter().map(|(url, name)| async move {
            let met = self.meet(admin, &url).await;
            (url, name, met)
        });
        let (own, mut others) = (self.id(), Others::default());
        for (url, name, met) in join_all(asked).await {
            match met.found {
                Ok(Introduction { id, .. }) if id == own => {}
                Ok(Introduction { id, names, domains, .. }) => {
                    others.there.push(Other { id, url, names, domains });
                }
                Err(cause) => {
                    let since = met.silent.unwrap_or_else(Millis::now);
                    others.missing.push(Missing { name, url, cause, since, before: met.before });
                }
            }
        }
        // One process may be known by two addresses.
        others.there.sort_by(|a, b| (&a.names, &a.id).cmp(&(&b.names, &b.id)));
        others.there.dedup_by(|a, b| a.id == b.id);
        others
    }

    async fn meet(&self, admin: &Admin, url: &str) -> Met {
        let before = self.met.lock().get(url).cloned();
        if let Some(met) = before.as_ref().filter(|met| met.at.elapsed() < FRESH) {
            return met.clone();
        }
        let found = self.ask::<Introduction>(admin, url, &Actor::local(), "/api/v1/introduction").await;
        let silent = before.as_ref().and_then(|met| met.silent).or_else(|| Some(Millis::now()));
        let before = match &found {
            Ok(_) => None,
            Err(_) => before.and_then(|met| met.found.ok().or(met.before)),
        };
        let met = Met { at: Instant::now(), silent: silent.filter(|_| found.is_err()), found, before };
        self.met.lock().insert(url.to_owned(), met.clone());
        met
    }

    /// `GET` from another daemon in somebody's name.
    pub(crate) async fn ask<T: DeserializeOwned>(
        &self,
        admin: &Admin,
        url: &str,
        actor: &Actor,
        path: &str,
    ) -> Result<T, String> {
        let asked = async {
            let response = self.send(admin, url, actor, &Method::GET, path, Vec::new()).await?;
            let status = response.status();
            let bytes = response.bytes().await.map_err(|error| without_url(&error))?;
            if !status.is_success() {
                return Err(format!("it answers {status}"));
            }
            serde_json::from_slice(&bytes)
                .map_err(|error| format!("its answer is no answer to this: {error}"))
        };
        tokio::time::timeout(PATIENCE, asked).await.unwrap_or_else(|_| Err("no answer within 3 s".to_owned()))
    }

    /// The same `GET` to all of them; those that do not answer are left out.
    pub(crate) async fn ask_all<T: DeserializeOwned>(
        &self,
        admin: &Admin,
        others: &[Other],
        actor: &Actor,
        path: &str,
    ) -> Vec<(Other, T)> {
        let asked = others.iter().map(|other| async move {
            let answer = self.ask::<T>(admin, &other.url, actor, path).await;
            answer.ok().map(|answer| (other.clone(), answer))
        });
        join_all(asked).await.into_iter().flatten().collect()
    }

    /// Passes a request on; the answer has proven where it comes from.
    pub(crate) async fn send(
        &self,
        admin: &Admin,
        url: &str,
        actor: &Actor,
        method: &Method,
        path: &str,
        body: Vec<u8>,
    ) -> Result<reqwest::Response, String> {
        let token = self.membership.get().and_then(|membership| membership.token.as_deref());
        let http = admin.http().ok_or("this process has no HTTP client")?;
        let name = signature::name(actor);
        let mut request = http.request(method.clone(), format!("{url}{path}")).header(ACTOR, &name);
        let proof = match token {
            Some(token) => {
                let (value, proof) = signature::sign(token, method, path, &name, &body, Millis::now());
                request = request.header(SIGNATURE, value);
                Some(proof)
            }
            None if is_on_this_machine(url) => {
                request = request.header(FORWARDED, "1").header("x-wellspring", "1");
                None
            }
            None => {
                return Err(
                    "without wellspring.admin.token only daemons of this machine are asked".to_owned()
                );
            }
        };
        if !body.is_empty() {
            request = request.header("content-type", "application/json").body(body);
        }
        let response = request.send().await.map_err(|error| without_url(&error))?;
        let given = response.headers().get(PROOF).map(|value| value.as_bytes().to_vec());
        if proof.is_some_and(|proof| given.as_deref() != Some(proof.as_bytes())) {
            return Err("it does not know wellspring.admin.token of this daemon".to_owned());
        }
        Ok(response)
    }
}

fn trimmed(url: &str) -> String {
    url.trim().trim_end_matches('/').to_owned()
}

fn is_on_this_machine(url: &str) -> bool {
    let Ok(uri) = url.parse::<Uri>() else { return false };
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    uri.scheme_str() == Some("http") && host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn without_url(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        "no answer in time".to_owned()
    } else if error.is_connect() {
        "nobody listens there".to_owned()
    } else {
        "the connection broke".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_token_only_this_machine_is_asked() {
        for (url, expected) in [
            ("http://127.0.0.1:9770", true),
            ("http://[::1]:9770", true),
            ("http://127.0.0.1.example.org:9770", false),
            ("http://10.0.0.1:9770", false),
            ("http://user@127.0.0.1@evil.example", false),
            ("nonsense", false),
        ] {
            assert_eq!(is_on_this_machine(url), expected, "{url}");
        }
    }
}
