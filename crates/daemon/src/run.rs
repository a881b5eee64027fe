//! The order of start and stop, and nowhere else.
//!
//! Start: settings → logs → port → context → build → accept → ready → registry. Stop: readiness down → leave the
//! registry → stop accepting → drain → tasks.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use wellspring_lb_client::Client;
use wellspring_lb_client::config::Refresher;
use wellspring_properties::{Environment, value};
use wellspring_telemetry::names;
use wellspring_telemetry::scope::{self, Scope};

use crate::actuator::{self, Actuator, HealthView};
use crate::boot::Boot;
use crate::front::Front;
use crate::management::{self, Management};
use crate::serve::{self, Entrance, Server, Serving, Shutdown, Tls, Trusted};
use crate::{
    App, Context, Health, Patterns, Service, StartError, Tasks, indicators, instruments, join, logging,
};
use crate::{operator, settings, tracing_settings, worker};

/// How long leaving the registry may take.
const FAREWELL: Duration = Duration::from_secs(5);

/// How long the first look at the registry may delay readiness.
const FIRST_FETCH: Duration = Duration::from_secs(2);

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
    management: Option<Serving>,
    admin: Option<Serving>,
    grace: Duration,
    shutdown: Shutdown,
    asked: CancellationToken,
}

/// From settings to a serving application.
pub(crate) async fn start(app: App, boot: Boot, env: Environment) -> Result<Running, StartError> {
    let name = env.get("spring.application.name").filter(|own| !own.is_empty());
    let name = name.unwrap_or_else(|| app.name.clone());
    let scope = Scope { app: name.as_str().into(), tracer: None, trace: None };
    // Boxed: the whole start is one large state machine, and callers hold it.
    Box::pin(scope::within(scope, begin(app, boot, env, name))).await
}

async fn begin(mut app: App, boot: Boot, env: Environment, name: String) -> Result<Running, StartError> {
    let began = Instant::now();
    let logs = logging::install(&env, &name, tracing_settings::exports(&env))?;
    let (server, unknown) = env.bind_checked::<Server>("server");
    let server = server?;
    settings::report(&unknown);
    let lifecycle: Lifecycle = env.bind("spring.lifecycle")?;
    let (listener, local_addr) = serve::bind(
        server.address,
        server.port,
        server.tomcat.accept_count,
        &name,
        &boot.key("server.port"),
    )?;
    let management = Management::from_env(&env, &server)?;
    let context = context(&boot, env, name, local_addr)?;
    let tls = Tls::from_env(&context.env, "server.ssl", &context.tasks)?;
    logs.count_into(&context.meters);
    instruments::install(&context.meters, began);
    indicators::install(&context, &boot)?;
    let asked = context.tasks.stop_request();
    let health = HealthView::new(&context.env, context.health.clone())?;
    actuator::mount(&context, &health, &logs, &app, &asked)?;
    operator::join(&context);
    let service = build(&mut app, &context).await?;
    context.meters.gauge(names::APPLICATION_STARTED_TIME, &[]).set(began.elapsed().as_secs_f64());

    let front = Front::new(&context, health, server.servlet.context_path())?;
    let admin = operator::serve(&context, &front, &server)?;
    let (public, management) = match management {
        Management::Shared => (front.serving(service).with_actuator(&context), None),
        Management::Off => (front.serving(service), None),
        Management::Own { port, address, base_path } => {
            let key = boot.key("management.server.port");
            let bound = serve::bind(address, port, server.tomcat.accept_count, &context.name, &key)?;
            let tls = Tls::from_env(&context.env, "management.server.ssl", &context.tasks)?;
            let own = front.clone().at(base_path).with_actuator(&context);
            (
                front.serving(service),
                Some(serve::started(Serving::start(
                    bound,
                    Arc::new(own),
                    &server,
                    Entrance { tls, ..Entrance::default() },
                ))?),
            )
        }
    };
    let workers = if app.own_workers {
        Some(context.env.get_as("wellspring.threads")?.unwrap_or_else(worker::count))
    } else {
        None
    };
    let refused = context.meters.counter(names::SERVER_CONNECTIONS_REFUSED, &[]);
    let entrance = Entrance { tls, workers, proxies: Trusted::from_env(&context.env)?, refused };
    let public = serve::started(Serving::start((listener, local_addr), Arc::new(public), &server, entrance))?;
    public.measure(&context.meters);
    let grace = lifecycle.timeout_per_shutdown_phase;
    let running = Running { context, public, management, admin, grace, shutdown: server.shutdown, asked };
    running.become_ready(began).await?;
    Ok(running)
}

fn context(
    boot: &Boot,
    env: Environment,
    name: String,
    local_addr: SocketAddr,
) -> Result<Context, StartError> {
    let (meters, tasks) = (management::meters(&env)?, Tasks::default());
    let client = Client::from_env(&env, &meters)?;
    let again = boot.clone();
    let reload = move || {
        let boot = again.clone();
        Box::pin(async move { boot.load().await }) as Pin<Box<dyn Future<Output = _> + Send>>
    };
    let refresher = Refresher::new(env.clone(), Box::new(reload));
    refresher.watch(tasks.token())?;
    client.follow(&refresher);
    let admin = operator::admin(boot.admin(), &env)?;
    let actuator = Actuator::new(&env)?;
    let events = actuator.exposes("circuitbreakerevents");
    Ok(Context {
        actuator,
        patterns: Patterns::watch(&name, &client, &admin, &tasks, events),
        admin,
        tracer: tracing_settings::tracer(&env, &name, &meters, &tasks)?,
        refresher,
        health: Health::new(&env)?,
        name,
        local_addr,
        meters,
        tasks,
        client,
        env,
    })
}

async fn build(app: &mut App, context: &Context) -> Result<Service, StartError> {
    let Some(build) = app.build.take() else { return Ok(Service::from(axum::Router::new())) };
    let app = context.name.as_str().into();
    let scope = Scope { app, tracer: Some(context.tracer.clone()), trace: None };
    let built = scope::within(scope, build(context.clone())).await;
    built.map_err(|source| StartError::Build { name: context.name.clone(), source })
}

impl Running {
    /// Where the application listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.public.local_addr
    }

    /// Where the admin API listens, if this application serves it.
    pub fn admin_addr(&self) -> Option<SocketAddr> {
        self.admin.as_ref().map(|admin| admin.local_addr)
    }

    /// Where the actuator listens: `management.server.port`, else the application's own address.
    pub fn management_addr(&self) -> SocketAddr {
        self.management.as_ref().unwrap_or(&self.public).local_addr
    }

    pub fn context(&self) -> &Context {
        &self.context
    }

    /// Completes when somebody inside asked for a stop (`POST /actuator/shutdown`); the caller then calls [`Running::stop`].
    pub async fn wait(&self) {
        self.asked.cancelled().await;
    }

    async fn become_ready(&self, began: Instant) -> Result<(), StartError> {
        let Context { name, env, client, meters, health, .. } = &self.context;
        let address = self.public.local_addr;
        // With the registry at hand the first calls find their services; without it the start does not wait.
        if let Ok(fetched) = tokio::time::timeout(FIRST_FETCH, client.first_fetch()).await {
            fetched?;
        }
        health.set_ready(true);
        let took = began.elapsed();
        meters.gauge(names::APPLICATION_READY_TIME, &[]).set(took.as_secs_f64());
        info!(port = address.port(), millis = u64::try_from(took.as_millis()).unwrap_or(0), "{name} started");
        operator::note(&self.context, "started", format!("{name} listens on {address}"));
        join::join(client, env, address, self.public.is_secure(), &self.context.admin).await?;
        Ok(())
    }

    /// Drains and ends. Requests in flight get `spring.lifecycle.timeout-per-shutdown-phase`.
    pub async fn stop(self) {
        let app = self.context.name.as_str().into();
        Box::pin(scope::within(Scope { app, tracer: None, trace: None }, self.end())).await;
    }

    async fn end(self) {
        let Context { health, tasks, name, client, .. } = &self.context;
        health.set_ready(false);
        operator::note(&self.context, "stopping", format!("{name} stops"));
        join::leave(client, FAREWELL).await;
        tasks.draining().cancel();
        let grace = if self.shutdown == Shutdown::Graceful { self.grace } else { Duration::ZERO };
        let left = self.public.drain(grace).await;
        if left > 0 {
            warn!(connections = left, "requests were cut off when the grace time was over");
        }
        // The actuator answers until the application is done: readiness can be watched.
        if let Some(management) = &self.management {
            management.drain(grace).await;
        }
        if let Some(admin) = &self.admin {
            admin.drain(grace).await;
        }
        self.context.admin.remove_part(name);
        if !tasks.end(self.grace).await {
            warn!("background tasks did not end in time");
        }
        info!("{name} stopped");
    }
}
