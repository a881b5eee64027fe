//! Opening connections: addresses, TLS, and which HTTP is spoken.

use std::io;
use std::sync::Arc;

use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use wellspring_properties::Problem;

use super::body::Outgoing;
use super::pool::Origin;
use super::wire::{Stream, Wire};
use crate::config::HttpClient;
use crate::problem::{BAD_SETTING, bad};

/// What a new connection speaks.
pub(super) enum Opened {
    Http1(Wire),
    Http2(http2::SendRequest<Outgoing>),
}

/// Opens connections.
pub(super) struct Connector {
    /// Without HTTP/2, and with it (for gRPC, or `server.http2.enabled`).
    tls: TlsConnector,
    tls_h2: TlsConnector,
    max_header_size: usize,
}

impl std::fmt::Debug for Connector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connector").finish_non_exhaustive()
    }
}

impl Connector {
    pub(super) fn new(config: &HttpClient) -> Result<Self, Problem> {
        let plain = client_config(config)?;
        let mut with_h2 = plain.clone();
        with_h2.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let offered = if config.http2 { with_h2.clone() } else { plain };
        Ok(Self {
            tls: TlsConnector::from(Arc::new(offered)),
            tls_h2: TlsConnector::from(Arc::new(with_h2)),
            max_header_size: config.max_header_size,
        })
    }

    /// A new connection. `grpc` asks for HTTP/2, in clear by prior knowledge.
    pub(super) async fn open(&self, origin: &Origin, grpc: bool) -> io::Result<Opened> {
        let stream = self.tcp(origin).await?;
        if !origin.tls {
            return if grpc { self.http2(stream).await } else { Ok(self.http1(Stream::Plain(stream))) };
        }
        let connector = if grpc { &self.tls_h2 } else { &self.tls };
        let stream = connector.connect(server_name(origin)?, stream).await?;
        let h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        if h2 { self.http2(stream).await } else { Ok(self.http1(Stream::Secure(Box::new(stream)))) }
    }

    /// A stream for a WebSocket: always HTTP/1.1.
    pub(super) async fn open_for_upgrade(&self, origin: &Origin) -> io::Result<http1::SendRequest<Outgoing>> {
        let stream = self.tcp(origin).await?;
        if origin.tls {
            let stream = self.tls.connect(server_name(origin)?, stream).await?;
            return self.upgradable(stream).await;
        }
        self.upgradable(stream).await
    }

    fn http1(&self, stream: Stream) -> Opened {
        Opened::Http1(Wire::new(stream, self.max_header_size))
    }

    async fn tcp(&self, origin: &Origin) -> io::Result<TcpStream> {
        let host = origin.host.trim_matches(['[', ']']);
        let stream = TcpStream::connect((host, origin.port)).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    async fn upgradable<S>(&self, stream: S) -> io::Result<http1::SendRequest<Outgoing>>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (sender, connection) = http1::Builder::new()
            .max_header_size(self.max_header_size)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(io::Error::other)?;
        tokio::spawn(async move {
            if let Err(error) = connection.with_upgrades().await {
                tracing::debug!(%error, "upstream connection ended");
            }
        });
        Ok(sender)
    }

    async fn http2<S>(&self, stream: S) -> io::Result<Opened>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (sender, connection) = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .handshake(TokioIo::new(stream))
            .await
            .map_err(io::Error::other)?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "upstream connection ended");
            }
        });
        Ok(Opened::Http2(sender))
    }
}

fn server_name(origin: &Origin) -> io::Result<ServerName<'static>> {
    let host = origin.host.trim_matches(['[', ']']).to_owned();
    ServerName::try_from(host).map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))
}

fn client_config(config: &HttpClient) -> Result<ClientConfig, Problem> {
    if config.insecure {
        tracing::warn!(
            "certificates of upstreams are not verified (httpclient.ssl.use-insecure-trust-manager)"
        );
        return wellspring_tls::anybody::config()
            .map_err(|error| Problem::new(BAD_SETTING, format!("TLS cannot be set up: {error}")));
    }
    let mut bundle = config.bundle.clone();
    if !config.trusted_certificates.is_empty() {
        bundle.trust = Some(trusted(&config.trusted_certificates)?);
    }
    wellspring_tls::client::config(&bundle)
        .map_err(|message| Problem::new(BAD_SETTING, format!("TLS to upstreams cannot be set up: {message}")))
}

/// `ssl.trusted-x509-certificates`: PEM files.
fn trusted(paths: &[String]) -> Result<RootCertStore, Problem> {
    let mut roots = RootCertStore::empty();
    for path in paths {
        let file = path.strip_prefix("file:").unwrap_or(path).trim_start_matches("//");
        let wrong = |message: String| bad(BAD_SETTING, message, path, None);
        let found = CertificateDer::pem_file_iter(file)
            .map_err(|error| wrong(format!("cannot read certificates: {error}")))?;
        for certificate in found {
            let certificate =
                certificate.map_err(|error| wrong(format!("cannot read certificates: {error}")))?;
            roots.add(certificate).map_err(|error| wrong(format!("not a certificate: {error}")))?;
        }
    }
    Ok(roots)
}
