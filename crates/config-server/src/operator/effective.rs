//! The values that a client ends up with, where each stands, and how they differ between two commits. Secrets are masked.

use std::collections::BTreeMap;

use serde_json::Value;
use wellspring_daemon::admin::config::{Change, Property, Valued};
use wellspring_properties::{Entry, Scalar};

use crate::render::json;
use crate::repository::Found;
use crate::sources::search::Source;

const MASK: &str = "******";
const SECRET_NAMES: [&str; 9] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "credential",
    "privatekey",
    "apikey",
    "accesskey",
];

/// The entry that counts, and its source.
struct Effective<'f> {
    entry: &'f Entry,
    source: &'f Source,
}

/// By key. A list is that of the highest source that has one.
fn effective(found: &Found) -> BTreeMap<&str, Effective<'_>> {
    let mut out = BTreeMap::new();
    let mut lists: BTreeMap<&str, usize> = BTreeMap::new();
    for (at, source) in found.sources.iter().enumerate() {
        for (key, entry) in &source.document.entries {
            let counts = match key.split_once('[') {
                None => true,
                Some((list, _)) => *lists.entry(list).or_insert(at) == at,
            };
            if counts {
                out.entry(key.as_str()).or_insert(Effective { entry, source });
            }
        }
    }
    out
}

pub(super) fn properties(found: &Found) -> Vec<Property> {
    effective(found)
        .into_iter()
        .map(|(key, one)| {
            let Valued { value, secret, source, origin } = one.shown(key);
            Property { key: key.to_owned(), value, secret, source, origin }
        })
        .collect()
}

pub(super) fn changes(before: &Found, after: &Found) -> Vec<Change> {
    let (before, after) = (effective(before), effective(after));
    let mut keys: Vec<&str> = before.keys().chain(after.keys()).copied().collect();
    keys.sort_unstable();
    keys.dedup();
    let change = |key: &str| {
        let (from, to) = (before.get(key), after.get(key));
        let kind = match (from, to) {
            (None, Some(_)) => "added",
            (Some(_), None) => "removed",
            // What is encrypted anew has changed only if the text has.
            (Some(from), Some(to)) if from.entry.value != to.entry.value => "changed",
            _ => return None,
        };
        let shown = |side: Option<&Effective<'_>>| side.map(|side| side.shown(key));
        Some(Change { key: key.to_owned(), kind: kind.to_owned(), from: shown(from), to: shown(to) })
    };
    keys.into_iter().filter_map(change).collect()
}

impl Effective<'_> {
    fn shown(&self, key: &str) -> Valued {
        let secret = self.is_secret(key);
        let value = if secret { Value::String(MASK.to_owned()) } else { plain(&self.entry.value) };
        let origin = self.entry.origin.as_ref().filter(|origin| origin.line > 0);
        Valued {
            value,
            secret,
            source: self.source.name.clone(),
            origin: origin.map(|origin| format!("{}:{}", origin.line, origin.column)),
        }
    }

    fn is_secret(&self, key: &str) -> bool {
        let key: String = key.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
        // The server takes the place away from a value that it has decrypted; sources that are no files never have one.
        let source = self.source.name.as_str();
        let is_file = source.contains([':', '/']) && !source.starts_with("redis:");
        let decrypted = is_file && self.entry.origin.is_none();
        decrypted || SECRET_NAMES.iter().any(|name| key.contains(name)) || self.holds_credentials()
    }

    fn holds_credentials(&self) -> bool {
        let Scalar::Text(text) = &self.entry.value else { return false };
        let authority = text.split_once("://").and_then(|(_, rest)| rest.split(['/', '?']).next());
        text.starts_with("{cipher}")
            || text.contains("-----BEGIN")
            || authority.is_some_and(|authority| {
                authority.rsplit_once('@').is_some_and(|(user, _)| user.contains(':'))
            })
    }
}

fn plain(value: &Scalar) -> Value {
    let mut out = Vec::new();
    json::write_scalar(&mut out, value);
    serde_json::from_slice(&out).unwrap_or(Value::Null)
}
