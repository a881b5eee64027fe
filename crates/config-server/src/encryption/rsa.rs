//! An RSA key wraps a random secret, from which the AES key of the text is derived.
//!
//! Layout before base64: length of the wrapped secret (two bytes, big endian), the wrapped secret, 16 bytes initialisation
//! vector, AES-256 body.

use aes_gcm::aead::consts::U16;
use aes_gcm::aead::{Aead, KeyInit};
use aes_gcm::{AesGcm, aes::Aes256};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rsa::rand_core::OsRng;
use rsa::traits::PublicKeyParts;
use rsa::{Oaep, Pkcs1v15Encrypt, RsaPrivateKey};
use rsa_sha1::Sha1;

use super::symmetric::{decrypt_cbc, encrypt_cbc};
use super::{Cipher, Refusal, derive, random, salt};

/// How the secret is wrapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Algorithm {
    #[default]
    Pkcs1,
    Oaep,
}

#[derive(Debug, Clone)]
pub(super) struct Form {
    pub(super) algorithm: Algorithm,
    /// GCM instead of CBC.
    pub(super) strong: bool,
    pub(super) salt: String,
}

impl Default for Form {
    fn default() -> Self {
        Self { algorithm: Algorithm::Pkcs1, strong: false, salt: "deadbeef".to_owned() }
    }
}

type Gcm = AesGcm<Aes256, U16>;
const IV: usize = 16;

pub(super) struct Rsa {
    key: RsaPrivateKey,
    form: Form,
}

impl std::fmt::Debug for Rsa {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rsa").field("form", &self.form).finish_non_exhaustive()
    }
}

impl Rsa {
    pub(super) fn new(key: RsaPrivateKey, form: Form) -> Self {
        Self { key, form }
    }

    fn body_key(&self, secret: &[u8]) -> [u8; 32] {
        derive(hex::encode(secret).as_bytes(), &salt(&self.form.salt))
    }
}

impl Cipher for Rsa {
    fn encrypt(&self, text: &str) -> Result<String, Refusal> {
        let mut secret = [0; 16];
        random(&mut secret)?;
        let public = self.key.to_public_key();
        let wrapped = match self.form.algorithm {
            Algorithm::Pkcs1 => public.encrypt(&mut OsRng, Pkcs1v15Encrypt, &secret),
            Algorithm::Oaep => public.encrypt(&mut OsRng, Oaep::new::<Sha1>(), &secret),
        }
        .map_err(|_| Refusal::NoKey)?;
        let key = self.body_key(&secret);
        let body = if self.form.strong {
            let mut iv = [0; IV];
            random(&mut iv)?;
            let sealed =
                Gcm::new(&key.into()).encrypt(&iv.into(), text.as_bytes()).map_err(|_| Refusal::NoKey)?;
            [&iv[..], &sealed].concat()
        } else {
            encrypt_cbc(&key, text.as_bytes())?
        };
        let length = u16::try_from(wrapped.len()).map_err(|_| Refusal::NoKey)?;
        Ok(STANDARD.encode([&length.to_be_bytes()[..], &wrapped, &body].concat()))
    }

    fn decrypt(&self, cipher: &str) -> Result<String, Refusal> {
        let bytes = STANDARD.decode(cipher).map_err(|_| Refusal::Invalid)?;
        let (length, rest) = bytes.split_first_chunk::<2>().ok_or(Refusal::Invalid)?;
        let length = usize::from(u16::from_be_bytes(*length));
        let (wrapped, body) = rest.split_at_checked(length).ok_or(Refusal::Invalid)?;
        let secret = match self.form.algorithm {
            Algorithm::Pkcs1 => self.key.decrypt_blinded(&mut OsRng, Pkcs1v15Encrypt, wrapped),
            Algorithm::Oaep => self.key.decrypt_blinded(&mut OsRng, Oaep::new::<Sha1>(), wrapped),
        }
        .map_err(|_| Refusal::Invalid)?;
        let key = self.body_key(&secret);
        if !self.form.strong {
            return decrypt_cbc(&key, body);
        }
        let (iv, sealed) = body.split_first_chunk::<IV>().ok_or(Refusal::Invalid)?;
        let text = Gcm::new(&key.into()).decrypt(iv.into(), sealed).map_err(|_| Refusal::Invalid)?;
        String::from_utf8(text).map_err(|_| Refusal::Invalid)
    }

    fn public_key(&self) -> Option<String> {
        let mut line = Vec::new();
        for part in [
            b"ssh-rsa".to_vec(),
            positive(&self.key.e().to_bytes_be()),
            positive(&self.key.n().to_bytes_be()),
        ] {
            line.extend(u32::try_from(part.len()).ok()?.to_be_bytes());
            line.extend(part);
        }
        Some(format!("ssh-rsa {} application", STANDARD.encode(line)))
    }
}

/// A number whose first bit is set needs a zero byte before it.
fn positive(number: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(number.len() + 1);
    if number.first().is_some_and(|first| first & 0x80 != 0) {
        out.push(0);
    }
    out.extend(number);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_reads_its_own() {
        let key = RsaPrivateKey::new(&mut OsRng, 1024).unwrap();
        for algorithm in [Algorithm::Pkcs1, Algorithm::Oaep] {
            for strong in [false, true] {
                for salt in ["deadbeef", "not hex"] {
                    let cipher = Rsa::new(key.clone(), Form { algorithm, strong, salt: salt.to_owned() });
                    for text in ["", "hello", "grüße €"] {
                        assert_eq!(cipher.decrypt(&cipher.encrypt(text).unwrap()).as_deref(), Ok(text));
                    }
                    for junk in ["", "AQIDBA==", "!!!", "AQ=="] {
                        assert_eq!(cipher.decrypt(junk), Err(Refusal::Invalid));
                    }
                }
            }
        }
    }
}
