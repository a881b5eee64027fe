//! Everything one process has with a registry: a session to fetch by, a session to register by.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;
use tokio_util::sync::CancellationToken;
use wellspring_properties::{Environment, Problem};
use wellspring_wire::eureka::json;

use super::Own;
use super::copy::Copy;
use super::fetch::{Fetch, Fetched};
use super::register::Registration;
use super::servers::in_order;
use super::settings::ClientSettings;
use super::transport::{Call, Transport};
use crate::discovery::Eureka;
use crate::http::{Options, client};
use crate::{Instance, codes};

/// A stream without a byte for this long is dead: ours sends a comment every 15 s.
const PUSH_SILENCE: Duration = Duration::from_secs(45);

/// A configured registry.
#[derive(Debug)]
pub(crate) struct Connection {
    settings: ClientSettings,
    discovery: Arc<Eureka>,
    /// Registration has a session of its own: a slow list does not hold up a heartbeat.
    registering: Arc<Transport>,
    fetched: Option<Fetched>,
}

impl Connection {
    /// Starts to fetch, where that is wanted.
    pub(crate) fn open(
        env: &Environment,
        settings: ClientSettings,
        stop: &CancellationToken,
    ) -> Result<Self, Problem> {
        // From DNS they come with the first request.
        let dns = settings.use_dns_for_fetching_service_urls;
        let servers = if dns { Ok(Vec::new()) } else { in_order(&settings) };
        let servers = servers.map_err(|(url, error)| {
            Problem::new(codes::URL, format!("eureka.client.service-url has no usable URL: {error}"))
                .found(without_credentials(&url))
                .hint("http://host:8761/eureka/")
        })?;
        let options = options(&settings);
        let failed = |error: reqwest::Error| Problem::new(codes::HTTP_CLIENT, error.to_string());
        let http = client(options.clone()).map_err(failed)?;
        let registering = Arc::new(Transport::new(http.clone(), servers.clone(), &settings));
        let discovery = Arc::new(Eureka::default());
        let mut fetched = None;
        if settings.fetch_registry {
            let push = env.get_as("wellspring.eureka.push")?.unwrap_or(true);
            let streams = Options { read_timeout: Some(PUSH_SILENCE), ..options };
            let push = if push { Some(client(streams).map_err(failed)?) } else { None };
            let transport = Arc::new(Transport::new(http, servers, &settings));
            let fetch = Fetch::new(transport, settings.clone(), push, Arc::clone(&discovery));
            fetched = Some(fetch.fetched());
            crate::task::spawn(fetch.run(stop.clone()));
        }
        Ok(Self { settings, discovery, registering, fetched })
    }

    pub(crate) fn settings(&self) -> &ClientSettings {
        &self.settings
    }

    pub(crate) fn discovery(&self) -> Arc<Eureka> {
        Arc::clone(&self.discovery)
    }

    pub(crate) fn registers(&self) -> bool {
        self.settings.registers()
    }

    pub(crate) fn fetched(&self) -> Option<&Fetched> {
        self.fetched.as_ref()
    }

    pub(crate) fn register(&self, own: Own) -> Registration {
        Registration::start(Arc::clone(&self.registering), own, &self.settings)
    }
}

/// The instances of one service, asked for once: before a client exists, when its own configuration is still to come.
pub(crate) async fn instances_of(settings: &ClientSettings, service: &str) -> Result<Vec<Instance>, String> {
    let mut settings = settings.clone();
    if settings.service_url.is_empty() && !settings.use_dns_for_fetching_service_urls {
        settings.service_url.insert("defaultZone".to_owned(), "http://localhost:8761/eureka/".to_owned());
    }
    let servers = in_order(&settings.located().await?).map_err(|(_, error)| error.to_string())?;
    let http = client(options(&settings)).map_err(|error| error.to_string())?;
    let transport = Transport::new(http, servers, &settings);
    let reply = transport.send(Call::Other, Method::GET, &["apps", ""], &[], None).await;
    let reply = reply.map_err(|error| error.to_string())?;
    let all = json::read_listed(&reply.body).map_err(|error| error.to_string())?;
    let mut copy = Copy::default();
    copy.replace(all);
    Ok(copy.lists(true).0.remove(&service.to_lowercase()).unwrap_or_default())
}

fn options(settings: &ClientSettings) -> Options {
    Options {
        connect_timeout: Duration::from_secs(settings.eureka_server_connect_timeout_seconds),
        read_timeout: Some(Duration::from_secs(settings.eureka_server_read_timeout_seconds)),
        redirects: if settings.allow_redirects { 10 } else { 0 },
        idle_timeout: Duration::from_secs(settings.eureka_connection_idle_timeout_seconds),
        ..Options::default()
    }
}

/// A URL as it may be shown.
pub(crate) fn without_credentials(url: &str) -> String {
    match (url.find("://"), url.rfind('@')) {
        (Some(scheme), Some(at)) if at > scheme => {
            let (head, tail) = (url.get(..scheme + 3), url.get(at..));
            format!("{}******{}", head.unwrap_or_default(), tail.unwrap_or_default())
        }
        _ => url.to_owned(),
    }
}
