//! An application joins its bus: one call.

use wellspring_daemon::Context;
use wellspring_daemon::health::Component;
use wellspring_properties::Problem;

use crate::transport::State;
use crate::{Bus, http, metrics};

/// Joins the bus that the properties name, and does what `spring-cloud-starter-bus` does: configuration follows refresh events
/// and environment changes, `/actuator/busrefresh`, `busenv` and `busshutdown` publish, health tells the broker's state. The bus
/// is left when the application ends. `None` with `spring.cloud.bus.enabled: false`.
///
/// ```no_run
/// # async fn build(cx: wellspring_daemon::Context) -> wellspring_daemon::Result<axum::Router> {
/// let bus = wellspring_bus::attach(&cx)?;
/// # Ok(axum::Router::new()) }
/// ```
pub fn attach(cx: &Context) -> Result<Option<Bus>, Problem> {
    let bus = Bus::from_env(&cx.env, cx.local_addr.port(), &cx.meters, Some(&cx.client))?;
    if let Some(bus) = &bus {
        mount(cx, bus)?;
    }
    Ok(bus)
}

pub(crate) fn mount(cx: &Context, bus: &Bus) -> Result<(), Problem> {
    bus.on_refresh(cx.refresher.clone());
    bus.on_shutdown(cx.tasks.stop_request());
    metrics::watch(&cx.meters, &bus.inner.transport);
    http::mount(&cx.actuator, bus)?;
    let (asked, leaving, end) = (bus.clone(), bus.clone(), cx.tasks.token());
    // The original's name where there is one.
    let name = if bus.transport() == "amqp" { "rabbit" } else { "bus" };
    cx.health.add(name, move || {
        let component = match asked.state() {
            State::Up => Component::up(),
            State::Down(reason) => Component::down().detail("error", reason),
        };
        std::future::ready(component.detail("transport", asked.transport()).detail("busId", asked.id()))
    });
    cx.tasks.spawn_to_end(async move {
        end.cancelled().await;
        leaving.close().await;
    });
    Ok(())
}
