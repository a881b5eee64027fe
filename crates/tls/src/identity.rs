//! A certificate chain with its private key.

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::java_ec;
use crate::store::Store;

/// What one shows to the other side. The key is never printed.
pub struct Identity {
    pub chain: Vec<CertificateDer<'static>>,
    pub key: PrivateKeyDer<'static>,
}

impl Clone for Identity {
    fn clone(&self) -> Self {
        Self { chain: self.chain.clone(), key: self.key.clone_key() }
    }
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identity").field("certificates", &self.chain.len()).finish_non_exhaustive()
    }
}

impl Identity {
    /// From PEM texts; both may stand in one.
    pub fn from_pem(certificates: &[u8], key: &[u8]) -> Result<Self, String> {
        let chain = certificates_of_pem(certificates)?;
        let text = String::from_utf8_lossy(key);
        if text.contains("BEGIN ENCRYPTED PRIVATE KEY") || text.contains("Proc-Type: 4,ENCRYPTED") {
            return Err("the private key is encrypted; decrypt it, or put it into a PKCS#12 store".to_owned());
        }
        let key =
            PrivateKeyDer::from_pem_slice(key).map_err(|error| format!("no private key in PEM: {error}"))?;
        Ok(Self { chain, key })
    }

    /// A key entry of a store, the first without an alias.
    pub fn from_store(store: &Store, alias: Option<&str>, key_password: &str) -> Result<Self, String> {
        let (key, chain) = store.key(alias, key_password)?;
        let own = chain.first().ok_or("the key has no certificate")?;
        let key = java_ec::with_public_half(key, own);
        Ok(Self {
            chain: chain.iter().map(|der| CertificateDer::from(der.clone())).collect(),
            key: PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key)),
        })
    }
}

/// All certificates of a PEM text; at least one.
pub(crate) fn certificates_of_pem(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text).collect();
    match all {
        Ok(certificates) if certificates.is_empty() => Err("no certificate in PEM".to_owned()),
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(format!("certificates cannot be read: {error}")),
    }
}
