//! A client's TLS from a bundle; without one, the public roots.

use std::sync::Arc;

use rustls::ClientConfig;

use crate::{Bundle, trust};

/// ALPN is the caller's: it knows which HTTP versions it speaks. The error says what is wrong with the bundle's certificate.
pub fn config(bundle: &Bundle) -> Result<ClientConfig, String> {
    let roots = bundle.trust.clone().unwrap_or_else(trust::public_roots);
    let builder = ClientConfig::builder_with_provider(Arc::new(bundle.provider()))
        .with_protocol_versions(bundle.versions())
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots);
    match bundle.identity.clone() {
        Some(identity) => builder
            .with_client_auth_cert(identity.chain, identity.key)
            .map_err(|error| format!("certificate and key do not fit: {error}")),
        None => Ok(builder.with_no_client_auth()),
    }
}
