//! The daemon: settings, shared parts, routes, and what keeps them fresh.

use std::sync::Arc;

use anyhow::Context as _;
use tokio_util::sync::CancellationToken;
use wellspring_daemon::actuator::show_breakers;
use wellspring_daemon::admin::{Denied, Tap};
use wellspring_daemon::{App, Context, Service};

use crate::actuator;
use crate::config::{Config, with_both_prefixes};
use crate::known;
use crate::operator::Operator;
use crate::platform::Platform;
use crate::proxy::Proxy;
use crate::route::refresh::Refresh;
use crate::route::source::files;
use crate::watch::tap::Wanted;

/// The gateway as an application.
#[must_use]
pub fn app() -> App {
    App::new("wellspring-gateway").own_workers().defaults(include_str!("defaults.yml")).build(build)
}

async fn build(cx: Context) -> anyhow::Result<Service> {
    for problem in known::strangers(&cx.env) {
        tracing::warn!("{}", problem.line());
    }
    let env = with_both_prefixes(&cx.env);
    let config = Config::read(&env)?;
    let platform = Arc::new(Platform::new(&config, &env, cx.client.clone(), &cx.meters)?);
    let proxy = Arc::new(Proxy::new(config, Arc::clone(&platform)));
    let refresh = Arc::new(Refresh::new(Arc::clone(&proxy), env, Some((cx.admin.clone(), cx.name.clone())))?);
    let pulled = refresh.pull().await;
    refresh.start()?;
    cx.actuator.add(actuator::endpoint(&refresh)).context("actuator endpoint gateway")?;
    show_breakers(&cx)?;
    cx.admin.show_tap(Taps(Arc::clone(&platform)));
    cx.admin.show_gateway(Operator { refresh: Arc::clone(&refresh), daemon: cx.name.clone() });
    follow_settings(&cx, &refresh);
    follow_discovery(&cx, &refresh);
    if !pulled {
        cx.tasks.spawn(pull_later(Arc::clone(&refresh)));
    }
    sweep(&cx, &platform);
    Ok(Service::direct(move |request, caller| {
        let proxy = Arc::clone(&proxy);
        async move { proxy.handle(request, caller).await }
    }))
}

/// A refresh of the configuration (its event, its endpoint, a file that was saved) brings new routes, all or none.
fn follow_settings(cx: &Context, refresh: &Arc<Refresh>) {
    let (following, refresher) = (Arc::clone(refresh), cx.refresher.clone());
    cx.refresher.on_change(move |changed: &[String]| {
        let ours = [
            "spring.cloud.gateway",
            "resilience4j",
            "spring.cloud.circuitbreaker",
            "spring.security",
            "wellspring.gateway",
        ];
        if changed.iter().any(|key| ours.iter().any(|prefix| key.starts_with(prefix))) {
            // A refused set is logged where it is refused.
            following.with(&refresher.env()).ok();
        }
    });
    if cx.env.get("wellspring.gateway.watch-files").as_deref() == Some("false") {
        return;
    }
    let refresher = cx.refresher.clone();
    cx.tasks.spawn(files::watch(&cx.env, move || {
        let refresher = refresher.clone();
        async move {
            match refresher.refresh().await {
                Ok(changed) => tracing::info!(changed = changed.len(), "a configuration file was saved"),
                Err(problem) => {
                    tracing::error!(problem = problem.line(), "saved configuration cannot be read")
                }
            }
        }
    }));
}

/// Routes of the discovery locator follow the services.
fn follow_discovery(cx: &Context, refresh: &Arc<Refresh>) {
    let key = format!("{}.discovery.locator.enabled", crate::config::PREFIX);
    if refresh.env().get(&key).as_deref() != Some("true") {
        return;
    }
    let refresh = Arc::clone(refresh);
    let mut services = cx.client.discovery().watch_services();
    cx.tasks.spawn(async move {
        while services.changed().await.is_ok() {
            refresh.follow_services();
        }
    });
}

/// Redis was away at the start: its routes come when it does.
async fn pull_later(refresh: Arc<Refresh>) {
    loop {
        tokio::time::sleep(std::time::Duration::from_secs(5)).await;
        if refresh.pull().await {
            // A refused set is logged where it is refused.
            refresh.again().ok();
            return;
        }
    }
}

/// `GET /api/v1/tap` on the admin listener: live requests as server-sent events.
struct Taps(Arc<Platform>);

impl Tap for Taps {
    fn follow(&self, query: &str, stopping: CancellationToken) -> Result<axum::response::Response, Denied> {
        let uri = http::Uri::try_from(format!("/?{query}")).unwrap_or_default();
        let pairs = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(&uri);
        let mut pairs = pairs.map_err(|error| Denied::Wrong("query", error.to_string()))?.0;
        // Which daemon was meant has been decided.
        pairs.retain(|(name, _)| name != "daemon");
        let wanted = Wanted::read(&pairs).map_err(|message| Denied::Wrong("query", message))?;
        Ok(self.0.watch.tap.answer(wanted, stopping))
    }
}

fn sweep(cx: &Context, platform: &Arc<Platform>) {
    let platform = Arc::clone(platform);
    let mut tick = tokio::time::interval(platform.upstreams.sweep_interval());
    cx.tasks.spawn(async move {
        loop {
            tick.tick().await;
            platform.upstreams.sweep();
        }
    });
}
