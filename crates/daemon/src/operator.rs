//! The application as the operator sees it: a part of the admin API, which one application of the process serves.

use std::net::SocketAddr;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use tracing::{info, warn};
use wellspring_admin::events::New;
use wellspring_admin::{Admin, Instance, Part, Service, Services, Settings, Topic, api, console};
use wellspring_lb_client::discovery::Discovery;
use wellspring_properties::Environment;

use crate::front::Front;
use crate::health::{Component, Status};
use crate::serve::{self, Entrance, Server, Serving};
use crate::{Context, Health, StartError};

const BACKLOG: i32 = 128;

/// The admin handle of an application: the process's, or one of its own.
pub(crate) fn admin(shared: Option<Admin>, env: &Environment) -> Result<Admin, StartError> {
    match shared {
        Some(admin) => Ok(admin),
        None => Ok(Admin::new(Settings::from_env(env)?.log()?)),
    }
}

/// Hands in what this application knows.
pub(crate) fn join(context: &Context) {
    let Context { admin, name, health, local_addr, client, refresher, .. } = context;
    admin.add_part(Own { name: name.clone(), address: *local_addr, health: health.clone() });
    admin.add_resilience(context.patterns.clone());
    // The registry's own state, where it runs in this process, is shown instead.
    admin.offer_services(Discovered(client.discovery()));
    let (log, daemon) = (admin.clone(), name.clone());
    refresher.on_change(move |keys| {
        let event = New::of(Topic::Config, "refreshed", &daemon, &daemon);
        log.record(event.text(format!("{} settings changed", keys.len())).data(keys.to_vec()));
    });
}

/// Notes a step of the application's life.
pub(crate) fn note(context: &Context, kind: &str, text: String) {
    let name = &context.name;
    context.admin.record(New::of(Topic::Daemon, kind, name, name).text(text));
}

/// Serves the API when `wellspring.admin.address` asks for it and no other application of the process does already.
pub(crate) fn serve(
    context: &Context,
    front: &Front,
    server: &Server,
) -> Result<Option<Serving>, StartError> {
    let settings = Settings::from_env(&context.env)?;
    if settings.address.is_none() || !context.admin.claim_listener() {
        return Ok(None);
    }
    context.admin.call_with(context.client.http().clone());
    let access = settings.access(&context.env)?;
    let router = api::router(context.admin.clone(), access.clone(), context.tasks.draining());
    let router = router.merge(console::router(settings.console_dir.clone()));
    let front = front.clone().at(String::new()).serving(router.into());
    let mut refused = None;
    for address in settings.candidates() {
        let key = "wellspring.admin.address";
        match serve::bind(Some(address.ip()), address.port(), BACKLOG, "the admin API", key) {
            Ok(bound) => {
                info!(address = %bound.1, "admin API and console");
                context.admin.join(settings.membership(bound.1));
                if let Some(key) = access.one_time_key() {
                    info!(
                        "nobody can sign in yet: http://{}/#key={key} makes the first administrator",
                        bound.1
                    );
                }
                context.tasks.spawn(context.admin.clone().watch());
                return Ok(Some(serve::started(Serving::start(
                    bound,
                    Arc::new(front),
                    server,
                    Entrance::default(),
                ))?));
            }
            Err(problem) => refused = Some(problem),
        }
    }
    if let Some(problem) = refused {
        warn!(problem = problem.line(), "the admin API has no port");
    }
    Ok(None)
}

struct Own {
    name: String,
    address: SocketAddr,
    health: Health,
}

impl Part for Own {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn address(&self) -> String {
        self.address.to_string()
    }

    fn health(&self) -> BoxFuture<'_, wellspring_admin::Health> {
        Box::pin(async {
            let report = self.health.report(|_| true, &Status::default_order()).await;
            wellspring_admin::Health {
                name: self.name(),
                address: self.address(),
                status: report.status.to_string(),
                components: report.components.into_iter().map(|(name, one)| (name, shown(one))).collect(),
            }
        })
    }
}

fn shown(component: Component) -> wellspring_admin::Component {
    let nested = component.components.map(|children| {
        let children = children.into_iter().map(|(name, child)| {
            let details = child.details.unwrap_or_default();
            (name, serde_json::json!({"status": child.status.to_string(), "details": details}))
        });
        serde_json::Value::Object(children.collect())
    });
    let own = component.details.map(|details| serde_json::Value::Object(details.into_iter().collect()));
    wellspring_admin::Component {
        status: component.status.to_string(),
        description: component.description,
        details: own.or(nested),
    }
}

/// Services as a client has fetched them: what is missing here, only the registry knows.
struct Discovered(Arc<dyn Discovery>);

impl Services for Discovered {
    fn services(&self) -> Vec<Service> {
        let describe = |name: String| {
            let instances = self.0.instances(&name);
            let instances = instances.iter().map(|one| Instance {
                id: one.instance_id().to_owned(),
                host: one.host().to_owned(),
                ip: one.host().to_owned(),
                port: one.port(),
                secure: one.secure(),
                // Clients keep what is UP.
                status: "UP".to_owned(),
                zone: one.zone().map(str::to_owned),
                metadata: one.metadata().iter().map(|(key, value)| (key.clone(), value.clone())).collect(),
                ..Instance::default()
            });
            let instances = instances.collect();
            Service::new(name, instances)
        };
        self.0.services().into_iter().map(describe).collect()
    }
}
