//! The registry as an application: settings, node, timers, paths.

use std::sync::Arc;

use tokio::time::{MissedTickBehavior, interval_at};
use wellspring_daemon::{App, Context, Service};

use crate::Node;
use crate::config::{Config, millis};
use crate::http::Api;

/// What `wellspring-registry` runs.
pub fn app() -> App {
    App::new("wellspring-registry")
        .version(env!("CARGO_PKG_VERSION"))
        .defaults(include_str!("defaults.yml"))
        .build(|context: Context| async move { build(&context) })
}

fn build(context: &Context) -> anyhow::Result<Service> {
    let config = Config::bind(&context.env)?;
    let own_id = context.env.get("eureka.instance.instance-id").unwrap_or_default();
    let node = Arc::new(Node::new(config.rules(&own_id)));
    node.with(|state, now| state.open(0, now));
    timers(context, &config, &node);
    let api = Api::new(node, &config.context_path, !config.server.disable_delta);
    Ok(Service::new(move |request| {
        let api = api.clone();
        async move { api.answer(request).await }
    }))
}

/// Eviction and the sweeping of the delta.
fn timers(context: &Context, config: &Config, node: &Arc<Node>) {
    let every = |period| {
        let mut timer = interval_at(tokio::time::Instant::now() + period, period);
        timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
        timer
    };
    let mut eviction = every(millis(config.server.eviction_interval_timer_in_ms));
    let evicted = Arc::clone(node);
    context.tasks.spawn(async move {
        loop {
            eviction.tick().await;
            evicted.evict();
        }
    });
    let mut sweep = every(millis(config.server.delta_retention_timer_interval_in_ms));
    let swept = Arc::clone(node);
    context.tasks.spawn(async move {
        loop {
            sweep.tick().await;
            swept.with(|state, now| state.sweep_recent(now));
        }
    });
}
