//! RSA keys of a Java key store, JKS or PKCS#12, by alias.

use rsa::RsaPrivateKey;
use rsa::pkcs8::DecodePrivateKey;
use wellspring_tls::store::{Content, Store};

use super::Refusal;
use crate::config::Secret;

#[derive(Debug)]
pub(super) struct KeyStore(Store);

impl KeyStore {
    /// Opens a store; the error says what is wrong with it.
    pub(super) fn read(bytes: &[u8], password: &Secret) -> Result<Self, String> {
        Store::read(bytes, &password.0).map(Self)
    }

    /// The private key of an alias, in any case of letters.
    pub(super) fn key(&self, alias: &str, password: &Secret) -> Result<RsaPrivateKey, Refusal> {
        let entry = self.0.entries.iter().find(|entry| entry.alias.eq_ignore_ascii_case(alias));
        let Some(Content::Key { key, .. }) = entry.map(|entry| &entry.content) else {
            return Err(Refusal::NotSupported);
        };
        let der = key.open(&password.0).ok_or(Refusal::Invalid)?;
        RsaPrivateKey::from_pkcs8_der(&der).map_err(|_| Refusal::NotSupported)
    }
}
