//! The order of start and stop, and nowhere else.
//!
//! Start: settings → port → context → build → accept → ready. Stop: readiness down → stop accepting → drain → tasks.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use wellspring_properties::{Environment, value};
use wellspring_telemetry::{Meters, names};

use crate::actuator::{self, Actuator, HealthView};
use crate::front::Front;
use crate::health::Component;
use crate::serve::{self, Server, Serving, Shutdown};
use crate::{App, Context, Health, Service, StartError, Tasks};

/// `spring.lifecycle`.
#[derive(Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct Lifecycle {
    #[serde(with = "value::duration_millis")]
    timeout_per_shutdown_phase: Duration,
}

impl Default for Lifecycle {
    fn default() -> Self {
        Self { timeout_per_shutdown_phase: Duration::from_secs(30) }
    }
}

/// An application that serves.
#[derive(Debug)]
pub struct Running {
    context: Context,
    public: Serving,
    grace: Duration,
    shutdown: Shutdown,
    asked: CancellationToken,
}

/// From settings to a serving application.
pub(crate) async fn start(mut app: App, env: Environment) -> Result<Running, StartError> {
    let began = Instant::now();
    let server: Server = env.bind("server")?;
    let lifecycle: Lifecycle = env.bind("spring.lifecycle")?;
    let name =
        env.get("spring.application.name").filter(|own| !own.is_empty()).unwrap_or_else(|| app.name.clone());
    let (listener, local_addr) =
        serve::bind(server.address, server.port, server.tomcat.accept_count, &name, "server.port")?;
    let context = Context {
        actuator: Actuator::new(&env)?,
        env,
        name: name.clone(),
        local_addr,
        meters: Meters::default(),
        tasks: Tasks::default(),
        health: Health::default(),
    };
    context.health.add("ping", || async { Component::up() });
    let health = HealthView::new(&context.env, context.health.clone())?;
    actuator::mount(&context, &health, &app)?;
    let service = match app.build.take() {
        Some(build) => build(context.clone()).await.map_err(|source| StartError::Build { name, source })?,
        None => Service::from(axum::Router::new()),
    };
    let front = Arc::new(Front {
        service: Some(service),
        actuator: Some(context.actuator.clone()),
        health,
        context_path: server.servlet.context_path(),
    });
    let public = Serving::start(listener, local_addr, front, &server);
    context.health.set_ready(true);
    let took = began.elapsed();
    context.meters.gauge(names::APPLICATION_READY_TIME, &[]).set(took.as_secs_f64());
    info!(port = local_addr.port(), millis = took.as_millis(), "{} started", context.name);
    Ok(Running {
        context,
        public,
        grace: lifecycle.timeout_per_shutdown_phase,
        shutdown: server.shutdown,
        asked: CancellationToken::new(),
    })
}

impl Running {
    /// Where the application listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.public.local_addr
    }

    pub fn context(&self) -> &Context {
        &self.context
    }

    /// Completes when somebody inside asked for a stop (`POST /actuator/shutdown`); the caller then calls [`Running::stop`].
    pub async fn wait(&self) {
        self.asked.cancelled().await;
    }

    /// Drains and ends. Requests in flight get `spring.lifecycle.timeout-per-shutdown-phase`.
    pub async fn stop(self) {
        let Context { health, tasks, name, .. } = &self.context;
        health.set_ready(false);
        tasks.draining().cancel();
        let grace = if self.shutdown == Shutdown::Graceful { self.grace } else { Duration::ZERO };
        let left = self.public.drain(grace).await;
        if left > 0 {
            warn!(connections = left, "requests were cut off when the grace time was over");
        }
        if !tasks.end(self.grace).await {
            warn!("background tasks did not end in time");
        }
        info!("{name} stopped");
    }
}
