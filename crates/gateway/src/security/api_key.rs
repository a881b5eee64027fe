//! API keys in a header or query parameter (`wellspring.gateway.security.api-keys`), kept as SHA-256 and known by consumer.

use std::collections::HashMap;

use http::{HeaderMap, HeaderName};
use ring::digest::{SHA256, digest};
use wellspring_properties::Problem;

use super::principal::{Principal, Scheme};
use super::refusal::Refusal;
use super::setting;
use crate::query;
use crate::tree::Tree;

#[derive(Debug, Clone)]
pub(super) struct ApiKeys {
    header: Option<HeaderName>,
    query: Option<String>,
    /// The upstream sees the key too.
    forward: bool,
    /// By hash: a look-up tells nothing of the keys it misses.
    consumers: HashMap<[u8; 32], (String, Vec<String>)>,
}

fn hash(key: &str) -> [u8; 32] {
    let mut out = [0; 32];
    out.iter_mut().zip(digest(&SHA256, key.as_bytes()).as_ref()).for_each(|(to, from)| *to = *from);
    out
}

impl ApiKeys {
    pub(super) fn read(tree: &Tree) -> Result<Option<Self>, Problem> {
        setting::only(tree, &["header", "query", "forward", "keys"], "security.api-keys")?;
        let Some(keys) = tree.get("keys") else { return Ok(None) };
        let text = |name: &str| tree.get(name).and_then(Tree::as_text).filter(|text| !text.is_empty());
        let query = text("query");
        let header = match text("header") {
            Some(name) => Some(
                HeaderName::from_bytes(name.as_bytes())
                    .map_err(|_| setting::wrong(tree, "api-keys.header is no header name"))?,
            ),
            None if query.is_none() => Some(HeaderName::from_static("x-api-key")),
            None => None,
        };
        let mut consumers = HashMap::new();
        for key in keys.items() {
            setting::only(key, &["consumer", "key", "roles", "scopes", "authorities"], "an API key")?;
            let text = |name: &str| key.get(name).and_then(Tree::as_text).filter(|text| !text.is_empty());
            let (Some(consumer), Some(kept)) = (text("consumer"), text("key")) else {
                return Err(setting::wrong(key, "an API key needs consumer and key"));
            };
            let hashed = match (kept.strip_prefix("{noop}"), kept.strip_prefix("{sha256}")) {
                (Some(plain), _) => Some(self::hash(plain)),
                (_, Some(hex)) => unhex(hex),
                _ => None,
            };
            let Some(hashed) = hashed else {
                return Err(setting::wrong(
                    key.get("key").unwrap_or(key),
                    format!("key of '{consumer}' is not usable"),
                )
                .hint("{sha256} and 64 hexadecimal digits, or {noop} and the key"));
            };
            consumers.insert(hashed, (consumer, setting::authorities(key)));
        }
        let forward = text("forward").as_deref() == Some("true");
        Ok(Some(Self { header, query, forward, consumers }))
    }

    /// `None` when the request has no key.
    pub(super) fn principal(
        &self,
        headers: &HeaderMap,
        query: Option<&str>,
    ) -> Option<Result<Principal, Refusal>> {
        let mut in_header = self.header.iter().flat_map(|name| headers.get_all(name));
        let first = in_header.next().map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        if in_header.next().is_some() {
            return Some(Err(Refusal::Wrong));
        }
        let in_query = || {
            let name = self.query.as_deref()?;
            query::pairs(query?).find(|(known, _)| known == name)?.1.map(std::borrow::Cow::into_owned)
        };
        let key = first.or_else(in_query)?;
        Some(match self.consumers.get(&hash(&key)) {
            Some((name, authorities)) => Ok(Principal::new(name, Scheme::ApiKey, authorities.clone())),
            None => Err(Refusal::Wrong),
        })
    }

    /// Takes the key out of what the upstream gets; gives the query without it when it was there.
    pub(super) fn conceal(&self, headers: &mut HeaderMap, query: Option<&str>) -> Option<String> {
        if self.forward {
            return None;
        }
        if let Some(name) = &self.header {
            headers.remove(name);
        }
        let name = self.query.as_deref()?;
        let is_key = |pair: &&str| query::pairs(pair).any(|(known, _)| known == name);
        let query = query?;
        query
            .split('&')
            .any(|pair| is_key(&pair))
            .then(|| query.split('&').filter(|pair| !is_key(pair)).collect::<Vec<_>>().join("&"))
    }
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    let mut out = [0; 32];
    for (at, byte) in out.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(at * 2..at * 2 + 2)?, 16).ok()?;
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn keys_are_found_by_hash_and_go_no_further() {
        let tree = Tree::from_json(&json!({"query": "key", "header": "X-Key", "keys": [
            {"consumer": "acme", "key": "{sha256}2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b", "scopes": "read"},
            {"consumer": "zeta", "key": "{noop}other"},
        ]}));
        let keys = ApiKeys::read(&tree).unwrap().unwrap();
        let with =
            |key: &str| HeaderMap::from_iter([(HeaderName::from_static("x-key"), key.parse().unwrap())]);
        let acme = keys.principal(&with("secret"), None).unwrap().unwrap();
        assert_eq!((&*acme.name, acme.authorities.as_slice()), ("acme", &["SCOPE_read".to_owned()][..]));
        assert_eq!(&*keys.principal(&HeaderMap::new(), Some("a=1&key=other")).unwrap().unwrap().name, "zeta");
        assert_eq!(keys.principal(&with("wrong"), None), Some(Err(Refusal::Wrong)));
        assert_eq!(keys.principal(&HeaderMap::new(), Some("a=1")), None);
        let mut headers = with("secret");
        assert_eq!(keys.conceal(&mut headers, Some("a=1&key=other&b")), Some("a=1&b".to_owned()));
        assert!(headers.is_empty());
        assert_eq!(keys.conceal(&mut headers, Some("a=1")), None);
        let bare = json!({"keys": [{"consumer": "a", "key": "secret"}]});
        let problem = ApiKeys::read(&Tree::from_json(&bare)).unwrap_err();
        assert!(!problem.to_string().contains("secret"), "{problem}");
    }
}
