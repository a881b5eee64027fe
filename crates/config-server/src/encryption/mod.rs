//! `{cipher}` values: keys, ciphers, and what is done with values that cannot be decrypted.
//!
//! Cipher texts go both ways between this server and Spring's.

mod keystore;
mod locator;
pub(crate) mod prefixes;
pub mod reencrypt;
mod rsa;
mod symmetric;
pub(crate) mod values;

pub(crate) use locator::Keys;

/// Why a text is not en- or decrypted. Never holds the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("no key was installed for encryption")]
    NoKey,
    #[error("the text was not encrypted with this key")]
    Invalid,
    /// There is no private key of that name.
    #[error("there is no private key to decrypt with")]
    NotSupported,
}

/// Encrypts and decrypts with one key.
pub(crate) trait Cipher: std::fmt::Debug + Send + Sync {
    fn encrypt(&self, text: &str) -> Result<String, Refusal>;
    fn decrypt(&self, cipher: &str) -> Result<String, Refusal>;
    /// As an OpenSSH line, for asymmetric keys.
    fn public_key(&self) -> Option<String> {
        None
    }
}

/// Fills with random bytes of the system.
fn random(bytes: &mut [u8]) -> Result<(), Refusal> {
    use ring::rand::{SecureRandom, SystemRandom};
    SystemRandom::new().fill(bytes).map_err(|_| Refusal::NoKey)
}

/// PBKDF2-HMAC-SHA1 as Spring Security's encryptors use it: 1024 rounds, a key of 32 bytes.
fn derive(password: &[u8], salt: &[u8]) -> [u8; 32] {
    let mut key = [0; 32];
    pbkdf2::pbkdf2_hmac::<sha1::Sha1>(password, salt, 1024, &mut key);
    key
}

/// A salt is hex; what is none is taken as it is.
fn salt(text: &str) -> Vec<u8> {
    hex::decode(text).unwrap_or_else(|_| text.as_bytes().to_vec())
}
