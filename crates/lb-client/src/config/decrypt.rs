//! `{cipher}` values that the server handed on: decrypted here when this process has `encrypt.key`.
//!
//! Symmetric keys only; with a key store or a PEM key the server decrypts.

use aes::Aes256;
use aes::cipher::block_padding::Pkcs7;
use aes::cipher::{BlockModeDecrypt, KeyIvInit};
use wellspring_properties::{Environment, Problem, PropertySource, Scalar};

use crate::codes;

const MARK: &str = "{cipher}";
const ROUNDS: u32 = 1024;

/// The key of this process.
pub(super) struct Key {
    bytes: [u8; 32],
    /// Off: what cannot be decrypted becomes empty.
    fail: bool,
}

impl Key {
    /// From `encrypt.key` and `encrypt.salt`; `None` without a key.
    pub(super) fn from_env(env: &Environment) -> Result<Option<Self>, Problem> {
        let Some(password) = env.get("encrypt.key").filter(|key| !key.is_empty()) else { return Ok(None) };
        if password.contains("PRIVATE KEY") {
            return Err(Problem::new(
                codes::DECRYPT,
                "encrypt.key is a private key; a client decrypts with a symmetric key only",
            )
            .at(env.origin("encrypt.key"))
            .hint("let the config server decrypt (spring.cloud.config.server.encrypt.enabled)"));
        }
        let salt = env.get("encrypt.salt").unwrap_or_else(|| "deadbeef".to_owned());
        let salt = hex::decode(&salt).unwrap_or_else(|_| salt.into_bytes());
        let fail = env.get_as("encrypt.fail-on-error")?.unwrap_or(true);
        let bytes = pbkdf2::pbkdf2_hmac_array::<sha1::Sha1, 32>(password.as_bytes(), &salt, ROUNDS);
        Ok(Some(Self { bytes, fail }))
    }

    /// Decrypts every value of the source that is marked.
    pub(super) fn decrypt(&self, source: &mut PropertySource) -> Result<(), Problem> {
        for (key, entry) in &mut source.entries {
            let Scalar::Text(text) = &entry.value else { continue };
            let Some(marked) = text.strip_prefix(MARK) else { continue };
            entry.value = match self.open(without_prefixes(marked)) {
                Some(plain) => Scalar::Text(plain),
                None if self.fail => {
                    // The key's name and place, never its value.
                    return Err(Problem::new(
                        codes::DECRYPT,
                        format!("{key} cannot be decrypted with encrypt.key"),
                    )
                    .at(entry.origin.clone())
                    .hint("encrypt.fail-on-error=false leaves such values empty"));
                }
                None => Scalar::Text(String::new()),
            };
        }
        Ok(())
    }

    fn open(&self, cipher: &str) -> Option<String> {
        let bytes = hex::decode(cipher.trim()).ok()?;
        let (iv, body) = bytes.split_first_chunk::<16>()?;
        let text =
            cbc::Decryptor::<Aes256>::new((&self.bytes).into(), iv.into()).decrypt_padded_vec::<Pkcs7>(body);
        String::from_utf8(text.ok()?).ok()
    }
}

/// `{key:a}{secret:b}` in front of the cipher text mean nothing to a symmetric key.
fn without_prefixes(text: &str) -> &str {
    let mut rest = text;
    while let Some(after) = rest.strip_prefix('{').and_then(|inner| inner.split_once('}')) {
        rest = after.1;
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Written by the original with this key and the default salt.
    const HELLO: &str = "{cipher}bdb8465b75953f879cfab9b9443ff491ce228638b8f597040123734dfb0f93f3";

    fn key(pairs: &[(&str, &str)]) -> Key {
        let source = PropertySource::of_pairs("test", pairs.iter().copied());
        Key::from_env(&Environment::new(vec![source], vec![])).unwrap().unwrap()
    }

    #[test]
    fn what_the_original_wrote_is_read() {
        let key = key(&[("encrypt.key", "a-symmetric-key-of-some-length")]);
        let mut source = PropertySource::of_pairs(
            "s",
            [
                ("a", HELLO.to_owned()),
                ("b", HELLO.replace("{cipher}", "{cipher}{key:x}")),
                ("c", "{cipherless".into()),
            ],
        );
        key.decrypt(&mut source).unwrap();
        let values: Vec<String> = source.entries.values().map(|entry| entry.value.to_string()).collect();
        assert_eq!(values, ["hello", "hello", "{cipherless"]);
    }

    #[test]
    fn what_does_not_fit_is_a_problem_without_the_value_or_empty() {
        let mut source = PropertySource::of_pairs("s", [("a", HELLO)]);
        let problem = key(&[("encrypt.key", "other")]).decrypt(&mut source).unwrap_err();
        assert_eq!(problem.code, codes::DECRYPT);
        assert!(!problem.to_string().contains("bdb8465b"));
        key(&[("encrypt.key", "other"), ("encrypt.fail-on-error", "false")]).decrypt(&mut source).unwrap();
        assert_eq!(source.entries["a"].value, Scalar::Text(String::new()));
    }
}
