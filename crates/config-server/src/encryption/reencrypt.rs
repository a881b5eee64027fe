//! A file's `{cipher}` values under another key; every other byte stays as it is.
//!
//! Files are bytes here: YAML, properties and anything that is served as text mark cipher texts alike, and a cipher text is a run
//! of characters that no format quotes. What does not decrypt is named by its line and never by its text.

use wellspring_properties::{Environment, Problem};

use super::prefixes::Prefixes;
use super::values::MARK;
use super::{Keys, Refusal};

/// The old keys and the new ones.
#[derive(Debug)]
pub struct Rekeying {
    old: Keys,
    new: Keys,
    /// In front of each new cipher text: names a key of the new store.
    alias: Option<String>,
}

/// A file after the change.
#[derive(Debug, Default)]
pub struct Rewritten {
    /// The whole file.
    pub bytes: Vec<u8>,
    /// Values that have a new cipher text.
    pub changed: usize,
    /// Values that were encrypted with the new key already.
    pub already: usize,
    /// Lines, from 1, of values that neither key decrypts.
    pub undecryptable: Vec<usize>,
}

impl Rekeying {
    /// Reads both keys, each from settings below `encrypt`, and tries the new one.
    pub fn new(old: &Environment, new: &Environment, alias: Option<String>) -> Result<Self, Problem> {
        let keys = |env: &Environment, which: &str| {
            Keys::from_env(env)?.ok_or_else(|| {
                Problem::new(
                    "WS-1480",
                    format!(
                        "the {which} settings have no key: neither encrypt.key nor encrypt.key-store.location"
                    ),
                )
            })
        };
        let rekeying = Self { old: keys(old, "old")?, new: keys(new, "new")?, alias };
        rekeying.encrypt("").map_err(|refusal| {
            Problem::new("WS-1481", format!("the new key cannot be used: {refusal}"))
                .found(rekeying.alias.clone().unwrap_or_else(|| "the default alias".to_owned()))
        })?;
        Ok(rekeying)
    }

    /// The file with its values encrypted anew. `None`: it has none.
    pub fn rewrite(&self, bytes: &[u8]) -> Option<Rewritten> {
        let mut out = Rewritten { bytes: Vec::with_capacity(bytes.len()), ..Rewritten::default() };
        let mut rest = bytes;
        let mut line = 1;
        let mut any = false;
        while let Some(at) = find(rest, MARK.as_bytes()) {
            let (before, marked) = rest.split_at(at + MARK.len());
            out.bytes.extend_from_slice(before);
            line += breaks(before);
            let (text, length) = cipher_text(marked);
            let (written, after) = marked.split_at(length);
            rest = after;
            if Prefixes::split(&text).1.is_empty() {
                out.bytes.extend_from_slice(written);
                continue;
            }
            any = true;
            match self.renewed(&text) {
                Ok(Some(renewed)) => {
                    out.changed += 1;
                    out.bytes.extend_from_slice(renewed.as_bytes());
                }
                Ok(None) => {
                    out.already += 1;
                    out.bytes.extend_from_slice(written);
                }
                Err(_) => {
                    out.undecryptable.push(line);
                    out.bytes.extend_from_slice(written);
                }
            }
            line += breaks(written);
        }
        out.bytes.extend_from_slice(rest);
        any.then_some(out)
    }

    /// The text under the new key; `None` when it is already.
    fn renewed(&self, text: &str) -> Result<Option<String>, Refusal> {
        let (prefixes, cipher) = Prefixes::split(text);
        let plain = match self.old.locate(&prefixes).and_then(|key| key.decrypt(cipher)) {
            Ok(plain) => plain,
            Err(refusal) => {
                let known = self.new.locate(&prefixes).and_then(|key| key.decrypt(cipher));
                return if known.is_ok() { Ok(None) } else { Err(refusal) };
            }
        };
        let own = text.strip_suffix(cipher).unwrap_or_default();
        let names_a_key = |pair: &&str| pair.starts_with("{key:") || pair.starts_with("{secret:");
        let kept: String = own.split_inclusive('}').filter(|pair| !names_a_key(pair)).collect();
        Ok(Some(format!("{}{kept}{}", self.own_prefix(), self.encrypt(&plain)?)))
    }

    /// Encrypts, and reads back what was written.
    fn encrypt(&self, plain: &str) -> Result<String, Refusal> {
        let prefix = self.own_prefix();
        let key = self.new.locate(&Prefixes::of(&prefix))?;
        let cipher = key.encrypt(plain)?;
        if key.decrypt(&cipher)? == plain { Ok(cipher) } else { Err(Refusal::Invalid) }
    }

    fn own_prefix(&self) -> String {
        self.alias.as_ref().map(|alias| format!("{{key:{alias}}}")).unwrap_or_default()
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

fn breaks(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte == b'\n').count()
}

/// Prefixes and cipher text at the start of `bytes`, as the server reads them, and how many bytes they take up.
///
/// A backslash continues a line, or stands before a character that properties escape.
fn cipher_text(bytes: &[u8]) -> (String, usize) {
    let mut text = String::new();
    let mut at = 0;
    while bytes.get(at) == Some(&b'{') {
        let rest = bytes.get(at..).unwrap_or_default();
        let line = rest.split(|byte| matches!(byte, b'\n' | b'\r')).next().unwrap_or_default();
        let Some(end) = line.iter().position(|byte| *byte == b'}') else { break };
        let prefix = String::from_utf8_lossy(line.get(..=end).unwrap_or_default()).replace("\\:", ":");
        if !prefix.contains(':') {
            break;
        }
        text.push_str(&prefix);
        at += end + 1;
    }
    let mut end = at;
    loop {
        match bytes.get(at) {
            Some(byte) if byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=') => {
                text.push(char::from(*byte));
                at += 1;
                end = at;
            }
            Some(b'\\') if matches!(bytes.get(at + 1), Some(b'=' | b'+' | b'/')) => at += 1,
            Some(b'\\') => match continued(bytes.get(at + 1..).unwrap_or_default()) {
                Some(skipped) => at += 1 + skipped,
                None => return (text, end),
            },
            _ => return (text, end),
        }
    }
}

/// A line break and the blanks that begin the next line.
fn continued(bytes: &[u8]) -> Option<usize> {
    let ending = if bytes.starts_with(b"\r\n") { 2 } else { usize::from(bytes.starts_with(b"\n")) };
    let blanks = bytes.iter().skip(ending).take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    (ending > 0).then_some(ending + blanks)
}

#[cfg(test)]
mod tests {
    use super::*;
    use wellspring_properties::PropertySource;

    fn env(key: &str) -> Environment {
        Environment::new(vec![PropertySource::of_pairs("test", [("encrypt.key", key)])], Vec::new())
    }

    fn rekeying() -> Rekeying {
        Rekeying::new(&env("old-key-of-some-length"), &env("new-key-of-some-length"), None).unwrap()
    }

    fn old(text: &str) -> String {
        let keys = Keys::from_env(&env("old-key-of-some-length")).unwrap().unwrap();
        keys.locate(&Prefixes::default()).unwrap().encrypt(text).unwrap()
    }

    /// Every new cipher text replaced by what it says.
    fn shown(bytes: &[u8]) -> String {
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let keys = Keys::from_env(&env("new-key-of-some-length")).unwrap().unwrap();
        let mut out = String::new();
        let mut rest = text.as_str();
        while let Some((before, after)) = rest.split_once(MARK) {
            let (cipher, length) = cipher_text(after.as_bytes());
            let (prefixes, body) = Prefixes::split(&cipher);
            let own = cipher.strip_suffix(body).unwrap();
            let plain = keys.locate(&prefixes).unwrap().decrypt(body).unwrap_or_else(|_| body.to_owned());
            out.push_str(&format!("{before}<{own}{plain}>"));
            rest = after.split_at(length).1;
        }
        out + rest
    }

    #[test]
    fn only_cipher_texts_change_in_files_of_every_kind() {
        let cipher = old("hello");
        let (first, second) = cipher.split_at(20);
        for (text, wanted) in [
            (
                format!("# é\r\na: '{{cipher}}{cipher}'   # c\r\n\r\nb:   x\r\n"),
                "# é\r\na: '<hello>'   # c\r\n\r\nb:   x\r\n",
            ),
            (format!("a={{cipher}}{cipher}\nb : {{cipher}}{cipher}"), "a=<hello>\nb : <hello>"),
            (format!("l: [\"{{cipher}}{cipher}\", '{{cipher}}{cipher}']\n"), "l: [\"<hello>\", '<hello>']\n"),
            (format!("{{\"a\":\"{{cipher}}{{key:one}}{{name:x}}{cipher}\"}}"), "{\"a\":\"<{name:x}hello>\"}"),
            (format!("a={{cipher}}{{key\\:one}}{first}\\\n    {second}\n"), "a=<hello>\n"),
            (format!("<p a=\"{{cipher}}{cipher}\"/>{{cipher}}"), "<p a=\"<hello>\"/><>"),
        ] {
            let rewritten = rekeying().rewrite(text.as_bytes()).unwrap();
            assert_eq!(shown(&rewritten.bytes), wanted, "{text}");
            assert_eq!(rewritten.undecryptable, Vec::<usize>::new());
        }
        assert!(rekeying().rewrite(b"a: 1\n").is_none());
        assert!(rekeying().rewrite(b"write {cipher} in front\n").is_none());
    }

    #[test]
    fn a_second_run_changes_nothing_and_strange_texts_are_named_by_line() {
        let text =
            format!("a: '{{cipher}}{}'\nb: '{{cipher}}abcdef'\n\nc: '{{cipher}}{}'\n", old("x"), old("y"));
        let first = rekeying().rewrite(text.as_bytes()).unwrap();
        assert_eq!((first.changed, first.already, first.undecryptable.as_slice()), (2, 0, &[2][..]));
        let second = rekeying().rewrite(&first.bytes).unwrap();
        assert_eq!((second.changed, second.already, second.undecryptable.as_slice()), (0, 2, &[2][..]));
        assert_eq!(second.bytes, first.bytes);
    }
}
