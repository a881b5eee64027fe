//! The daemon: settings, shared parts, routes, and what keeps them fresh.

use std::sync::Arc;

use anyhow::Context as _;
use wellspring_daemon::{App, Context, Service};

use crate::actuator;
use crate::config::{Config, with_both_prefixes};
use crate::platform::Platform;
use crate::proxy::Proxy;
use crate::route::refresh::Refresh;

/// The gateway as an application.
#[must_use]
pub fn app() -> App {
    App::new("wellspring-gateway").defaults(include_str!("defaults.yml")).build(build)
}

async fn build(cx: Context) -> anyhow::Result<Service> {
    let env = with_both_prefixes(&cx.env);
    let config = Config::read(&env)?;
    let client = wellspring_lb_client::Client::from_env(&env, &cx.meters)?;
    let platform = Arc::new(Platform::new(&config, &env, client, &cx.meters)?);
    let proxy = Arc::new(Proxy::new(config, Arc::clone(&platform)));
    let refresh = Arc::new(Refresh::new(Arc::clone(&proxy), env));
    refresh.start()?;
    cx.actuator.add(actuator::endpoint(&refresh)).context("actuator endpoint gateway")?;
    follow_discovery(&cx, &refresh);
    sweep(&cx, &platform);
    Ok(Service::new(move |request| {
        let proxy = Arc::clone(&proxy);
        async move { proxy.handle(request).await }
    }))
}

/// Routes of the discovery locator follow the services.
fn follow_discovery(cx: &Context, refresh: &Arc<Refresh>) {
    let key = format!("{}.discovery.locator.enabled", crate::config::PREFIX);
    if refresh.env().get(&key).as_deref() != Some("true") {
        return;
    }
    let refresh = Arc::clone(refresh);
    let mut services = refresh.proxy().platform.client.discovery().watch_services();
    cx.tasks.spawn(async move {
        while services.changed().await.is_ok() {
            // A refused set is logged where it is refused.
            refresh.again().ok();
        }
    });
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
