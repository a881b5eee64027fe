//! `wellspring-bus`, the daemon: endpoints, webhooks, ack board, and the built-in transport for those without a broker.
//!
//! With RabbitMQ, everything that its subscribers send goes there, and what comes from there goes to them: Rust and JVM
//! services share one bus.

use std::sync::Arc;

use tracing::info;
use wellspring_daemon::health::Component;
use wellspring_daemon::{App, Context};
use wellspring_properties::Problem;

use crate::bus::{Bus, Options, Scope};
use crate::config::Choice;
use crate::events::Hub;
#[cfg(feature = "amqp")]
use crate::transport::amqp::Amqp;
use crate::transport::bridge::Bridge;
use crate::transport::memory::Exchange;
use crate::transport::sse::Sse;
use crate::transport::{State, Transport};
use crate::webhook::Monitor;
use crate::{admin, http, join, metrics};

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
    metrics::watch(&cx.meters, &transport);
    let hub = Hub {
        exchange,
        transport: Arc::clone(&transport),
        confirm_timeout: options.own.confirm_timeout,
        max_message_size: usize::try_from(options.own.max_message_size.bytes()).unwrap_or(usize::MAX),
        draining: cx.tasks.draining(),
    };
    let bus = Bus::start(options, transport);
    report_health(&cx, &bus);
    http::mount(&cx.actuator, &bus)?;
    admin::mount(&cx, &bus)?;
    let router = hub.router().merge(Monitor::from_env(&cx.env, Some(bus.clone()))?.router());
    let end = cx.tasks.token();
    cx.tasks.spawn_to_end(async move {
        end.cancelled().await;
        bus.close().await;
    });
    Ok(router)
}

/// The daemon's own way; whatever it is, `exchange` has all that it delivers.
fn transport(cx: &Context, options: &Options, exchange: &Exchange) -> Result<Arc<dyn Transport>, Problem> {
    Ok(match options.own.choice(&cx.env)? {
        #[cfg(feature = "amqp")]
        Choice::Amqp => {
            let broker = Amqp::from_env(&cx.env, &options.config, &options.id)?;
            Arc::new(Bridge::start(Arc::new(broker), exchange.clone()))
        }
        Choice::Sse => {
            // A daemon behind a daemon: acks are for its own board.
            let client = join::plain_client()?;
            Arc::new(Bridge::start(Arc::new(Sse::connect(client, &options.own.url, true)), exchange.clone()))
        }
        // Without the feature, `choice` has refused AMQP.
        _ => Arc::new(exchange.clone()),
    })
}

fn report_health(cx: &Context, bus: &Bus) {
    let bus = bus.clone();
    cx.health.add("bus", move || {
        let component = match bus.state() {
            State::Up => Component::up(),
            State::Down(reason) => Component::down().detail("error", reason),
        };
        std::future::ready(component.detail("transport", bus.transport()).detail("id", bus.id()))
    });
}
