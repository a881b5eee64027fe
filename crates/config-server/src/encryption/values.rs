//! What is done with encrypted texts: values of files, whole text files, the endpoints' bodies.

use std::sync::Arc;

use indexmap::IndexMap;
use tracing::warn;
use wellspring_properties::{Entry, Scalar};

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

    /// Encrypted values inside a configuration file that is served as text; everything else is left as it is.
    pub(crate) fn decrypt_inside(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find(MARK) {
            let (before, marked) = rest.split_at(at);
            out.push_str(before);
            let cipher = marked.strip_prefix(MARK).unwrap_or(marked);
            let quote = before.chars().next_back().filter(|c| matches!(c, '"' | '\''));
            let end = match quote {
                Some(quote) => cipher.find(quote),
                None => cipher.find(char::is_whitespace),
            }
            .unwrap_or(cipher.len());
            let starts_value = quote.is_some() || before.ends_with([' ', '=', ':']);
            let (value, after) = cipher.split_at(end);
            match self.decrypt_text(value) {
                Ok(plain) if starts_value => out.push_str(&plain),
                _ => {
                    out.push_str(MARK);
                    out.push_str(value);
                }
            }
            rest = after;
        }
        out.push_str(rest);
        out
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
        let text = format!("a: '{HELLO}'\nb: \"{HELLO}\"\nc={HELLO}\n# no{HELLO}\nd: '{{cipher}}junk'\n");
        let expected = format!("a: 'hello'\nb: \"hello\"\nc=hello\n# no{HELLO}\nd: '{{cipher}}junk'\n");
        assert_eq!(decryptor(true).decrypt_inside(&text), expected);
    }

    #[test]
    fn encrypting_keeps_prefixes() {
        let decryptor = decryptor(true);
        let cipher = decryptor.encrypt_text("{key:any}{plain}{x:y}z").unwrap();
        assert!(cipher.starts_with("{key:any}"), "{cipher}");
        assert_eq!(decryptor.decrypt_text(&cipher).as_deref(), Ok("{x:y}z"));
    }
}
