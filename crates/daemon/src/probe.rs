//! `--health`: asks the process that serves with the same settings whether it is ready. An image without a shell or
//! curl has its health check this way.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, bail};
use http_body_util::Empty;
use hyper::Request;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use wellspring_properties::Environment;

use crate::management::Management;
use crate::serve::{Server, Tls};

/// All that a probe may take.
const PATIENCE: Duration = Duration::from_secs(3);

/// Where readiness is asked for.
#[derive(Debug, PartialEq, Eq)]
struct Target {
    address: SocketAddr,
    tls: bool,
    path: String,
}

/// Asks once; the error says what kept the process from being ready.
pub(crate) async fn ask(env: &Environment) -> anyhow::Result<()> {
    let target = target(env)?;
    match tokio::time::timeout(PATIENCE, status(&target)).await {
        Ok(Ok(200)) => Ok(()),
        Ok(Ok(status)) => bail!("{}: {status}", target.path),
        Ok(Err(error)) => Err(error).with_context(|| format!("{}{}", target.address, target.path)),
        Err(_) => bail!("{}{}: no answer within {PATIENCE:?}", target.address, target.path),
    }
}

fn target(env: &Environment) -> anyhow::Result<Target> {
    let server: Server = env.bind("server")?;
    let base = env
        .get("management.endpoints.web.base-path")
        .map_or_else(|| "/actuator".to_owned(), |path| format!("/{}", path.trim_matches('/')));
    let readiness = format!("{}/health/readiness", base.trim_end_matches('/'));
    let (port, address, prefix, ssl) = match Management::from_env(env, &server)? {
        Management::Off => bail!("the actuator is off (management.server.port)"),
        Management::Shared => (server.port, server.address, server.servlet.context_path(), "server.ssl"),
        Management::Own { port, address, base_path } => (port, address, base_path, "management.server.ssl"),
    };
    if port == 0 {
        bail!("the port is not known: server.port is 0");
    }
    Ok(Target {
        address: SocketAddr::new(reachable(address), port),
        tls: Tls::is_wanted(env, ssl)?,
        path: format!("{prefix}{readiness}"),
    })
}

/// Who listens on all addresses is asked on loopback.
fn reachable(address: Option<IpAddr>) -> IpAddr {
    match address {
        None => Ipv4Addr::LOCALHOST.into(),
        Some(IpAddr::V4(all)) if all.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        Some(IpAddr::V6(all)) if all.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        Some(address) => address,
    }
}

async fn status(target: &Target) -> anyhow::Result<u16> {
    let stream = TcpStream::connect(target.address).await?;
    if !target.tls {
        return exchange(stream, target).await;
    }
    // The process is asked whether it serves, not who it is.
    let config = wellspring_tls::anybody::config()?;
    let connector = tokio_rustls::TlsConnector::from(std::sync::Arc::new(config));
    let name = ServerName::from(target.address.ip());
    exchange(connector.connect(name, stream).await?, target).await
}

async fn exchange<S>(stream: S, target: &Target) -> anyhow::Result<u16>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let request = Request::get(target.path.as_str())
        .header("host", target.address.to_string())
        .header("connection", "close")
        .body(Empty::<bytes::Bytes>::new())?;
    let answer = async { Ok(sender.send_request(request).await?.status().as_u16()) };
    tokio::select! {
        status = answer => status,
        // One that ends well has answered, or left `answer` to say that it did not.
        Err(broken) = connection => Err(broken.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wellspring_properties::Loader;

    async fn target_of(yaml: &str) -> anyhow::Result<Target> {
        target(&Loader::new().defaults(yaml).load().await.unwrap())
    }

    #[tokio::test]
    async fn readiness_is_asked_where_the_settings_put_it() {
        let plain = target_of("server.port: 8761").await.unwrap();
        assert_eq!(plain.address.to_string(), "127.0.0.1:8761");
        assert_eq!((plain.tls, plain.path.as_str()), (false, "/actuator/health/readiness"));

        let yaml = "{server: {port: 1, address: '::'}, management: {endpoints.web.base-path: /}}";
        let root = target_of(yaml).await.unwrap();
        assert_eq!((root.address.to_string().as_str(), root.path.as_str()), ("[::1]:1", "/health/readiness"));

        let own = target_of("management.server: {port: 9, base-path: ops}").await.unwrap();
        assert_eq!((own.address.port(), own.path.as_str()), (9, "/ops/actuator/health/readiness"));
    }

    #[tokio::test]
    async fn what_cannot_be_asked_is_said() {
        let off = target_of("management.server.port: -1").await.unwrap_err();
        assert!(off.to_string().contains("management.server.port"));
        assert!(target_of("server.port: 0").await.unwrap_err().to_string().contains("server.port"));
        let closed = Loader::new().defaults("server.port: 1").load().await.unwrap();
        assert!(ask(&closed).await.unwrap_err().to_string().contains("127.0.0.1:1/actuator"));
    }
}
