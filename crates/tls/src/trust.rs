//! Whom one believes: certificates of a PEM text or a store, or the public roots.

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;

use crate::identity::certificates_of_pem;
use crate::store::Store;

/// The roots that browsers trust.
pub fn public_roots() -> RootCertStore {
    RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() }
}

pub fn from_pem(text: &[u8]) -> Result<RootCertStore, String> {
    roots(certificates_of_pem(text)?)
}

/// The store's trusted certificates.
pub fn from_store(store: &Store) -> Result<RootCertStore, String> {
    roots(store.trusted().map(|der| CertificateDer::from(der.to_vec())).collect())
}

fn roots(certificates: Vec<CertificateDer<'static>>) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates {
        roots.add(certificate).map_err(|error| format!("a trusted certificate cannot be used: {error}"))?;
    }
    if roots.is_empty() {
        return Err("no trusted certificate in it".to_owned());
    }
    Ok(roots)
}
