//! TLS to upstreams: the name is asked for, the certificate checked, and our own shown to those who want one.

use std::sync::Arc;

use rcgen::{CertifiedKey, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use wellspring_test_support::http1;

use crate::support::{Gateway, one_route};

/// Answers with the name it was asked for, but only those who show the client's certificate.
async fn server(own: &CertifiedKey<KeyPair>, client: &CertifiedKey<KeyPair>) -> u16 {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(client.cert.der().clone()).unwrap();
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build().unwrap();
    let key = PrivateKeyDer::try_from(own.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![own.cert.der().clone()], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let name = stream.get_ref().1.server_name().unwrap_or("nobody").to_owned();
                let mut request = [0; 4096];
                // Several requests on one connection: it is kept alive.
                while stream.read(&mut request).await.is_ok_and(|read| read > 0) {
                    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{name}", name.len());
                    if stream.write_all(answer.as_bytes()).await.is_err() || stream.flush().await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    port
}

#[tokio::test(flavor = "multi_thread")]
async fn name_trust_and_client_certificate() {
    let made = |name: &str| rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
    let (own, client, stranger) = (made("localhost"), made("gateway"), made("localhost"));
    let port = server(&own, &client).await;
    let folder = tempfile::tempdir().unwrap();
    let save = |name: &str, text: String| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let trust = save("trust.pem", own.cert.pem());
    let other = save("other.pem", stranger.cert.pem());
    let certificate = save("client.pem", client.cert.pem());
    let key = save("client.key", client.signing_key.serialize_pem());
    let bundle = |trust: &str| {
        format!(
            "spring.ssl.bundle.pem.up:\n  keystore: {{certificate: \"{certificate}\", private-key: \"{key}\"}}\n  truststore.certificate: \"{trust}\"\nspring.cloud.gateway.httpclient.ssl.ssl-bundle: up\n"
        )
    };
    let no_client = format!("spring.cloud.gateway.httpclient.ssl.trusted-x509-certificates: [\"{trust}\"]\n");
    for (settings, host, wanted) in [
        (bundle(&trust), "localhost", 200),
        // Another's certificate, another's name, no certificate of our own.
        (bundle(&other), "localhost", 500),
        (bundle(&trust), "127.0.0.1", 500),
        (no_client, "localhost", 500),
    ] {
        let yaml = format!("{settings}{}", one_route(&format!("https://{host}:{port}"), &[]));
        let gateway = Gateway::start(&yaml).await;
        for _ in 0..3 {
            let reply = http1::get(gateway.port(), "/a").unwrap();
            assert_eq!(reply.status, wanted, "{host} {settings}");
            if wanted == 200 {
                assert_eq!(reply.text(), "localhost");
            }
        }
        gateway.running.stop().await;
    }
}
