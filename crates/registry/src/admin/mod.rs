//! The operator's view of the registry and hand on it: every instance with its lease, whatever its status; drain and the like.

mod cluster;
mod holds;
mod news;
mod shown;

use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use wellspring_daemon::Context;
use wellspring_daemon::admin::events::New;
use wellspring_daemon::admin::registry::{Cluster, Hold, Registry, Resynced, SelfPreservation};
use wellspring_daemon::admin::{Denied, Instance, METADATA, Service, Services, Topic};
use wellspring_lb_client::http::{Options, client};
use wellspring_wire::eureka::{Application, InstanceInfo, Metadata, Status};

use crate::config::Config;
use crate::{Caller, Node};
use holds::{Held, Holds, Key};
pub(crate) use news::News;

/// What is registered here. Cloning shares it.
#[derive(Clone)]
struct Operated {
    node: Arc<Node>,
    holds: Arc<Holds>,
    config: Arc<Config>,
    http: reqwest::Client,
    /// Its name, for events.
    daemon: String,
}

/// Hands the registry to the operator, and ends what was only meant for a time.
pub(crate) fn show(context: &Context, config: &Config, node: &Arc<Node>) -> anyhow::Result<()> {
    let holds = Arc::new(Holds::open(config.record.state_directory.clone()));
    let (news, noted) = News::new(&context.admin, &context.name);
    node.tell(news);
    context.tasks.spawn(noted);
    let http = client(Options::default())?;
    let (node, config, daemon) = (Arc::clone(node), Arc::new(config.clone()), context.name.clone());
    let operated = Operated { node, holds, config, http, daemon };
    context.admin.show_services(operated.clone());
    context.admin.show_registry(operated.clone());
    let admin = context.admin.clone();
    context.tasks.spawn(async move {
        loop {
            let (key, held) = operated.holds.ended().await;
            operated.lift(&key, Some(&held));
            let event =
                New::of(Topic::Registry, "hold-ended", &operated.daemon, &format!("{}/{}", key.0, key.1));
            let text = format!("{} was out of service for the time that {} had set", key.1, held.hold.by);
            admin.record(event.text(text).of_application(key.0));
        }
    });
    Ok(())
}

impl Services for Operated {
    fn services(&self) -> Vec<Service> {
        let applications = self.node.with(|state, _| state.applications());
        let holds = self.holds.all();
        let describe = |application: Application| {
            let instances = application.instances.iter().map(|info| {
                let held = if holds.is_empty() { None } else { holds.get(&key(info)) };
                shown::instance(info, held)
            });
            let instances = instances.collect();
            Service::new(application.name, instances)
        };
        applications.into_iter().map(describe).collect()
    }

    fn announced(&self) -> Vec<(String, String)> {
        let mut all = Vec::new();
        for application in self.node.with(|state, _| state.applications()) {
            let urls = application.instances.iter().filter_map(|info| info.metadata.get(METADATA));
            all.extend(urls.map(|url| (application.name.clone(), url.clone())));
        }
        all
    }
}

impl Registry for Operated {
    fn daemon(&self) -> String {
        self.daemon.clone()
    }

    fn instance(&self, application: &str, id: &str) -> Option<Instance> {
        let info = self.find(application, id).ok()?;
        Some(shown::instance(&info, self.holds.of(&key(&info)).as_ref()))
    }

    fn drain(&self, application: &str, id: &str, hold: Hold) -> Result<Instance, Denied> {
        let info = self.find(application, id)?;
        let key = key(&info);
        // A second drain keeps what the instance said before the first.
        let before = self.holds.of(&key).filter(|_| info.overridden_status == Status::OutOfService);
        let own = before.map_or_else(|| info.status.to_string(), |held| held.own);
        let (node, out) = (&self.node, Status::OutOfService);
        if !node.override_status(&info.app, info.id(), out, None, Caller::CLIENT) {
            return Err(unknown(id));
        }
        self.holds.put(key, Held { hold, own });
        self.now(&info)
    }

    fn undrain(&self, application: &str, id: &str) -> Result<Instance, Denied> {
        let info = self.find(application, id)?;
        if info.overridden_status == Status::Unknown {
            let why = format!("{id} is {} by its own word, nothing was set from outside", info.status);
            return Err(Denied::Conflict(why));
        }
        let key = key(&info);
        let held = self.holds.take(&key);
        self.lift(&key, held.as_ref());
        self.now(&info)
    }

    fn remove(&self, application: &str, id: &str) -> Result<Instance, Denied> {
        let info = self.find(application, id)?;
        let held = self.holds.take(&key(&info));
        let gone = shown::instance(&info, held.as_ref());
        if !self.node.cancel(&info.app, info.id(), Caller::CLIENT) {
            return Err(unknown(id));
        }
        Ok(gone)
    }

    fn label(&self, application: &str, id: &str, name: &str, value: &str) -> Result<Instance, Denied> {
        let info = self.find(application, id)?;
        let pairs = Metadata::from_iter([(name.to_owned(), value.to_owned())]);
        if !self.node.merge_metadata(&info.app, info.id(), pairs, Caller::CLIENT) {
            return Err(unknown(id));
        }
        self.now(&info)
    }

    fn cluster(&self) -> Cluster {
        cluster::shown(&self.node, &self.config)
    }

    fn resync(&self, peer: Option<String>) -> BoxFuture<'_, Result<Resynced, Denied>> {
        cluster::resync(&self.node, &self.http, peer).boxed()
    }

    fn accept(&self) -> SelfPreservation {
        self.node.with(|state, _| state.accept_size());
        cluster::self_preservation(&self.node, &self.config)
    }
}

impl Operated {
    fn find(&self, application: &str, id: &str) -> Result<Arc<InstanceInfo>, Denied> {
        // Also what would be evicted at the next run: the list shows it.
        let list = self.node.with(|state, _| state.application(&application.to_uppercase()));
        let found = list.and_then(|list| list.instances.into_iter().find(|info| info.id() == id));
        found.ok_or_else(|| unknown(id))
    }

    fn now(&self, info: &InstanceInfo) -> Result<Instance, Denied> {
        self.instance(&info.app, info.id()).ok_or_else(|| unknown(info.id()))
    }

    /// The instance speaks for itself again; what it says is taken to be what it said before.
    fn lift(&self, (app, id): &Key, held: Option<&Held>) {
        let Ok(info) = self.find(app, id) else { return };
        if info.overridden_status == Status::Unknown {
            return;
        }
        let hidden = info.status == info.overridden_status;
        let before = held.and_then(|held| Status::from_name(&held.own)).unwrap_or(Status::Up);
        let status = if hidden { before } else { info.status };
        self.node.lift_override(app, id, status, None, Caller::CLIENT);
    }
}

fn key(info: &InstanceInfo) -> Key {
    (info.app.clone(), info.id().to_owned())
}

fn unknown(id: &str) -> Denied {
    Denied::Unknown("instance", id.to_owned())
}

#[cfg(test)]
mod tests;
