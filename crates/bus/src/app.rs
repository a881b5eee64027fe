//! `wellspring-bus`, the daemon: endpoints, webhooks, ack board, and the built-in transport for those without a broker.
//!
//! With RabbitMQ, everything that its subscribers send goes there, and what comes from there goes to them: Rust and JVM
//! services share one bus.

use std::sync::Arc;

use tracing::info;
use wellspring_daemon::health::Component;
use wellspring_daemon::{App, Context};

use crate::bus::{Bus, Options, Scope};
use crate::config::Choice;
use crate::events::Hub;
use crate::transport::memory::Exchange;
use crate::transport::{State, Transport};
use crate::webhook::Monitor;
use crate::{admin, http, metrics};

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
    let transport: Arc<dyn Transport> = match options.own.choice(&cx.env)? {
        Choice::Auto | Choice::Memory | Choice::Sse | Choice::Amqp => Arc::new(exchange.clone()),
    };
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
