//! Sessions of logged-in users: opaque random ids in a cookie, contents in this process or in Redis.
//!
//! In Redis a session is JSON under `wellspring:session:<SHA-256 of the id>`, sealed with a key derived from the id (AES-256-GCM):
//! who reads Redis finds neither tokens nor a cookie that works. The form is this gateway's own, not Spring Session's.

use std::collections::HashMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use parking_lot::Mutex;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::time::Instant;
use wellspring_properties::value::{Unit, parse_duration};
use wellspring_properties::{Environment, Problem};
use wellspring_redis::Redis;

use super::token::Tokens;
use crate::platform::Platform;
use crate::problem::{BAD_SETTING, NOT_OFFERED, bad};

/// Sessions that one process keeps.
const MOST: usize = 100_000;

/// What is known of a session.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Session {
    /// A login under way, by its state.
    #[serde(default)]
    pub pending: Option<Pending>,
    /// Where to go after it.
    #[serde(default)]
    pub wanted: Option<String>,
    /// Who logged in.
    #[serde(default)]
    pub user: Option<User>,
}

/// A login that has begun.
#[derive(Clone, Serialize, Deserialize)]
pub struct Pending {
    pub registration: String,
    pub state: String,
    pub nonce: String,
    pub verifier: String,
    pub redirect_uri: String,
}

impl std::fmt::Debug for Pending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pending").field("registration", &self.registration).finish_non_exhaustive()
    }
}

/// Who logged in.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct User {
    pub registration: String,
    pub name: String,
    pub authorities: Vec<String>,
    pub claims: Map<String, Value>,
    pub tokens: Tokens,
}

/// Keeps sessions.
#[derive(Debug)]
pub struct Sessions {
    keeper: Keeper,
    idle: Duration,
    pub cookie: String,
    pub secure: bool,
}

#[derive(Debug)]
enum Keeper {
    Here(Mutex<HashMap<[u8; 32], (Session, Instant)>>),
    Redis(Redis),
}

/// A random text of 256 bits.
pub(super) fn random() -> Result<String, String> {
    let mut bytes = [0; 32];
    SystemRandom::new().fill(&mut bytes).map_err(|_| "no random numbers".to_owned())?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

fn hash(text: &str) -> [u8; 32] {
    let mut out = [0; 32];
    out.iter_mut().zip(digest(&SHA256, text.as_bytes()).as_ref()).for_each(|(to, from)| *to = *from);
    out
}

impl Sessions {
    pub fn read(env: &Environment, platform: &Platform) -> Result<Self, Problem> {
        let timeout = ["spring.session.timeout", "server.reactive.session.timeout"];
        let idle = match timeout.iter().find_map(|key| env.get(key).map(|text| (*key, text))) {
            Some((key, text)) => parse_duration(&text, Unit::Seconds)
                .map_err(|_| bad(BAD_SETTING, "not a duration", &text, env.origin(key)))?,
            None => Duration::from_secs(30 * 60),
        };
        let kind = env.get("spring.session.store-type").unwrap_or_default();
        let keeper = match kind.as_str() {
            "" | "none" => Keeper::Here(Mutex::default()),
            "redis" => Keeper::Redis(platform.redis(env)?),
            other => {
                return Err(Problem::new(NOT_OFFERED, "sessions are kept in this process or in redis")
                    .found(other)
                    .at(env.origin("spring.session.store-type"))
                    .hint("spring.session.store-type: redis"));
            }
        };
        let text = |name: &str| env.get(&format!("server.reactive.session.cookie.{name}"));
        Ok(Self {
            keeper,
            idle,
            cookie: text("name").filter(|name| !name.is_empty()).unwrap_or_else(|| "SESSION".to_owned()),
            secure: text("secure").as_deref() == Some("true"),
        })
    }

    /// The session of a cookie's value. `Err`: Redis cannot be asked.
    pub async fn find(&self, id: &str) -> Result<Option<Session>, String> {
        match &self.keeper {
            Keeper::Here(sessions) => {
                let mut sessions = sessions.lock();
                let Some((session, used)) = sessions.get_mut(&hash(id)) else { return Ok(None) };
                if used.elapsed() > self.idle {
                    sessions.remove(&hash(id));
                    return Ok(None);
                }
                *used = Instant::now();
                Ok(Some(session.clone()))
            }
            Keeper::Redis(redis) => {
                let seconds = self.idle.as_secs().max(1).to_string();
                let sealed: Option<Vec<u8>> =
                    redis.ask(&["GETEX", &key(id), "EX", &seconds]).await.map_err(|e| e.to_string())?;
                Ok(sealed.and_then(|sealed| open(id, &sealed)))
            }
        }
    }

    pub async fn save(&self, id: &str, session: &Session) -> Result<(), String> {
        match &self.keeper {
            Keeper::Here(sessions) => {
                let mut sessions = sessions.lock();
                if sessions.len() >= MOST {
                    let idle = self.idle;
                    sessions.retain(|_, (_, used)| used.elapsed() <= idle);
                }
                // Logins that were begun and left are what fills it: those go before users do.
                if sessions.len() >= MOST {
                    sessions.retain(|_, (session, _)| session.user.is_some());
                }
                if sessions.len() >= MOST {
                    return Err("too many sessions".to_owned());
                }
                sessions.insert(hash(id), (session.clone(), Instant::now()));
                Ok(())
            }
            Keeper::Redis(redis) => {
                let sealed = seal(id, session)?;
                let seconds = self.idle.as_secs().max(1).to_string();
                redis.ask(&["SET", &key(id), &sealed, "EX", &seconds]).await.map_err(|e| e.to_string())
            }
        }
    }

    pub async fn remove(&self, id: &str) {
        match &self.keeper {
            Keeper::Here(sessions) => drop(sessions.lock().remove(&hash(id))),
            Keeper::Redis(redis) => drop(redis.ask::<u64>(&["DEL", &key(id)]).await),
        }
    }
}

fn key(id: &str) -> String {
    format!("wellspring:session:{}", URL_SAFE_NO_PAD.encode(hash(id)))
}

/// The key's hash is public in Redis, so the cipher's key is another one of the same id.
fn cipher(id: &str) -> Option<LessSafeKey> {
    UnboundKey::new(&AES_256_GCM, &hash(&format!("session key {id}"))).ok().map(LessSafeKey::new)
}

fn seal(id: &str, session: &Session) -> Result<String, String> {
    let failed = || "session cannot be sealed".to_owned();
    let mut nonce = [0; 12];
    SystemRandom::new().fill(&mut nonce).map_err(|_| failed())?;
    let mut bytes = serde_json::to_vec(session).map_err(|error| error.to_string())?;
    let cipher = cipher(id).ok_or_else(failed)?;
    cipher
        .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut bytes)
        .map_err(|_| failed())?;
    Ok(STANDARD.encode([&nonce[..], &bytes].concat()))
}

fn open(id: &str, sealed: &[u8]) -> Option<Session> {
    let bytes = STANDARD.decode(sealed).ok()?;
    let (nonce, sealed) = bytes.split_first_chunk::<12>()?;
    let mut sealed = sealed.to_vec();
    let plain =
        cipher(id)?.open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::empty(), &mut sealed).ok()?;
    serde_json::from_slice(plain).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_session_opens_with_its_id_alone() {
        let session = Session { wanted: Some("/a".to_owned()), ..Session::default() };
        let sealed = seal("id-1", &session).unwrap();
        assert!(!sealed.contains("wanted"));
        assert_eq!(open("id-1", sealed.as_bytes()).unwrap().wanted.as_deref(), Some("/a"));
        assert!(open("id-2", sealed.as_bytes()).is_none());
        let mut broken = sealed.clone().into_bytes();
        broken[20] ^= 1;
        assert!(open("id-1", &broken).is_none() && open("id-1", b"").is_none());
        assert!(!key("id-1").contains("id-1"));
    }

    #[test]
    fn long_cookies_sealed_sessions_and_token_answers() {
        let session: Session = serde_json::from_value(serde_json::json!({})).unwrap_or_default();
        let sealed = seal("id", &session).unwrap();
        let answer = r#"{"access_token":"a.b.c","refresh_token":"r","expires_in":300,"id_token":"x.y.z","token_type":"Bearer"}"#;
        let words = [
            "=",
            "A",
            "/",
            "{",
            "}",
            "\"access_token\":",
            "null",
            "\"expires_in\":",
            "9223372036854775807",
            "-9223372036854775808",
            "\\u0000",
        ];
        wellspring_test_support::fuzz::text(
            "sealed sessions, token answers",
            &[&sealed, answer],
            &words,
            |text, _| {
                assert!(open("id", text.as_bytes()).is_none() || text == sealed, "{text} opens");
                assert!(open("other", text.as_bytes()).is_none());
                if let Ok(answer) = serde_json::from_str(text) {
                    drop(crate::security::oauth2::token::Tokens::read(&answer));
                }
            },
        );
    }
}
