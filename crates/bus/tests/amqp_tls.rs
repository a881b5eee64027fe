//! RabbitMQ over TLS, as far as the first words: who is trusted, and what is said when not.

#![cfg(feature = "amqp")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use wellspring_bus::Options;
use wellspring_bus::transport::{Remote, State, Transport, amqp};
use wellspring_properties::{Environment, PropertySource};

const PATIENCE: Duration = Duration::from_secs(90);

/// A server that knows TLS and tells the first bytes that it is sent.
async fn server(names: &[&str]) -> (u16, String, mpsc::UnboundedReceiver<Vec<u8>>) {
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    let made = rcgen::generate_simple_self_signed(names).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config =
        rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_no_client_auth().with_single_cert(vec![made.cert.der().clone()], key).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (sender, receiver) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut hello = [0; 8];
            if stream.read_exact(&mut hello).await.is_ok() && sender.send(hello.to_vec()).is_err() {
                return;
            }
        }
    });
    (port, made.cert.pem(), receiver)
}

fn connect(settings: &[(&str, &str)]) -> Remote {
    let env = Environment::new(vec![PropertySource::of_pairs("test", settings.iter().copied())], vec![]);
    amqp::from_env(&env, &Options::new("orders:8081:a1")).unwrap()
}

#[tokio::test]
async fn a_bundle_is_trusted_from_a_file_or_as_text() {
    let (port, certificate, mut hellos) = server(&["localhost"]).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ca.pem");
    std::fs::write(&path, &certificate).unwrap();
    for trust in [path.to_str().unwrap(), &certificate] {
        let amqp = connect(&[
            ("spring.rabbitmq.host", "localhost"),
            ("spring.rabbitmq.port", &port.to_string()),
            ("spring.rabbitmq.ssl.bundle", "mq"),
            ("spring.ssl.bundle.pem.mq.truststore.certificate", trust),
        ]);
        let hello = tokio::time::timeout(PATIENCE, hellos.recv()).await.unwrap().unwrap();
        assert_eq!(hello, b"AMQP\0\0\x09\x01");
        amqp.close().await;
    }
}

#[tokio::test]
async fn a_stranger_is_not_trusted_and_the_state_says_why() {
    let (port, _, mut hellos) = server(&["localhost"]).await;
    let amqp = connect(&[("spring.rabbitmq.addresses", &format!("amqps://localhost:{port}"))]);
    let mut state = amqp.state();
    let told =
        |state: &State| matches!(state, State::Down(reason) if reason.to_lowercase().contains("certificate"));
    tokio::time::timeout(PATIENCE, state.wait_for(told)).await.expect("a reason in time").unwrap();
    assert!(hellos.try_recv().is_err(), "nothing was said to it");
    amqp.close().await;
}
