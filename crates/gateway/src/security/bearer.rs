//! Bearer tokens (`spring.security.oauth2.resourceserver`): found in the request, judged here or by the issuer, and turned
//! into a name with authorities.

use std::sync::Arc;

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use serde_json::{Map, Value};
use wellspring_pattern::JavaRegex;
use wellspring_properties::{Environment, Problem};

use super::jwt::key::{Algorithm, Key};
use super::jwt::keys::{Keys, Source};
use super::jwt::{Decoder, Trust, texts};
use super::principal::{Principal, Scheme};
use super::refusal::Refusal;
use super::remote::Remote;
use super::setting;
use crate::problem::{BAD_SETTING, bad};

const PREFIX: &str = "spring.security.oauth2.resourceserver";

/// Judges tokens.
#[derive(Debug, Clone)]
pub(super) struct Bearer {
    judge: Judge,
    names: Names,
}

#[derive(Debug, Clone)]
enum Judge {
    Here(Decoder),
    /// Opaque tokens: the issuer is asked each time, as Spring does.
    There {
        uri: String,
        id: String,
        secret: Secret,
        remote: Remote,
    },
}

/// Not shown in logs.
#[derive(Clone)]
pub struct Secret(pub(super) Arc<str>);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("******")
    }
}

/// Which claims hold what.
#[derive(Debug, Clone)]
struct Names {
    principal: String,
    /// `None`: `scope`, else `scp`.
    authorities: Option<String>,
    prefix: String,
    delimiter: Option<Arc<JavaRegex>>,
}

impl Bearer {
    /// `None` when no resource server is configured. `known` are keys that were followed already: a refresh keeps them.
    pub(super) fn read(
        env: &Environment,
        remote: &Remote,
        known: Option<&Self>,
    ) -> Result<Option<Self>, Problem> {
        let text = |name: &str| setting::text(env, &format!("{PREFIX}.{name}"));
        let wrong = |name: &str, message: String| {
            let key = format!("{PREFIX}.{name}");
            bad(
                BAD_SETTING,
                format!("{name} {message}"),
                &env.get(&key).unwrap_or_default(),
                env.origin(&key),
            )
        };
        let introspection = text("opaquetoken.introspection-uri");
        let jwt = ["jwt.issuer-uri", "jwt.jwk-set-uri", "jwt.public-key-location"];
        let is_jwt = jwt.iter().any(|name| text(name).is_some());
        let judge = match introspection {
            Some(_) if is_jwt => {
                return Err(wrong(
                    "opaquetoken.introspection-uri",
                    "does not go with jwt.*: one of the two".to_owned(),
                ));
            }
            Some(uri) => {
                let client = |name: &str| {
                    text(name).ok_or_else(|| {
                        Problem::new(BAD_SETTING, format!("{PREFIX}.{name} is missing"))
                            .at(env.origin(&format!("{PREFIX}.opaquetoken.introspection-uri")))
                    })
                };
                Judge::There {
                    uri,
                    id: client("opaquetoken.client-id")?,
                    secret: Secret(client("opaquetoken.client-secret")?.into()),
                    remote: remote.clone(),
                }
            }
            None if is_jwt => Judge::Here(decoder(env, remote, known)?),
            None => return Ok(None),
        };
        let delimiter = match text("jwt.authorities-claim-delimiter") {
            Some(regex) => Some(Arc::new(
                JavaRegex::new(&regex)
                    .map_err(|error| wrong("jwt.authorities-claim-delimiter", error.to_string()))?,
            )),
            None => None,
        };
        let names = Names {
            principal: text("jwt.principal-claim-name").unwrap_or_else(|| "sub".to_owned()),
            authorities: text("jwt.authorities-claim-name"),
            prefix: env.get(&format!("{PREFIX}.jwt.authority-prefix")).unwrap_or_else(|| "SCOPE_".to_owned()),
            delimiter,
        };
        Ok(Some(Self { judge, names }))
    }

    pub(super) fn challenge() -> HeaderValue {
        HeaderValue::from_static("Bearer")
    }

    pub(super) async fn principal(&self, token: &str) -> Result<Principal, Refusal> {
        let claims = match &self.judge {
            Judge::Here(decoder) => decoder.decode(token).await?,
            Judge::There { uri, id, secret, remote } => {
                introspected(uri, id, &secret.0, remote, token).await?
            }
        };
        Ok(self.names.principal(claims))
    }
}

/// The token of `Authorization: Bearer`. `None` without one.
pub(super) fn token(headers: &HeaderMap) -> Option<Result<&str, Refusal>> {
    let mut lines = headers.get_all(AUTHORIZATION).iter();
    let value = lines.next()?.as_bytes();
    if !value.get(..6).is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"bearer")) {
        return None;
    }
    // The upstream might believe the other one.
    if lines.next().is_some() {
        return Some(Err(Refusal::request("Found multiple bearer tokens in the request")));
    }
    let token = value
        .get(6..)
        .and_then(|rest| rest.strip_prefix(b" "))
        .and_then(|rest| std::str::from_utf8(rest).ok());
    let legal = |token: &&str| {
        let plain = token.trim_end_matches('=');
        !plain.is_empty() && plain.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~+/".contains(&b))
    };
    Some(token.filter(legal).ok_or_else(|| Refusal::token("Bearer token is malformed")))
}

async fn introspected(
    uri: &str,
    id: &str,
    secret: &str,
    remote: &Remote,
    token: &str,
) -> Result<Map<String, Value>, Refusal> {
    let (status, answer) =
        remote.post(uri, Some((id, secret)), &[("token", token)]).await.map_err(Refusal::Unavailable)?;
    if status != 200 {
        return Err(Refusal::Unavailable(format!("Introspection endpoint responded with {status}")));
    }
    match answer.get("active") {
        Some(Value::Bool(true)) => Ok(answer),
        _ => Err(Refusal::token("Provided token isn't active")),
    }
}

fn decoder(env: &Environment, remote: &Remote, known: Option<&Bearer>) -> Result<Decoder, Problem> {
    let key = |name: &str| format!("{PREFIX}.jwt.{name}");
    let text = |name: &str| setting::text(env, &key(name));
    let wrong = |name: &str, message: String| {
        bad(
            BAD_SETTING,
            format!("{name} {message}"),
            &env.get(&key(name)).unwrap_or_default(),
            env.origin(&key(name)),
        )
    };
    let issuer = text("issuer-uri");
    let list = |name: &str| -> Result<Vec<String>, Problem> {
        Ok(crate::tree::Tree::from_env(env, &key(name))?.map(|tree| tree.as_texts()).unwrap_or_default())
    };
    let mut algorithms = list("jws-algorithms")?
        .iter()
        .map(|name| {
            Algorithm::named(name).ok_or_else(|| {
                wrong("jws-algorithms", format!("has '{name}', which cannot be verified"))
                    .hint(Algorithm::names())
            })
        })
        .collect::<Result<Vec<_>, _>>()?;
    let uris = [("jwk-set-uri", text("jwk-set-uri")), ("issuer-uri", issuer.clone())];
    for (name, uri) in &uris {
        if let Some(uri) = uri
            && !url::Url::parse(uri).is_ok_and(|uri| matches!(uri.scheme(), "http" | "https"))
        {
            return Err(wrong(name, "is no http address".to_owned()));
        }
    }
    let source = match uris {
        [(_, Some(set)), _] => Some(Source::Set(set)),
        [_, (_, Some(issuer))] => Some(Source::Issuer(issuer)),
        _ => None,
    };
    let trust = match (source, text("public-key-location")) {
        (Some(source), _) => {
            // With the address of a set the original takes RS256 alone unless told otherwise.
            if algorithms.is_empty() && matches!(source, Source::Set(_)) {
                algorithms.push(Algorithm::RS256);
            }
            let known = known.and_then(|bearer| match &bearer.judge {
                Judge::Here(Decoder { trust: Trust::Many(keys), .. }) if *keys.source() == source => {
                    Some(keys.clone())
                }
                _ => None,
            });
            Trust::Many(known.unwrap_or_else(|| Keys::new(source, remote.clone())))
        }
        (None, Some(place)) => {
            let file = place.strip_prefix("file:").unwrap_or(&place);
            if place.starts_with("classpath:") {
                return Err(wrong(
                    "public-key-location",
                    "names a class path, which is not there".to_owned(),
                )
                .hint("file:/path/to/key.pem"));
            }
            let pem = std::fs::read_to_string(file)
                .map_err(|error| wrong("public-key-location", format!("cannot be read: {error}")))?;
            if algorithms.is_empty() {
                algorithms.push(Algorithm::RS256);
            }
            if !algorithms.iter().all(|algorithm| algorithm.is_rsa()) {
                return Err(wrong("jws-algorithms", "must be of RSA with a public key".to_owned()));
            }
            Trust::One(
                Key::from_pem(&pem).map_err(|error| wrong("public-key-location", format!("has {error}")))?,
            )
        }
        (None, None) => return Err(wrong("issuer-uri", "is missing".to_owned())),
    };
    Ok(Decoder { trust, algorithms, issuer, audiences: list("audiences")? })
}

impl Names {
    fn principal(&self, claims: Map<String, Value>) -> Principal {
        let name = at(&claims, &self.principal).and_then(Value::as_str).unwrap_or_default().to_owned();
        let found = match &self.authorities {
            Some(claim) => at(&claims, claim),
            None => claims.get("scope").or_else(|| claims.get("scp")),
        };
        let words = match found {
            Some(Value::String(text)) => match &self.delimiter {
                Some(regex) => split(text, regex),
                None => text.split(' ').map(str::to_owned).collect(),
            },
            other => texts(other),
        };
        let words = words.into_iter().filter(|word| !word.is_empty());
        let authorities = words.map(|word| format!("{}{word}", self.prefix)).collect();
        Principal { claims, ..Principal::new(&name, Scheme::Bearer, authorities) }
    }
}

/// A claim by name; where none has that name, `a.b` is the member `b` of the claim `a`.
fn at<'a>(claims: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    claims.get(name).or_else(|| {
        let (first, rest) = name.split_once('.')?;
        rest.split('.').try_fold(claims.get(first)?, |value, name| value.get(name))
    })
}

fn split(text: &str, regex: &JavaRegex) -> Vec<String> {
    // One character at a time is all that delimiters are in practice: a blank, a comma, a class of them.
    let mut words = vec![String::new()];
    for c in text.chars() {
        if regex.matches(&c.to_string()) {
            words.push(String::new());
        } else if let Some(word) = words.last_mut() {
            word.push(c);
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn names(pairs: &[(&str, &str)]) -> Names {
        let get =
            |name: &str| pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        Names {
            principal: get("principal").unwrap_or_else(|| "sub".to_owned()),
            authorities: get("authorities"),
            prefix: get("prefix").unwrap_or_else(|| "SCOPE_".to_owned()),
            delimiter: get("delimiter").map(|regex| Arc::new(JavaRegex::new(&regex).unwrap())),
        }
    }

    #[test]
    fn claims_become_authorities() {
        let claims = json!({"sub": "ana", "scope": "a  b", "scp": ["c"], "roles": ["X"], "realm": {"roles": ["Y"]}, "list": "p,q"});
        let with = |pairs: &[(&str, &str)]| names(pairs).principal(claims.as_object().unwrap().clone());
        assert_eq!(with(&[]).authorities, ["SCOPE_a", "SCOPE_b"]);
        assert_eq!(&*with(&[]).name, "ana");
        assert_eq!(with(&[("authorities", "roles"), ("prefix", "ROLE_")]).authorities, ["ROLE_X"]);
        assert_eq!(with(&[("authorities", "realm.roles"), ("prefix", "ROLE_")]).authorities, ["ROLE_Y"]);
        assert_eq!(with(&[("authorities", "list"), ("delimiter", ",")]).authorities, ["SCOPE_p", "SCOPE_q"]);
        let only_scp = json!({"scp": ["c", "d"]});
        assert_eq!(
            names(&[]).principal(only_scp.as_object().unwrap().clone()).authorities,
            ["SCOPE_c", "SCOPE_d"]
        );
    }

    #[test]
    fn tokens_are_found_in_the_header_alone() {
        let with = |values: &[&str]| -> HeaderMap {
            values.iter().map(|value| (AUTHORIZATION, value.parse().unwrap())).collect()
        };
        assert_eq!(token(&with(&["bearer a.b-c_~+/=="])), Some(Ok("a.b-c_~+/==")));
        assert_eq!(token(&with(&["Basic x"])), None);
        for malformed in ["Bearer", "Bearer ", "Bearer a b", "Bearer a=b", "Bearer  a"] {
            assert_eq!(
                token(&with(&[malformed])),
                Some(Err(Refusal::token("Bearer token is malformed"))),
                "{malformed}"
            );
        }
        assert!(
            matches!(token(&with(&["Bearer a", "Bearer b"])), Some(Err(Refusal::Token { status, .. })) if status == 400)
        );
    }
}
