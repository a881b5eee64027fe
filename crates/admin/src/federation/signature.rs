//! How a daemon passes on a request in somebody's name without showing the shared token: the request is signed with it.
//!
//! Whoever registers an address decides where requests go, so the token itself must not go there. The answer carries a proof
//! too: nothing else is sent to an address that has not shown that it knows the token.

use std::collections::HashMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, Method, Uri};
use parking_lot::Mutex;
use ring::hmac;
use serde::{Deserialize, Serialize};
use wellspring_wire::Millis;

use crate::access::{Actor, Role};

/// In whose name.
pub(crate) const ACTOR: &str = "x-wellspring-actor";
/// Time, a number used once, digest of the body, signature.
pub(crate) const SIGNATURE: &str = "x-wellspring-signature";
/// Of an answer.
pub(crate) const PROOF: &str = "x-wellspring-proof";
/// How far clocks may be apart, and how long a request may be repeated by nobody.
const WINDOW: Duration = Duration::from_secs(60);
/// Numbers that are remembered.
const MOST: usize = 10_000;

/// What is known of an actor elsewhere.
#[derive(Serialize, Deserialize)]
struct Named {
    name: String,
    role: Role,
    applications: Vec<String>,
}

/// Who is behind a request of another daemon.
#[derive(Debug)]
pub(crate) struct Signed {
    pub(crate) actor: Actor,
    /// What the body has to have.
    pub(crate) digest: String,
    /// For the answer.
    pub(crate) proof: String,
}

/// Numbers that were used.
#[derive(Debug, Default)]
pub(crate) struct Used(Mutex<HashMap<String, Millis>>);

pub(crate) fn digest(body: &[u8]) -> String {
    hex::encode(ring::digest::digest(&ring::digest::SHA256, body))
}

pub(super) fn name(actor: &Actor) -> String {
    let Actor { name, role, applications, .. } = actor.clone();
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(&Named { name, role, applications }).unwrap_or_default())
}

/// What stands in [`ACTOR`].
pub(super) fn named(headers: &HeaderMap) -> Option<Actor> {
    let bytes = URL_SAFE_NO_PAD.decode(headers.get(ACTOR)?.as_bytes()).ok()?;
    let Named { name, role, applications } = serde_json::from_slice(&bytes).ok()?;
    Some(Actor { forwarded: true, ..Actor::new(&name, role, &applications) })
}

/// The value of [`SIGNATURE`], and the proof that the answer must carry.
pub(super) fn sign(
    token: &str,
    method: &Method,
    path: &str,
    actor: &str,
    body: &[u8],
    now: Millis,
) -> (String, String) {
    let (number, digest) = (number(), digest(body));
    let signature = hmac::sign(&key(token), &message(method, path, actor, &now, &number, &digest));
    let value = format!("{now} {number} {digest} {}", hex::encode(signature));
    let proof = proof(token, &number);
    (value, proof)
}

/// Used once. It need not be secret, only new: without random numbers the clock has to do.
pub(super) fn number() -> String {
    let mut bytes = [0_u8; 16];
    match ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut bytes) {
        Ok(()) => hex::encode(bytes),
        Err(_) => format!("{}-{}", Millis::now(), std::process::id()),
    }
}

/// `None`: not signed; `Some(None)`: forged, too old, or seen before.
pub(super) fn verify(
    token: &str,
    used: &Used,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    now: Millis,
) -> Option<Option<Signed>> {
    let value = headers.get(SIGNATURE)?;
    Some(check(token, used, method, uri, headers, value.to_str().unwrap_or_default(), now))
}

fn check(
    token: &str,
    used: &Used,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    value: &str,
    now: Millis,
) -> Option<Signed> {
    let [at, number, digest, signature] = <[&str; 4]>::try_from(value.split(' ').collect::<Vec<_>>()).ok()?;
    let at = Millis(at.parse().ok()?);
    let path = uri.path_and_query()?.as_str();
    let actor = headers.get(ACTOR)?.to_str().ok()?;
    let signature = hex::decode(signature).ok()?;
    hmac::verify(&key(token), &message(method, path, actor, &at, number, digest), &signature).ok()?;
    let apart = now.since(at).max(at.since(now));
    if apart > WINDOW || !used.is_new(number, now) {
        return None;
    }
    let proof = proof(token, number);
    Some(Signed { actor: named(headers)?, digest: digest.to_owned(), proof })
}

impl Used {
    fn is_new(&self, number: &str, now: Millis) -> bool {
        let mut used = self.0.lock();
        if used.len() >= MOST {
            used.retain(|_, at| now.since(*at) <= WINDOW + WINDOW);
        }
        // More than this many within two minutes come from no console.
        used.len() < MOST && used.insert(number.to_owned(), now).is_none()
    }
}

fn key(token: &str) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, token.as_bytes())
}

fn proof(token: &str, number: &str) -> String {
    hex::encode(hmac::sign(&key(token), format!("answer\n{number}").as_bytes()))
}

fn message(method: &Method, path: &str, actor: &str, at: &Millis, number: &str, digest: &str) -> Vec<u8> {
    format!("request\n{method}\n{path}\n{actor}\n{at}\n{number}\n{digest}").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATH: &str = "/api/v1/config/pins?daemon=x";

    fn signed(token: &str, now: Millis) -> HeaderMap {
        let actor = name(&Actor::new("ana", Role::Operator, &["shop-*".to_owned()]));
        let (value, _) = sign(token, &Method::POST, PATH, &actor, b"{}", now);
        HeaderMap::from_iter([
            (http::HeaderName::from_static(ACTOR), actor.parse().unwrap()),
            (http::HeaderName::from_static(SIGNATURE), value.parse().unwrap()),
        ])
    }

    fn verified(
        headers: &HeaderMap,
        method: &Method,
        path: &str,
        used: &Used,
        now: Millis,
    ) -> Option<Signed> {
        verify("secret", used, method, &path.parse().unwrap(), headers, now).unwrap()
    }

    #[test]
    fn who_asks_is_known_at_the_other_side() {
        let headers = signed("secret", Millis(1_000));
        let known = verified(&headers, &Method::POST, PATH, &Used::default(), Millis(2_000)).unwrap();
        assert_eq!((known.actor.name.as_str(), known.actor.role), ("ana", Role::Operator));
        assert!(known.actor.forwarded && known.actor.reaches("shop-cart") && !known.actor.reaches("orders"));
        assert_eq!(known.digest, digest(b"{}"));
        assert!(
            verify(
                "secret",
                &Used::default(),
                &Method::GET,
                &PATH.parse().unwrap(),
                &HeaderMap::new(),
                Millis(0)
            )
            .is_none()
        );
    }

    #[test]
    fn forged_old_and_repeated_requests_are_not() {
        let now = Millis(1_000);
        let headers = signed("secret", now);
        let refused = |headers: &HeaderMap, method: &Method, path: &str, now: Millis| {
            verified(headers, method, path, &Used::default(), now).is_none()
        };
        assert!(refused(&signed("other", now), &Method::POST, PATH, now), "another token");
        assert!(refused(&headers, &Method::DELETE, PATH, now), "another method");
        assert!(refused(&headers, &Method::POST, "/api/v1/config/pins", now), "another path");
        assert!(refused(&headers, &Method::POST, PATH, Millis(62_000)), "too old");
        let mut promoted = headers.clone();
        promoted.insert(ACTOR, name(&Actor::new("ana", Role::Admin, &[])).parse().unwrap());
        assert!(refused(&promoted, &Method::POST, PATH, now), "another role");
        let used = Used::default();
        assert!(verified(&headers, &Method::POST, PATH, &used, now).is_some());
        assert!(verified(&headers, &Method::POST, PATH, &used, now).is_none(), "twice");
    }
}
