//! Every kind of key material ends in a handshake, and every kind of mistake in a message.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::io::Write;
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, ServerConfig, ServerConnection};
use wellspring_properties::{Environment, PropertySource};
use wellspring_tls::{Bundle, ClientAuth, Watched, client, codes, server};

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data");

fn env(pairs: &[(&str, &str)]) -> Environment {
    Environment::new(vec![PropertySource::of_pairs("test", pairs.iter().copied())], Vec::new())
}

/// Both sides in memory; what the client ended with.
fn shake(server: ServerConfig, client: ClientConfig) -> Result<ClientConnection, rustls::Error> {
    let name = ServerName::try_from("localhost").unwrap();
    let mut client = ClientConnection::new(Arc::new(client), name).unwrap();
    let mut server = ServerConnection::new(Arc::new(server)).unwrap();
    for _ in 0..10 {
        let mut wire = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut wire).unwrap();
        }
        server.read_tls(&mut wire.as_slice()).unwrap();
        server.process_new_packets()?;
        let mut wire = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut wire).unwrap();
        }
        client.read_tls(&mut wire.as_slice()).unwrap();
        client.process_new_packets()?;
    }
    assert!(!client.is_handshaking());
    Ok(client)
}

struct Pair {
    certificate: String,
    key: String,
}

fn generated() -> Pair {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    Pair { certificate: made.cert.pem(), key: made.signing_key.serialize_pem() }
}

#[test]
fn pem_texts_and_files_in_place() {
    let Pair { certificate, key } = generated();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("server.pem");
    std::fs::write(&file, format!("{certificate}{key}")).unwrap();
    let location = format!("file:{}", file.display());
    let inline = [
        ("server.ssl.certificate", certificate.as_str()),
        ("server.ssl.certificate-private-key", key.as_str()),
        ("client.trust-certificate", certificate.as_str()),
    ];
    let in_file =
        [("server.ssl.certificate", location.as_str()), ("client.trust-certificate", location.as_str())];
    for (pairs, files) in [(&inline[..], 0), (&in_file[..], 2)] {
        let env = env(pairs);
        let (here, there) =
            (Bundle::in_place(&env, "server.ssl").unwrap(), Bundle::in_place(&env, "client").unwrap());
        assert_eq!(here.files.len(), files);
        let mut there = client::config(&there).unwrap();
        there.alpn_protocols = vec![b"h2".to_vec()];
        let done = shake(server::config(&here, ClientAuth::None).unwrap(), there).unwrap();
        assert_eq!(done.alpn_protocol(), Some(&b"h2"[..]));
    }
}

#[test]
fn stores_by_bundle_name() {
    for (kind, key_password) in [("jks", "keypass"), ("p12", "changeit")] {
        let (store, trust) = (format!("file:{DATA}/store.{kind}"), format!("{DATA}/trust.jks"));
        // The certificate of the PKCS#12 store is another one than that of the JKS store.
        let own = if kind == "jks" { trust } else { format!("{DATA}/trust-p12.pem") };
        let bundle = [
            ("spring.ssl.bundle.jks.web.keystore.location", store.as_str()),
            ("spring.ssl.bundle.jks.web.keystore.password", "changeit"),
            ("spring.ssl.bundle.jks.web.key.alias", "SERVER"),
            ("spring.ssl.bundle.jks.web.key.password", key_password),
            ("server.ssl.bundle", "web"),
            ("a.trust-store", own.as_str()),
            ("a.trust-store-password", "changeit"),
            ("b.trust-certificate", own.as_str()),
        ];
        let env = env(&bundle);
        let here = Bundle::in_place(&env, "server.ssl").unwrap();
        let there = Bundle::in_place(&env, if kind == "jks" { "a" } else { "b" }).unwrap();
        shake(server::config(&here, ClientAuth::None).unwrap(), client::config(&there).unwrap()).unwrap();
    }
}

#[test]
fn trusted_entries_of_both_kinds_of_store_are_found() {
    for kind in ["jks", "p12"] {
        let location = format!("{DATA}/trust.{kind}");
        let env = env(&[("a.trust-store", &location), ("a.trust-store-password", "changeit")]);
        assert_eq!(Bundle::in_place(&env, "a").unwrap().trust.unwrap().len(), 1, "{kind}");
    }
}

#[test]
fn a_client_certificate_can_be_demanded() {
    let (one, other) = (generated(), generated());
    let env = env(&[
        ("s.certificate", &one.certificate),
        ("s.certificate-private-key", &one.key),
        ("s.trust-certificate", &other.certificate),
        ("known.certificate", &other.certificate),
        ("known.certificate-private-key", &other.key),
        ("known.trust-certificate", &one.certificate),
        ("stranger.trust-certificate", &one.certificate),
    ]);
    let bundle = |prefix| Bundle::in_place(&env, prefix).unwrap();
    let attempt = |auth, who| {
        shake(server::config(&bundle("s"), auth).unwrap(), client::config(&bundle(who)).unwrap()).is_ok()
    };
    assert!(attempt(ClientAuth::Need, "known"));
    assert!(!attempt(ClientAuth::Need, "stranger"));
    assert!(attempt(ClientAuth::Want, "stranger"));
}

#[test]
fn protocols_and_ciphers_narrow_the_choice() {
    let Pair { certificate, key } = generated();
    let env = env(&[
        ("s.certificate", &certificate),
        ("s.certificate-private-key", &key),
        ("s.enabled-protocols", "TLSv1.2"),
        ("s.ciphers", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"),
        ("c.trust-certificate", &certificate),
    ]);
    let bundle = |prefix| Bundle::in_place(&env, prefix).unwrap();
    let done =
        shake(server::config(&bundle("s"), ClientAuth::None).unwrap(), client::config(&bundle("c")).unwrap());
    let done = done.unwrap();
    assert_eq!(done.protocol_version(), Some(rustls::ProtocolVersion::TLSv1_2));
    let suite = done.negotiated_cipher_suite().unwrap().suite();
    assert_eq!(suite, rustls::CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384);
}

#[test]
fn mistakes_are_named_without_secrets() {
    let (jks, pair) = (format!("{DATA}/store.jks"), generated());
    type Mistake<'a> = (&'a [(&'a str, &'a str)], &'a str, &'a str);
    let table: &[Mistake<'_>] = &[
        (&[("s.bundle", "none")], codes::BUNDLE, "none"),
        (&[("s.certificate", "/no/such.pem")], codes::MATERIAL, "/no/such.pem"),
        (&[("s.certificate", "classpath:x.pem")], codes::MATERIAL, "class path"),
        (&[("s.certificate", &pair.certificate)], codes::MATERIAL, "no private key"),
        (
            &[
                ("s.certificate", &pair.certificate),
                ("s.certificate-private-key", "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"),
            ],
            codes::MATERIAL,
            "PKCS#12",
        ),
        (&[("s.key-store", &jks), ("s.key-store-password", "wr0ng")], codes::MATERIAL, "password"),
        (
            &[("s.key-store", &jks), ("s.key-store-password", "changeit"), ("s.key-password", "wr0ng")],
            codes::MATERIAL,
            "key's password",
        ),
        (
            &[("s.key-store", &jks), ("s.key-store-password", "changeit"), ("s.key-alias", "ghost")],
            codes::MATERIAL,
            "ghost",
        ),
        (&[("s.enabled-protocols", "SSLv3")], codes::OPTION, "SSLv3"),
        (&[("s.ciphers", "TLS_RSA_WITH_RC4_128_MD5")], codes::OPTION, "RC4"),
    ];
    for (pairs, code, part) in table {
        let problem = Bundle::in_place(&env(pairs), "s").unwrap_err();
        let text = problem.to_string();
        assert_eq!(problem.code, *code, "{text}");
        assert!(text.contains(part), "{part} is missing in {text}");
        assert!(!text.contains("wr0ng") && !text.contains("changeit"), "{text}");
    }
}

#[test]
fn a_replaced_file_is_noticed_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.pem");
    std::fs::write(&file, "one").unwrap();
    let mut watched = Watched::new(std::slice::from_ref(&file));
    assert!(!watched.changed());
    std::fs::OpenOptions::new().append(true).open(&file).unwrap().write_all(b"more").unwrap();
    assert!(watched.changed());
    assert!(!watched.changed());
    std::fs::remove_file(&file).unwrap();
    assert!(!watched.changed());
}
