//! PostgreSQL.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::config::SslMode;
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, NoTls, TlsConnect, TlsStream};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Config, Socket};
use tokio_rustls::TlsConnector;
use wellspring_daemon::Tasks;
use wellspring_tls::Bundle;

use super::Row;
use super::url::{Target, Tls};

#[derive(Debug)]
pub(super) struct Connection {
    client: Client,
    closed: bool,
}

/// What connections that want TLS use.
pub(super) fn tls(target: &Target) -> Result<Option<ClientConfig>, String> {
    match target.tls {
        Tls::Off => Ok(None),
        Tls::Preferred | Tls::Encrypted => {
            wellspring_tls::anybody::config().map(Some).map_err(|error| error.to_string())
        }
        Tls::Trusted | Tls::Verified => {
            let mut bundle = Bundle::default();
            if let Some(file) = &target.roots {
                let pem = std::fs::read(file).map_err(|error| format!("sslrootcert {file}: {error}"))?;
                let roots = wellspring_tls::trust::from_pem(&pem);
                bundle.trust = Some(roots.map_err(|error| format!("sslrootcert {file}: {error}"))?);
            }
            wellspring_tls::client::config(&bundle).map(Some)
        }
    }
}

pub(super) async fn connect(
    target: &Target,
    tls: Option<&ClientConfig>,
    tasks: &Tasks,
) -> Result<Connection, String> {
    let mut config = Config::new();
    for (host, port) in &target.hosts {
        config.host(host).port(*port);
    }
    // The driver's own default is the user of the process.
    config.user(target.username.as_deref().unwrap_or("postgres"));
    if let Some(password) = &target.password {
        config.password(&password.0);
    }
    let database = target.database.as_deref().or(target.username.as_deref());
    config.dbname(database.unwrap_or("postgres"));
    config.application_name(target.application.as_deref().unwrap_or("wellspring-config-server"));
    if let Some(schema) = &target.schema {
        config.options(format!("-c search_path={}", schema.replace('\\', "\\\\").replace(' ', "\\ ")));
    }
    config.ssl_mode(match target.tls {
        Tls::Off => SslMode::Disable,
        Tls::Preferred => SslMode::Prefer,
        Tls::Encrypted | Tls::Trusted | Tls::Verified => SslMode::Require,
    });
    let client = match tls {
        Some(tls) => {
            let (client, connection) =
                config.connect(Rustls(Arc::new(tls.clone()))).await.map_err(|error| told(&error))?;
            tasks.spawn(async move { drop(connection.await) });
            client
        }
        None => {
            let (client, connection) = config.connect(NoTls).await.map_err(|error| told(&error))?;
            tasks.spawn(async move { drop(connection.await) });
            client
        }
    };
    Ok(Connection { client, closed: false })
}

impl Connection {
    pub(super) async fn query(
        &mut self,
        sql: &str,
        values: &[&str],
        untyped: bool,
    ) -> Result<Vec<Row>, String> {
        let kind = if untyped { Type::UNKNOWN } else { Type::VARCHAR };
        let values: Vec<(&(dyn ToSql + Sync), Type)> =
            values.iter().map(|value| (value as &(dyn ToSql + Sync), kind.clone())).collect();
        let rows = self.client.query_typed(sql, &values).await.map_err(|error| told(&error))?;
        let mut out = Vec::with_capacity(rows.len());
        for row in rows {
            let text = |at: usize| row.try_get::<_, Option<String>>(at).map_err(|error| told(&error));
            if let Some(key) = text(0)? {
                out.push((key, text(1)?));
            }
        }
        Ok(out)
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed || self.client.is_closed()
    }

    pub(super) fn close(&mut self) {
        self.closed = true;
    }
}

/// With what lies beneath: the driver's own words are only about the kind.
fn told(error: &tokio_postgres::Error) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

#[derive(Clone)]
struct Rustls(Arc<ClientConfig>);

impl MakeTlsConnect<Socket> for Rustls {
    type Stream = Secured;
    type TlsConnect = ToHost;
    type Error = io::Error;

    fn make_tls_connect(&mut self, host: &str) -> Result<ToHost, io::Error> {
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        Ok(ToHost(TlsConnector::from(Arc::clone(&self.0)), name))
    }
}

struct ToHost(TlsConnector, ServerName<'static>);

impl TlsConnect<Socket> for ToHost {
    type Stream = Secured;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Secured>> + Send>>;

    fn connect(self, stream: Socket) -> Self::Future {
        Box::pin(async move { self.0.connect(self.1, stream).await.map(Secured) })
    }
}

struct Secured(tokio_rustls::client::TlsStream<Socket>);

impl TlsStream for Secured {
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

impl AsyncRead for Secured {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Secured {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
