//! TLS identities, trust and bundles for servers and clients, from the settings Spring Boot reads.
//!
//! PEM, PKCS#12 and JKS; `spring.ssl.bundle.*` by name and `server.ssl.*` in place. ring is the one provider and is passed
//! explicitly, so nothing depends on a process-wide default.

pub mod anybody;
pub mod bundle;
pub mod client;
pub mod codes;
pub mod identity;
mod java_ec;
mod read;
pub mod reload;
pub mod server;
pub mod store;
pub mod trust;

use std::sync::{Arc, OnceLock};

pub use bundle::Bundle;
pub use identity::Identity;
pub use reload::Watched;
use rustls::crypto::CryptoProvider;
pub use server::ClientAuth;

/// The crypto provider of this process.
pub fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    Arc::clone(PROVIDER.get_or_init(|| Arc::new(rustls::crypto::ring::default_provider())))
}
