//! The registry as an application: settings, node, peers, timers, paths.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use futures_util::FutureExt as _;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};
use wellspring_daemon::{App, Context, Service};
use wellspring_lb_client::eureka::Own;
use wellspring_lb_client::http::{Options, client};
use wellspring_properties::{Problem, codes};
use wellspring_wire::Millis;

use crate::access::Access;
use crate::config::{Config, millis};
use crate::dashboard::About;
use crate::dns;
use crate::http::Api;
use crate::metrics;
use crate::peers::join::join;
use crate::peers::region::{self, Regions};
use crate::record::{self, EventLog};
use crate::response_cache::ResponseCache;
use crate::{Clock, Node};

/// What `wellspring-registry` runs.
pub fn app() -> App {
    App::new("wellspring-registry")
        .version(env!("CARGO_PKG_VERSION"))
        .defaults(include_str!("defaults.yml"))
        .build(|context: Context| build(context).boxed())
}

async fn build(context: Context) -> anyhow::Result<Service> {
    let config = Config::bind(&context.env)?;
    let secure = context.env.get_as::<bool>("server.ssl.enabled")?.unwrap_or(false);
    let own = Own::from_env(&context.env, context.local_addr, secure).await?.info;
    let life = Duration::from_millis(config.server.max_time_for_replication);
    let regions = Regions::new(&config.server).map_err(|(name, error)| {
        let key = format!("eureka.server.remote-region-urls-with-name.{name}");
        Problem::new(codes::TYPE_MISMATCH, format!("{key} is no URL: {error}")).at(context.env.origin(&key))
    })?;
    let node = Node::new(config.rules(own.id()), life, Clock::default()).beside(regions);
    let node = Arc::new(node);
    if !node.regions().is_empty() {
        let period = Duration::from_secs(config.server.remote_region_registry_fetch_interval.max(1));
        context.tasks.spawn(region::run(Arc::clone(&node), client(Options::default())?, period));
    }
    let access = Access::from_env(&context.env, &config.access)?;
    warn_when_open(&context, &access);
    let known = remember(&context, &config, &access, &node).await?;
    join(&context, &config, &node, &own, known).await?;
    dns::start(&context, &config.dns, &node, &own.ip_addr).await?;
    timers(&context, &config, &node);
    metrics::publish(&context.meters, &node);
    crate::admin::show(&context, &config, &node)?;
    let stale = config.list_interval.map(|interval| Arc::new(ResponseCache::new(interval)));
    if let Some(stale) = &stale {
        tracing::info!(interval = ?config.list_interval.unwrap_or_default(), "stock clients get lists as old as the original's");
        context.tasks.spawn(Arc::clone(stale).run(Arc::clone(&node)));
    }
    let about = About { config, own, started: Millis::now() };
    let api = Api::new(node, Arc::new(about), access, stale, context.tasks.draining());
    Ok(Service::new(move |request| {
        let api = api.clone();
        async move { api.answer(request).await }
    }))
}

/// Starts the event log and begins with what was known before, when there is a directory for it; how much that was.
async fn remember(
    context: &Context,
    config: &Config,
    access: &Access,
    node: &Arc<Node>,
) -> anyhow::Result<usize> {
    let Some(directory) = config.record.state_directory.clone() else { return Ok(0) };
    let ended = context.tasks.token();
    let settings = config.record.clone();
    let opened = EventLog::open(&directory, settings.event_log.clone(), access.names(), ended.clone());
    let (log, last, writer) = opened
        .await
        .with_context(|| format!("wellspring.registry.state-directory {}", directory.display()))?;
    node.go_on_after(last);
    let known = record::load(node, &directory).await;
    node.log_to(log);
    context.tasks.spawn_to_end(writer);
    context.tasks.spawn_to_end(record::keep(Arc::clone(node), directory, settings, ended));
    Ok(known)
}

/// As the original is open, so are we; other machines are another matter.
fn warn_when_open(context: &Context, access: &Access) {
    let certified =
        context.env.get("server.ssl.client-auth").is_some_and(|auth| auth.eq_ignore_ascii_case("need"));
    if access.is_open() && !certified && !context.local_addr.ip().is_loopback() {
        tracing::warn!(
            address = %context.local_addr,
            "anybody who reaches this address can change the registry: set wellspring.registry.access.users or server.address"
        );
    }
}

fn every(period: Duration) -> Interval {
    let mut timer = interval_at(Instant::now() + period, period);
    timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
    timer
}

/// Eviction, the sweeping of the delta, and the expectation of renewals.
fn timers(context: &Context, config: &Config, node: &Arc<Node>) {
    let spawn = |period: u64, action: fn(&Node)| {
        let mut timer = every(millis(period));
        let node = Arc::clone(node);
        context.tasks.spawn(async move {
            loop {
                timer.tick().await;
                action(&node);
            }
        });
    };
    spawn(config.server.eviction_interval_timer_in_ms, Node::evict);
    spawn(config.server.delta_retention_timer_interval_in_ms, |node| {
        node.with(|state, now| state.sweep_recent(now));
    });
    spawn(config.server.renewal_threshold_update_interval_ms, |node| {
        // Who copies from nobody knows nobody, and keeps its expectation.
        let fetches = !node.peers().is_empty();
        node.with(|state, _| state.update_expectation(if fetches { state.len() } else { 0 }));
    });
}
