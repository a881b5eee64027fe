//! `wellspring-bus`, the daemon: endpoints, webhooks, ack board, and the built-in transport for those without a broker.
//!
//! With RabbitMQ, everything that its subscribers send goes there, and what comes from there goes to them: Rust and JVM
//! services share one bus.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use tracing::info;
use wellspring_daemon::{App, Context};
use wellspring_lb_client::discovery::Discovery;
use wellspring_properties::Problem;

use crate::bus::{Bus, Options, Scope};
use crate::config::Choice;
use crate::events::Hub;
use crate::transport::Transport;
#[cfg(feature = "amqp")]
use crate::transport::amqp;
use crate::transport::bridge::Bridge;
#[cfg(feature = "kafka")]
use crate::transport::kafka;
use crate::transport::memory::Exchange;
use crate::transport::sse::Sse;
use crate::webhook::Monitor;
use crate::{admin, attach, journal, metrics, operator};

/// The daemon, not started yet.
pub fn app() -> App {
    App::new("wellspring-bus").defaults(include_str!("defaults.yml")).build(build)
}

async fn build(cx: Context) -> anyhow::Result<axum::Router> {
    let Some(mut options) = Options::from_env(&cx.env, cx.local_addr.port(), &cx.meters)? else {
        info!("spring.cloud.bus.enabled is false: no bus");
        return Ok(Monitor::from_env(&cx.env, None)?.router());
    };
    options.ack_log = Scope::Everyone(options.own.acks.events);
    let exchange = Exchange::new();
    let transport = transport(&cx, &options, &exchange)?;
    let hub = Hub {
        exchange,
        transport: Arc::clone(&transport),
        confirm_timeout: options.own.confirm_timeout,
        max_message_size: usize::try_from(options.own.max_message_size.bytes()).unwrap_or(usize::MAX),
        draining: cx.tasks.draining(),
    };
    let bus = Bus::start(options, transport);
    keep_board(&cx, &bus).await?;
    let discovery = cx.client.discovery();
    bus.expect(move || instances(&*discovery));
    attach::mount(&cx, &bus)?;
    metrics::watch_board(&cx.meters, &bus);
    admin::mount(&cx, &bus)?;
    operator::join(&cx, &bus);
    let router = hub.router().merge(Monitor::from_env(&cx.env, Some(bus.clone()))?.router());
    Ok(router)
}

/// `wellspring.bus.acks.file`.
async fn keep_board(cx: &Context, bus: &Bus) -> anyhow::Result<()> {
    let board = &bus.inner.own.acks;
    if board.file.is_empty() {
        return Ok(());
    }
    let kept = journal::keep(bus, Path::new(&board.file), board.events).await;
    let journal = kept.with_context(|| format!("wellspring.bus.acks.file: {} cannot be used", board.file))?;
    cx.tasks.spawn_to_end(journal.run(bus.clone(), cx.tasks.token()));
    Ok(())
}

/// Everyone whom the registry knows, as `application:port`.
fn instances(discovery: &dyn Discovery) -> Vec<String> {
    let of = |service: String| {
        let instances = discovery.instances(&service);
        instances.iter().map(|instance| format!("{service}:{}", instance.port())).collect::<Vec<_>>()
    };
    discovery.services().into_iter().flat_map(of).collect()
}

/// The daemon's own way; whatever it is, `exchange` has all that it delivers.
fn transport(cx: &Context, options: &Options, exchange: &Exchange) -> Result<Arc<dyn Transport>, Problem> {
    Ok(match options.own.choice(&cx.env)? {
        #[cfg(feature = "amqp")]
        Choice::Amqp => {
            let broker = amqp::from_env(&cx.env, options)?;
            Arc::new(Bridge::start(Arc::new(broker), exchange.clone()))
        }
        Choice::Sse => {
            // A daemon behind a daemon: acks are for its own board.
            let upstream = Sse::connect(cx.client.clone(), &options.own.url, true);
            Arc::new(Bridge::start(Arc::new(upstream), exchange.clone()))
        }
        #[cfg(feature = "kafka")]
        Choice::Kafka => {
            let broker = kafka::from_env(&cx.env, options)?;
            Arc::new(Bridge::start(Arc::new(broker), exchange.clone()))
        }
        // Without the feature, `choice` has refused the broker.
        _ => Arc::new(exchange.clone()),
    })
}
