//! Signed tokens (`spring.security.oauth2.resourceserver.jwt.*`): signature, times, issuer, audience, in Spring's words.

pub(in crate::security) mod der;
pub mod key;
pub mod keys;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Map, Value};
use wellspring_wire::Millis;

use super::refusal::Refusal;
use key::{Algorithm, Key};
use keys::Keys;

/// Clocks of others may differ by this much, in milliseconds.
const SKEW: i64 = 60_000;

/// Spring says no more about a signature that does not hold, a key that is not there, or a type that is no JWT.
const FAILED: &str = "Failed to validate the token";

fn undecodable(what: &str) -> Refusal {
    Refusal::token(format!("An error occurred while attempting to decode the Jwt: {what}"))
}

/// What tokens are verified with.
#[derive(Debug, Clone)]
pub enum Trust {
    /// `public-key-location`.
    One(Key),
    Many(Keys),
}

/// Verifies tokens.
#[derive(Debug, Clone)]
pub struct Decoder {
    pub trust: Trust,
    /// Empty: whatever the issuer's keys are for.
    pub algorithms: Vec<Algorithm>,
    pub issuer: Option<String>,
    pub audiences: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    crit: Option<Value>,
}

impl Decoder {
    /// The claims of a token that is to be believed.
    pub async fn decode(&self, token: &str) -> Result<Map<String, Value>, Refusal> {
        let (header, claims) = self.verified(token).await?;
        if header.typ.is_some_and(|typ| !typ.eq_ignore_ascii_case("JWT")) {
            return Err(Refusal::token(FAILED));
        }
        self.validate(&claims, Millis::now().0).map_err(Refusal::token)?;
        Ok(claims)
    }

    async fn verified(&self, token: &str) -> Result<(Header, Map<String, Value>), Refusal> {
        let (message, signature) = token.rsplit_once('.').ok_or_else(|| undecodable("no parts"))?;
        let (header, payload) = message.split_once('.').ok_or_else(|| undecodable("not three parts"))?;
        let part = |text: &str| URL_SAFE_NO_PAD.decode(text).ok();
        let header: Header = part(header)
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .ok_or_else(|| undecodable("the header is no JSON object"))?;
        let wanted = Algorithm::named(&header.alg)
            .filter(|algorithm| self.algorithms.is_empty() || self.algorithms.contains(algorithm));
        let Some(algorithm) = wanted else {
            let named: String = header.alg.chars().filter(char::is_ascii_alphanumeric).take(20).collect();
            return Err(Refusal::token(format!("Unsupported algorithm of {named}")));
        };
        let claims: Map<String, Value> = part(payload)
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .ok_or_else(|| undecodable("the payload is no JSON object"))?;
        let signature = part(signature).ok_or_else(|| undecodable("the signature is not base64"))?;
        // Extensions that must be understood are not.
        if header.crit.is_some() {
            return Err(Refusal::token(FAILED));
        }
        let signed = |keys: &[Key]| -> Option<bool> {
            let mut fitting = keys
                .iter()
                .filter(|key| key.suits(algorithm) && key.is_named(header.kid.as_deref()))
                .take(16)
                .peekable();
            fitting.peek()?;
            Some(fitting.any(|key| key.signed(algorithm, message.as_bytes(), &signature)))
        };
        let verdict = match &self.trust {
            Trust::One(key) => Some(key.signed(algorithm, message.as_bytes(), &signature)),
            Trust::Many(keys) => {
                let known = keys.get().await.map_err(Refusal::Unavailable)?;
                match signed(&known.keys) {
                    Some(verdict) => Some(verdict),
                    None => {
                        let newer = keys.newer_than(Some(&known)).await.map_err(Refusal::Unavailable)?;
                        signed(&newer.keys)
                    }
                }
            }
        };
        if verdict == Some(true) { Ok((header, claims)) } else { Err(Refusal::token(FAILED)) }
    }

    fn validate(&self, claims: &Map<String, Value>, now: i64) -> Result<(), String> {
        if let (Some(begins), Some(expires)) = (time(claims, "iat"), time(claims, "exp"))
            && expires <= begins
        {
            let prefix = "An error occurred while attempting to decode the Jwt";
            return Err(format!("{prefix}: expiresAt must be after issuedAt"));
        }
        if let Some(expires) = time(claims, "exp")
            && now > expires.saturating_add(SKEW)
        {
            return Err(format!("Jwt expired at {}", instant(expires)));
        }
        if let Some(begins) = time(claims, "nbf")
            && now < begins.saturating_sub(SKEW)
        {
            return Err(format!("Jwt used before {}", instant(begins)));
        }
        if let Some(issuer) = &self.issuer
            && claims.get("iss").and_then(Value::as_str) != Some(issuer)
        {
            return Err("The iss claim is not valid".to_owned());
        }
        if !self.audiences.is_empty() {
            let named = texts(claims.get("aud"));
            if !named.iter().any(|audience| self.audiences.contains(audience)) {
                return Err("The aud claim is not valid".to_owned());
            }
        }
        Ok(())
    }
}

/// Seconds of a claim as milliseconds.
fn time(claims: &Map<String, Value>, name: &str) -> Option<i64> {
    let value = claims.get(name)?;
    let seconds = value.as_i64().or_else(|| {
        #[expect(clippy::cast_possible_truncation, reason = "a float as cast is kept within bounds")]
        value.as_f64().map(|seconds| seconds as i64)
    })?;
    Some(seconds.saturating_mul(1000))
}

fn instant(millis: i64) -> String {
    jiff::Timestamp::from_millisecond(millis).map_or_else(|_| millis.to_string(), |at| at.to_string())
}

/// A text, or a list of texts.
pub(super) fn texts(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::String(text)) => vec![text.clone()],
        Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}
