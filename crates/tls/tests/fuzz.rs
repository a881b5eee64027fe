//! Fuzzing as a property test: key stores and PEM files as operators hand them over, spoiled.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use wellspring_test_support::fuzz;
use wellspring_tls::identity::Identity;
use wellspring_tls::store::Store;
use wellspring_tls::trust;

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data");

fn file(name: &str) -> Vec<u8> {
    std::fs::read(format!("{DATA}/{name}")).unwrap()
}

fn open(bytes: &[u8]) {
    let Ok(store) = Store::read(bytes, "changeit") else { return };
    for password in ["keypass", "changeit", ""] {
        drop(store.key(None, password));
        drop(Identity::from_store(&store, Some("server"), password));
    }
    drop(trust::from_store(&store));
}

#[test]
fn long_jks() {
    fuzz::run(
        "JKS",
        &[&file("store.jks"), &file("trust.jks")],
        &["\u{0}\u{0}\u{0}\u{1}", "X.509", "server"],
        |bytes, _| open(bytes),
    );
}

/// The stores derive their keys in one round instead of ten thousand: what is read is the same, and a case costs little. One is
/// without a check sum and with its certificates in plain sight, so that what is spoiled inside is read as well.
#[test]
fn long_pkcs12() {
    let (quick, plain) = (file("quick.p12"), file("open.p12"));
    for store in [&quick, &plain] {
        assert!(Store::read(store, "changeit").unwrap().key(Some("server"), "changeit").is_ok());
    }
    // Tags with short lengths, the beginning of object names, versions.
    let words =
        ["0\u{6}", "1\u{2}", "\u{4}\u{1}x", "\u{6}\u{9}*", "\u{2}\u{1}\u{3}", "\u{5}\u{0}", "\u{1e}\u{2}"];
    fuzz::run("PKCS#12", &[&quick, &plain], &words, |bytes, _| open(bytes));
}

#[test]
fn long_pem() {
    let pair = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let (certificate, key) = (pair.cert.pem(), pair.signing_key.serialize_pem());
    let both = format!("{certificate}{key}");
    let words = [
        "-----BEGIN ",
        "-----END ",
        "CERTIFICATE-----",
        "PRIVATE KEY-----",
        "\n",
        "=",
        "MII",
        "AAAA",
        "Proc-Type: 4,ENCRYPTED\n",
    ];
    fuzz::text("PEM", &[&both, &certificate, &key], &words, |text, _| {
        drop(Identity::from_pem(text.as_bytes(), key.as_bytes()));
        drop(Identity::from_pem(certificate.as_bytes(), text.as_bytes()));
        drop(Identity::from_pem(text.as_bytes(), text.as_bytes()));
        drop(trust::from_pem(text.as_bytes()));
    });
}
