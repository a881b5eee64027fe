//! What is done with encrypted texts: values of files, whole text files, the endpoints' bodies.

use std::sync::Arc;

use indexmap::{IndexMap, IndexSet};
use tracing::warn;
use wellspring_properties::{Entry, Scalar, flatten, java_properties, yaml};

use super::{Cipher, Keys, Refusal};

/// Marks a value as encrypted.
pub(crate) const MARK: &str = "{cipher}";
/// Ends the prefixes where the plain text itself begins like one.
const PLAIN: &str = "{plain}";

/// The `{name:value}` prefixes of a text.
#[derive(Debug, Default)]
pub(crate) struct Prefixes<'t>(Vec<(&'t str, &'t str)>);

impl<'t> Prefixes<'t> {
    /// The prefixes, their own text, and what follows them.
    pub(crate) fn split(text: &'t str) -> (Self, &'t str, &'t str) {
        let mut found = Vec::new();
        let mut rest = text;
        while let Some(inner) = rest.strip_prefix('{') {
            if let Some(plain) = rest.strip_prefix(PLAIN) {
                let own = text.len() - rest.len();
                return (Self(found), text.get(..own).unwrap_or_default(), plain);
            }
            let Some((pair, after)) = inner.split_once('}') else { break };
            let Some((name, value)) = pair.split_once(':') else { break };
            found.push((name, value));
            rest = after;
        }
        let own = text.len() - rest.len();
        (Self(found), text.get(..own).unwrap_or_default(), rest)
    }

    /// Names and values, in order.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&'t str, &'t str)> {
        self.0.iter().copied()
    }

    pub(crate) fn get(&self, name: &str) -> Option<&'t str> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
    }
}

/// Decrypts what files hold.
#[derive(Debug)]
pub(crate) struct Decryptor {
    /// `None`: no key; encrypted values are invalid then.
    pub(crate) keys: Option<Keys>,
    /// A value that cannot be decrypted gives `invalid.<key>: <n/a>`; else it keeps its key and its cipher text.
    pub(crate) prefix_invalid: bool,
}

impl Decryptor {
    /// Decrypted keys move to the end. A value that the server decrypted has no origin any more.
    pub(crate) fn decrypt(&self, entries: IndexMap<String, Entry>, file: &str) -> IndexMap<String, Entry> {
        let encrypted = |entry: &Entry| matches!(&entry.value, Scalar::Text(text) if text.starts_with(MARK));
        if !entries.values().any(encrypted) {
            return entries;
        }
        let (secret, mut plain): (IndexMap<_, _>, IndexMap<_, _>) =
            entries.into_iter().partition(|(_, entry)| encrypted(entry));
        for (key, entry) in secret {
            let Scalar::Text(text) = &entry.value else { continue };
            let cipher = text.strip_prefix(MARK).unwrap_or(text);
            let (key, text) = match self.decrypt_text(cipher) {
                Ok(text) => (key, text),
                Err(reason) => {
                    warn!(file, key, %reason, "value cannot be decrypted");
                    if self.prefix_invalid {
                        (format!("invalid.{key}"), "<n/a>".to_owned())
                    } else {
                        (key, cipher.to_owned())
                    }
                }
            };
            plain.insert(key, Entry::text(text));
        }
        plain
    }

    /// A cipher text with its prefixes.
    pub(crate) fn decrypt_text(&self, text: &str) -> Result<String, Refusal> {
        let (prefixes, _, cipher) = Prefixes::split(text);
        self.key(&prefixes)?.decrypt(cipher)
    }

    /// A plain text; its prefixes stay in front of the cipher text.
    pub(crate) fn encrypt_text(&self, text: &str) -> Result<String, Refusal> {
        let (prefixes, own, plain) = Prefixes::split(text);
        Ok(format!("{own}{}", self.key(&prefixes)?.encrypt(plain)?))
    }

    pub(crate) fn key(&self, prefixes: &Prefixes<'_>) -> Result<Arc<dyn Cipher>, Refusal> {
        self.keys.as_ref().ok_or(Refusal::NoKey)?.locate(prefixes)
    }

    /// A configuration file that is served as text, with its encrypted values decrypted wherever their text stands; all else is
    /// left as it is, and so is a file that cannot be read.
    pub(crate) fn decrypt_inside(&self, path: &str, text: &str) -> String {
        let mut out = text.to_owned();
        if !text.contains(MARK) {
            return out;
        }
        for value in values(path, text) {
            let decrypted = value.trim().strip_prefix(MARK).map(|cipher| self.decrypt_text(cipher));
            match decrypted {
                Some(Ok(plain)) => out = out.replace(value.trim(), &plain),
                Some(Err(reason)) => warn!(file = path, %reason, "value inside a text cannot be decrypted"),
                None => {}
            }
        }
        out
    }
}

/// The different texts of a configuration file that begin like encrypted ones.
fn values(path: &str, text: &str) -> IndexSet<String> {
    let mut found = IndexSet::new();
    if path.ends_with(".json") {
        collect(serde_json::from_str(text).unwrap_or_default(), &mut found);
        return found;
    }
    let documents: Vec<IndexMap<String, Entry>> = if path.ends_with(".properties") {
        java_properties::parse(text.as_bytes(), path).unwrap_or_default()
    } else {
        yaml::parse(text, path).unwrap_or_default().iter().map(flatten::document).collect()
    };
    for entry in documents.into_iter().flat_map(IndexMap::into_values) {
        if let Scalar::Text(value) = entry.value
            && value.starts_with(MARK)
        {
            found.insert(value);
        }
    }
    found
}

fn collect(json: serde_json::Value, found: &mut IndexSet<String>) {
    match json {
        serde_json::Value::String(value) if value.starts_with(MARK) => {
            found.insert(value);
        }
        serde_json::Value::Array(items) => items.into_iter().for_each(|item| collect(item, found)),
        serde_json::Value::Object(members) => {
            members.into_iter().for_each(|(_, member)| collect(member, found));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encryption::symmetric::Symmetric;

    fn decryptor(prefix_invalid: bool) -> Decryptor {
        let cipher = Symmetric::new("a-symmetric-key-of-some-length", "deadbeef");
        Decryptor { keys: Some(Keys::One(Arc::new(cipher))), prefix_invalid }
    }

    const HELLO: &str = "{cipher}bdb8465b75953f879cfab9b9443ff491ce228638b8f597040123734dfb0f93f3";

    #[test]
    fn prefixes_and_what_follows() {
        for (text, own, rest, key) in [
            ("AYC", "", "AYC", None),
            ("{key:a}AYC", "{key:a}", "AYC", Some("a")),
            ("{name:x}{key:a}{secret:p}AYC", "{name:x}{key:a}{secret:p}", "AYC", Some("a")),
            ("{plain}{x:y}z", "", "{x:y}z", None),
            ("{key:a}{plain}{x:y}z", "{key:a}", "{x:y}z", Some("a")),
            ("{cipher}AYC", "", "{cipher}AYC", None),
            ("{open", "", "{open", None),
        ] {
            let (prefixes, found_own, found_rest) = Prefixes::split(text);
            assert_eq!((found_own, found_rest, prefixes.get("key")), (own, rest, key), "{text}");
        }
    }

    #[test]
    fn decrypted_values_come_last_and_invalid_ones_are_named() {
        let given = [("a", HELLO), ("b", "x"), ("c", "{cipher}junk"), ("d", "in {cipher}")];
        let entries = || given.iter().map(|(k, v)| ((*k).to_owned(), Entry::text(*v))).collect();
        let shown = |decryptor: Decryptor| {
            let entries = decryptor.decrypt(entries(), "f.yml");
            entries.iter().map(|(k, e)| format!("{k}={}", e.value)).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(shown(decryptor(true)), "b=x d=in {cipher} a=hello invalid.c=<n/a>");
        assert_eq!(shown(decryptor(false)), "b=x d=in {cipher} a=hello c=junk");
        assert_eq!(
            shown(Decryptor { keys: None, prefix_invalid: true }),
            "b=x d=in {cipher} invalid.a=<n/a> invalid.c=<n/a>"
        );
    }

    #[test]
    fn values_inside_a_text_file() {
        for (path, text, wanted) in [
            (
                "a.yml",
                "# HELLO\na: 'HELLO' # c\nb: [\"HELLO\"]\nc: '{cipher}junk'\n",
                "# hello\na: 'hello' # c\nb: [\"hello\"]\nc: '{cipher}junk'\n",
            ),
            ("a.yml", "a: in HELLO\n", "a: in HELLO\n"),
            ("a.yml", "a: 'HELLO'\n b: broken\n", "a: 'HELLO'\n b: broken\n"),
            ("a.json", "{\n\t\"a\": [\"HELLO\", 1]\n}\n", "{\n\t\"a\": [\"hello\", 1]\n}\n"),
            ("a.properties", "a=HELLO\nb = x HELLO\n", "a=hello\nb = x hello\n"),
            ("a.properties", "b = x HELLO\n", "b = x HELLO\n"),
        ] {
            let text = text.replace("HELLO", HELLO);
            assert_eq!(decryptor(true).decrypt_inside(path, &text), wanted.replace("HELLO", HELLO), "{text}");
        }
    }

    #[test]
    fn encrypting_keeps_prefixes() {
        let decryptor = decryptor(true);
        let cipher = decryptor.encrypt_text("{key:any}{plain}{x:y}z").unwrap();
        assert!(cipher.starts_with("{key:any}"), "{cipher}");
        assert_eq!(decryptor.decrypt_text(&cipher).as_deref(), Ok("{x:y}z"));
    }
}
