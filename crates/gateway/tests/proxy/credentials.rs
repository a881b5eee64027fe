//! API keys, passwords, certificates and addresses.

use serde_json::json;
use wellspring_test_support::Echo;
use wellspring_test_support::http1::{self, Request};

use crate::support::{Gateway, one_route};

#[tokio::test(flavor = "multi_thread")]
async fn keys_and_passwords_open_the_door_and_go_no_further() {
    let upstream = Echo::start();
    let hash = bcrypt::hash("pa:ss", 4).unwrap();
    let yaml = format!(
        r#"
wellspring.gateway.security:
  principal-header: X-Consumer
  rules:
  - {{paths: /admin, roles: ADMIN}}
  - {{paths: /keys-only, schemes: api-key}}
  - {{paths: /inside, access: permit, allow-ips: 10.0.0.0/8}}
  api-keys:
    header: X-Api-Key
    query: api_key
    keys:
    - {{consumer: acme, key: "{{sha256}}2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"}}
  basic:
    realm: Shop
    users:
    - {{name: ana, password: "{{bcrypt}}{hash}", roles: ADMIN}}
{}"#,
        one_route(&upstream.url(""), &[])
    );
    let gateway = Gateway::start(&yaml).await;
    let port = gateway.port();
    let with = |path: &str, name: &str, value: &str| {
        Request::new("GET", path).header(name, value).send(port).unwrap()
    };
    let basic = |path: &str, credentials: &str| {
        use base64::Engine as _;
        let encoded = base64::engine::general_purpose::STANDARD.encode(credentials);
        with(path, "Authorization", &format!("Basic {encoded}"))
    };
    let anonymous = http1::get(port, "/a").unwrap();
    assert_eq!(anonymous.status, 401);
    let challenges: Vec<&str> = anonymous
        .headers
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case("www-authenticate"))
        .map(|(_, value)| value.as_str())
        .collect();
    assert_eq!(challenges, ["Basic realm=\"Shop\"", "ApiKey"]);

    let keyed = with("/a", "X-Api-Key", "secret");
    assert_eq!((keyed.status, &keyed.json()["headers"]["x-consumer"]), (200, &json!(["acme"])));
    assert!(keyed.json()["headers"].get("x-api-key").is_none());
    let in_query = http1::get(port, "/a?x=1&api_key=secret&y=2").unwrap();
    assert_eq!((in_query.status, &in_query.json()["query"]), (200, &json!("x=1&y=2")));
    assert_eq!(with("/a", "X-Api-Key", "wrong").status, 401);

    assert_eq!(basic("/admin", "ana:pa:ss").status, 200);
    assert_eq!(basic("/admin", "ana:wrong").status, 401);
    assert_eq!(basic("/admin", "bob:pa:ss").status, 401);
    let poor = with("/admin", "X-Api-Key", "secret");
    assert_eq!((poor.status, poor.text().as_str()), (403, "Access Denied"));
    assert_eq!(basic("/keys-only", "ana:pa:ss").status, 401);
    assert_eq!(with("/keys-only", "X-Api-Key", "secret").status, 200);
    assert_eq!(http1::get(port, "/inside").unwrap().status, 403);
    gateway.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_behind_trusted_proxies_are_the_clients() {
    let upstream = Echo::start();
    let rules = "wellspring.gateway.security: {deny-ips: [192.0.2.7], rules: [{paths: /inside, allow-ips: [10.1.0.0/16]}]}\n";
    let trusting = "spring.cloud.gateway.server.webflux.trusted-proxies: 127\\..*|10\\.9\\..*\n";
    for (settings, expected) in [
        (format!("{rules}{trusting}"), [200, 403, 403, 200]),
        // Nobody is trusted: the peer itself counts, whatever it says.
        (rules.to_owned(), [403, 403, 403, 200]),
    ] {
        let gateway = Gateway::start(&format!("{settings}{}", one_route(&upstream.url(""), &[]))).await;
        let port = gateway.port();
        let from = |path: &str, address: &str| {
            Request::new("GET", path).header("X-Forwarded-For", address).send(port).unwrap().status
        };
        let statuses = [
            from("/inside", "10.1.2.3, 10.9.0.1"),
            // What the client itself put in front does not count.
            from("/inside", "10.1.2.3, 8.8.8.8, 10.9.0.1"),
            from("/inside", "nonsense"),
            from("/outside", "8.8.8.8"),
        ];
        assert_eq!(statuses, expected, "{settings}");
        let denied = from("/outside", "192.0.2.7");
        assert_eq!(denied, if settings.contains("trusted") { 403 } else { 200 });
        gateway.running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn mistakes_in_rules_end_the_start_with_their_place() {
    for (yaml, said) in [
        ("wellspring.gateway.security.default-acess: permit\n", "default-acess"),
        ("wellspring.gateway.security.rules:\n- access: permit\n", "paths"),
        ("wellspring.gateway.security.basic.users:\n- {name: a, password: plain-secret}\n", "{bcrypt}"),
        ("spring.security.oauth2.resourceserver.jwt.issuer-uri: nonsense\n", "issuer-uri"),
        (
            "spring.security.oauth2.resourceserver.jwt:\n  jwk-set-uri: http://h/j\n  jws-algorithms: HS256\n",
            "HS256",
        ),
        ("spring.security.oauth2.resourceserver.opaquetoken.introspection-uri: http://h\n", "client-id"),
    ] {
        let error = Gateway::try_start(yaml).await.err().unwrap().to_string();
        assert!(error.contains(said) && error.contains("application.yml:"), "{yaml}: {error}");
        assert!(!error.contains("plain-secret"), "{error}");
    }
}

/// A key with a certificate of this name, signed by `authority` or by itself.
fn certified(
    name: &str,
    authority: Option<&(rcgen::Certificate, rcgen::KeyPair, rcgen::CertificateParams)>,
) -> (rcgen::Certificate, rcgen::KeyPair, rcgen::CertificateParams) {
    let mut parameters = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    parameters.distinguished_name = rcgen::DistinguishedName::new();
    parameters.distinguished_name.push(rcgen::DnType::CommonName, name);
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = match authority {
        Some((_, signing, issuing)) => {
            let issuer = rcgen::Issuer::from_params(issuing, signing);
            parameters.signed_by(&key, &issuer).unwrap()
        }
        None => {
            parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
            parameters.self_signed(&key).unwrap()
        }
    };
    (certificate, key, parameters)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_certificate_says_who_it_is() {
    let upstream = Echo::start();
    let folder = tempfile::tempdir().unwrap();
    let authority = certified("authority", None);
    let server = certified("localhost", Some(&authority));
    let place = |name: &str, text: String| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let yaml = format!(
        r"
server.ssl:
  certificate: {}
  certificate-private-key: {}
  trust-certificate: {}
  client-auth: want
wellspring.gateway.security:
  principal-header: X-Client
  certificate: {{enabled: true, roles: PARTNER}}
  rules: [{{paths: /partners/**, roles: PARTNER}}]
{}",
        place("server.pem", server.0.pem()),
        place("server.key", server.1.serialize_pem()),
        place("trust.pem", authority.0.pem()),
        one_route(&upstream.url(""), &[])
    );
    let gateway = Gateway::start(&yaml).await;
    let client = certified("partner one", Some(&authority));
    let ask = async |shown: bool| -> String {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let mut roots = rustls::RootCertStore::empty();
        roots.add(authority.0.der().clone()).unwrap();
        let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
        let builder = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let config = if shown {
            let key = rustls::pki_types::PrivateKeyDer::try_from(client.1.serialize_der()).unwrap();
            builder.with_client_auth_cert(vec![client.0.der().clone()], key).unwrap()
        } else {
            builder.with_no_client_auth()
        };
        let stream = tokio::net::TcpStream::connect(("127.0.0.1", gateway.port())).await.unwrap();
        let name = rustls::pki_types::ServerName::try_from("localhost").unwrap();
        let connector = tokio_rustls::TlsConnector::from(std::sync::Arc::new(config));
        let mut stream = connector.connect(name, stream).await.unwrap();
        let request =
            "GET /partners/a HTTP/1.1\r\nHost: localhost\r\nX-Client: root\r\nConnection: close\r\n\r\n";
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    };
    let known = ask(true).await;
    assert!(known.starts_with("HTTP/1.1 200"), "{known}");
    assert_eq!(upstream.requests()[0]["headers"]["x-client"], json!(["partner one"]));
    let unknown = ask(false).await;
    assert!(unknown.starts_with("HTTP/1.1 401"), "{unknown}");
    assert_eq!(upstream.requests().len(), 1);
    gateway.running.stop().await;
}
