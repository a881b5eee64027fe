//! The port's TLS: `server.ssl.*`, replaced while serving when the bundle's files change.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tracing::{info, warn};
use wellspring_properties::{Environment, Problem, value};
use wellspring_tls::{Bundle, ClientAuth, Watched, codes, server};

use crate::Tasks;

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct Switches {
    enabled: Option<bool>,
    client_auth: ClientAuth,
}

/// `spring.ssl.bundle.watch.file`.
#[derive(Debug, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct Watch {
    #[serde(with = "value::duration_millis")]
    quiet_period: Duration,
}

impl Default for Watch {
    fn default() -> Self {
        Self { quiet_period: Duration::from_secs(10) }
    }
}

/// What connections are secured with.
#[derive(Debug)]
pub(crate) struct Tls {
    current: ArcSwap<ServerConfig>,
}

impl Tls {
    /// False when nothing stands below `prefix`, or `enabled` is false there.
    pub(crate) fn is_wanted(env: &Environment, prefix: &str) -> Result<bool, Problem> {
        let Switches { enabled, .. } = env.bind(prefix)?;
        Ok(env.contains(prefix) && enabled != Some(false))
    }

    /// `None` when it is not wanted, as [`Tls::is_wanted`] says.
    pub(crate) fn from_env(
        env: &Environment,
        prefix: &str,
        tasks: &Tasks,
    ) -> Result<Option<Arc<Self>>, Problem> {
        if !Self::is_wanted(env, prefix)? {
            return Ok(None);
        }
        let Switches { client_auth, .. } = env.bind(prefix)?;
        let load = {
            let (env, prefix) = (env.clone(), prefix.to_owned());
            move || {
                let bundle = Bundle::in_place(&env, &prefix)?;
                let config = server::config(&bundle, client_auth).map_err(|error| {
                    Problem::new(codes::MATERIAL, format!("{prefix}: {error}")).hint(format!(
                        "{prefix}.certificate and {prefix}.certificate-private-key, or {prefix}.bundle"
                    ))
                })?;
                Ok::<_, Problem>((bundle, config))
            }
        };
        let (bundle, config) = load()?;
        let tls = Arc::new(Self { current: ArcSwap::from_pointee(config) });
        if bundle.reload_on_update && !bundle.files.is_empty() {
            let Watch { quiet_period } = env.bind("spring.ssl.bundle.watch.file")?;
            let (mut watched, tls) = (Watched::new(&bundle.files), Arc::clone(&tls));
            tasks.spawn(async move {
                loop {
                    tokio::time::sleep(quiet_period).await;
                    if !watched.changed() {
                        continue;
                    }
                    match load() {
                        Ok((_, config)) => {
                            tls.current.store(Arc::new(config));
                            info!("certificate replaced");
                        }
                        Err(problem) => {
                            warn!(problem = problem.line(), "new certificate refused, the old one stays")
                        }
                    }
                }
            });
        }
        Ok(Some(tls))
    }

    /// The handshake; the flag says whether HTTP/2 was agreed on.
    pub(super) async fn accept<S>(&self, stream: S) -> std::io::Result<(TlsStream<S>, bool)>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let secured = TlsAcceptor::from(self.current.load_full()).accept(stream).await?;
        let h2 = secured.get_ref().1.alpn_protocol() == Some(b"h2");
        Ok((secured, h2))
    }
}
