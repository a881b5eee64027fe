//! The known holes of the original, each shown to be closed here.

use serde_json::json;
use wellspring_test_support::Echo;
use wellspring_test_support::http1::{self, Request};

use crate::support::{Gateway, one_route};

/// CVE-2022-22947, CVE-2025-41243, CVE-2025-41253: expressions in posted routes ran code, read or changed the environment.
#[tokio::test(flavor = "multi_thread")]
async fn expressions_in_posted_routes_are_refused() {
    let upstream = Echo::start();
    let gateway = Gateway::start(&one_route(&upstream.url(""), &[])).await;
    for expression in [
        "#{new String(T(org.springframework.util.StreamUtils).copyToByteArray(T(java.lang.Runtime).getRuntime().exec('id').getInputStream()))}",
        "#{@systemProperties['spring.cloud.gateway.restrictive-property-accessor.enabled'] = false}",
        "#{@systemEnvironment['PATH']}",
        "#{@environment.getPropertySources()}",
    ] {
        let route = json!({
            "uri": upstream.url(""), "predicates": ["Path=/x"],
            "filters": [{"name": "AddResponseHeader", "args": {"name": "X-R", "value": expression}}],
        });
        let answer =
            Request::new("POST", "/actuator/gateway/routes/x").json(&route).send(gateway.port()).unwrap();
        assert_eq!(answer.status, 400, "{expression}");
    }
    gateway.running.stop().await;
}

/// CVE-2025-41235: forwarded headers of anyone were believed.
#[tokio::test(flavor = "multi_thread")]
async fn forwarded_headers_of_strangers_are_dropped() {
    let upstream = Echo::start();
    let strangers = format!("{}      trusted-proxies: 10\\..*\n", one_route(&upstream.url(""), &[]));
    for yaml in [one_route(&upstream.url(""), &[]), strangers] {
        let gateway = Gateway::start(&yaml).await;
        let answer = Request::new("GET", "/a")
            .header("X-Forwarded-For", "1.2.3.4")
            .header("X-Forwarded-Whatever", "x")
            .header("Forwarded", "for=1.2.3.4")
            .send(gateway.port())
            .unwrap();
        let headers = answer.json()["headers"].clone();
        for name in ["x-forwarded-for", "x-forwarded-whatever", "forwarded"] {
            assert!(headers.get(name).is_none(), "{name}");
        }
        gateway.running.stop().await;
    }
}

/// CVE-2021-22051: a crafted request reached other upstreams.
#[tokio::test(flavor = "multi_thread")]
async fn a_path_is_never_read_as_a_target() {
    let (upstream, other) = (Echo::start(), Echo::start());
    let gateway = Gateway::start(&one_route(&upstream.url(""), &["StripPrefix=1"])).await;
    for path in [
        format!("/a//127.0.0.1:{}/x", other.port()),
        format!("/a/http://127.0.0.1:{}/x", other.port()),
        format!("/a/@127.0.0.1:{}/x", other.port()),
        format!("http://127.0.0.1:{}/a/x", other.port()),
    ] {
        let answer = http1::get(gateway.port(), &path).unwrap();
        assert_eq!(answer.json()["port"], upstream.port(), "{path}");
    }
    assert!(other.requests().is_empty());
    gateway.running.stop().await;
}

/// CVE-2022-22946: with HTTP/2 every certificate was accepted. Here only `use-insecure-trust-manager` does that.
#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_nobody_vouches_for_is_refused_with_http2_too() {
    let key = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let port = tls_server(&key).await;
    for (settings, wanted) in [
        ("server.http2.enabled: true\n", 500),
        ("server.http2.enabled: false\n", 500),
        ("spring.cloud.gateway.httpclient.ssl.use-insecure-trust-manager: true\n", 200),
    ] {
        let yaml = format!("{settings}{}", one_route(&format!("https://localhost:{port}"), &[]));
        let gateway = Gateway::start(&yaml).await;
        assert_eq!(http1::get(gateway.port(), "/a").unwrap().status, wanted, "{settings}");
        gateway.running.stop().await;
    }
}

/// A TLS server that answers every connection once.
async fn tls_server(key: &rcgen::CertifiedKey<rcgen::KeyPair>) -> u16 {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let certificate = key.cert.der().clone();
    let private = rustls::pki_types::PrivateKeyDer::try_from(key.signing_key.serialize_der()).unwrap();
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], private)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(std::sync::Arc::new(config));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let mut request = [0; 4096];
                if stream.read(&mut request).await.is_err() {
                    return;
                }
                stream
                    .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
                    .await
                    .ok();
                stream.shutdown().await.ok();
            });
        }
    });
    port
}

/// The actuator of the gateway is off unless it is asked for.
#[tokio::test(flavor = "multi_thread")]
async fn the_actuator_is_off_by_default() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("application.yml");
    std::fs::write(&file, "management.endpoints.web.exposure.include: '*'\n").unwrap();
    let options = wellspring_daemon::Options { config: Some(file), ..wellspring_daemon::Options::local() };
    let running = wellspring_gateway::app().start(options).await.unwrap();
    let port = running.local_addr().port();
    assert_eq!(http1::get(port, "/actuator/gateway/routes").unwrap().status, 404);
    assert_eq!(Request::new("POST", "/actuator/gateway/refresh").send(port).unwrap().status, 404);
    running.stop().await;
}
