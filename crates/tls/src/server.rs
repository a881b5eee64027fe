//! A server's TLS from a bundle: HTTP/2 and HTTP/1.1 by ALPN, client certificates when asked for.

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::server::WebPkiClientVerifier;
use serde::Deserialize;

use crate::Bundle;

/// `server.ssl.client-auth`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClientAuth {
    #[default]
    None,
    /// A certificate is looked at when there is one.
    Want,
    Need,
}

/// The error says what the bundle lacks.
pub fn config(bundle: &Bundle, client_auth: ClientAuth) -> Result<ServerConfig, String> {
    let identity = bundle.identity.clone().ok_or("a server needs a certificate and a private key")?;
    let provider = Arc::new(bundle.provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(bundle.versions())
        .map_err(|error| error.to_string())?;
    let builder = if client_auth == ClientAuth::None {
        builder.with_no_client_auth()
    } else {
        let roots =
            bundle.trust.clone().ok_or("client certificates need a trust store to be checked against")?;
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
        let verifier =
            if client_auth == ClientAuth::Want { verifier.allow_unauthenticated() } else { verifier };
        builder.with_client_cert_verifier(verifier.build().map_err(|error| error.to_string())?)
    };
    let mut config = builder
        .with_single_cert(identity.chain, identity.key)
        .map_err(|error| format!("certificate and key do not fit: {error}"))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}
