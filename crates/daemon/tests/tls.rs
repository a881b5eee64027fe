//! TLS on the port: both HTTP versions by ALPN, a bundle by name, a certificate replaced while serving.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use rustls::RootCertStore;
use wellspring_daemon::{App, Options, Peer};
use wellspring_test_support::poll;

struct Made {
    certificate: String,
    root: rustls::pki_types::CertificateDer<'static>,
    key: String,
}

fn made() -> Made {
    let made =
        rcgen::generate_simple_self_signed(vec!["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
    Made {
        certificate: made.cert.pem(),
        root: made.cert.der().clone(),
        key: made.signing_key.serialize_pem(),
    }
}

fn write(folder: &Path, made: &Made) {
    std::fs::write(folder.join("tls.crt"), &made.certificate).unwrap();
    std::fs::write(folder.join("tls.key"), &made.key).unwrap();
}

fn client(trusted: &Made, http2: bool) -> reqwest::Client {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.root.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    tls.alpn_protocols = if http2 { vec![b"h2".to_vec()] } else { vec![b"http/1.1".to_vec()] };
    let builder = reqwest::Client::builder().tls_backend_preconfigured(tls).no_proxy();
    if http2 { builder } else { builder.http1_only() }.build().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn both_http_versions_are_served_and_a_new_certificate_is_picked_up() {
    let folder = tempfile::tempdir().unwrap();
    let first = made();
    write(folder.path(), &first);
    let path = |name: &str| folder.path().join(name).display().to_string();
    let options = Options::local()
        .with("server.ssl.bundle", "web")
        .with("spring.ssl.bundle.pem.web.keystore.certificate", path("tls.crt"))
        .with("spring.ssl.bundle.pem.web.keystore.private-key", path("tls.key"))
        .with("spring.ssl.bundle.pem.web.reload-on-update", "true")
        .with("spring.ssl.bundle.watch.file.quiet-period", "20ms");
    let router = Router::new().route("/", get(|peer: Peer| async move { peer.secure.to_string() }));
    let running = App::new("orders").build(|_| async { Ok(router) }).start(options).await.unwrap();
    let url = format!("https://localhost:{}/", running.local_addr().port());
    for (http2, version) in [(false, http::Version::HTTP_11), (true, http::Version::HTTP_2)] {
        let answer = client(&first, http2).get(&url).send().await.unwrap();
        assert_eq!(answer.version(), version);
        assert_eq!(answer.text().await.unwrap(), "true");
    }
    let second = made();
    write(folder.path(), &second);
    poll::until_some("the new certificate", Duration::from_secs(90), async || {
        client(&second, false).get(&url).send().await.ok()
    })
    .await;
    assert!(client(&first, false).get(&url).send().await.is_err());
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_certificate_is_a_problem_that_names_the_setting() {
    let options = Options::local().with("server.ssl.enabled", "true");
    let refused = App::new("orders").start(options).await.unwrap_err().to_string();
    assert!(refused.contains("server.ssl.certificate"), "{refused}");
}
