//! What is done with encrypted texts: values of files, whole text files, the endpoints' bodies.

use std::sync::Arc;

use indexmap::{IndexMap, IndexSet};
use tracing::warn;
use wellspring_properties::{Entry, Scalar, flatten, java_properties, yaml};

use super::prefixes::Prefixes;
use super::{Cipher, Keys, Refusal};

/// Marks a value as encrypted.
pub(crate) const MARK: &str = "{cipher}";
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
        let (prefixes, cipher) = Prefixes::split(text);
        self.key(&prefixes)?.decrypt(cipher)
    }

    /// A plain text; its prefixes stay in front of the cipher text.
    pub(crate) fn encrypt_text(&self, text: &str) -> Result<String, Refusal> {
        let (prefixes, plain) = Prefixes::split(text);
        Ok(format!("{}{}", prefixes.text(), self.key(&prefixes)?.encrypt(plain)?))
    }

    pub(crate) fn key(&self, prefixes: &Prefixes) -> Result<Arc<dyn Cipher>, Refusal> {
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
