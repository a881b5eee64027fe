//! `/actuator/health`, its components, groups and probes.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::StatusCode;
use indexmap::IndexMap;
use wellspring_properties::{Environment, Problem};

use super::endpoint::{Call, Endpoint, Reply, Version};
use crate::Health;
use crate::health::{Body, Component, Group, Settings, Show, Status};

/// Health as seen through this application's settings.
pub(crate) struct View {
    health: Health,
    settings: Settings,
    groups: IndexMap<String, Group>,
    unlisted: Vec<&'static str>,
}

impl View {
    pub(crate) fn new(env: &Environment, health: Health) -> Result<Arc<Self>, Problem> {
        let settings: Settings = env.bind("management.endpoint.health")?;
        let mut groups = settings.group.clone();
        let in_kubernetes = env.get("KUBERNETES_SERVICE_HOST").is_some();
        let probes = settings.probes.enabled.unwrap_or(in_kubernetes);
        // The probes always answer; the list of groups names them only when they are enabled.
        let mut unlisted = Vec::new();
        for (name, state) in [("liveness", "livenessState"), ("readiness", "readinessState")] {
            if !probes && !groups.contains_key(name) {
                unlisted.push(name);
            }
            groups.entry(name.to_owned()).or_insert_with(|| Group {
                include: vec![state.to_owned()],
                show_details: Some(Show::Never),
                show_components: Some(Show::Never),
                ..Group::default()
            });
        }
        groups.sort_keys();
        Ok(Arc::new(Self { health, settings, groups, unlisted }))
    }

    /// A path on the main port that answers as a group does: `/livez`, `/readyz`, `group.X.additional-path: server:/x`.
    pub(crate) fn additional(&self, path: &str) -> Option<&str> {
        let probes = &self.settings.probes;
        if probes.add_additional_paths {
            match path {
                "/livez" => return Some("liveness"),
                "/readyz" => return Some("readiness"),
                _ => {}
            }
        }
        let own = |group: &Group| {
            group
                .additional_path
                .as_deref()
                .and_then(|own| own.strip_prefix("server:"))
                .is_some_and(|own| own == path)
        };
        self.groups.iter().find(|(_, group)| own(group)).map(|(name, _)| name.as_str())
    }

    pub(crate) async fn answer(&self, path: &str, version: Version, authorized: bool) -> Reply {
        if path.is_empty() {
            return self.whole(version, authorized).await;
        }
        let mut parts = path.split('/');
        let first = parts.next().unwrap_or_default();
        let rest: Vec<_> = parts.collect();
        match self.groups.get(first) {
            Some(group) if rest.is_empty() => self.group(group, version, authorized).await,
            Some(group) => match rest.split_first() {
                Some((name, deeper)) if group.admits(name) => {
                    let details = self.details(Some(group), authorized);
                    self.component(name, deeper, details, &group.status, version, authorized).await
                }
                _ => Reply::absent(),
            },
            None => {
                let details = self.details(None, authorized);
                self.component(first, &rest, details, &self.settings.status, version, authorized).await
            }
        }
    }

    fn details(&self, group: Option<&Group>, authorized: bool) -> bool {
        group.and_then(|group| group.show_details).unwrap_or(self.settings.show_details).allows(authorized)
    }

    fn components(&self, group: Option<&Group>, authorized: bool) -> bool {
        let of_group = group.and_then(|group| group.show_components.or(group.show_details));
        let own = || self.settings.show_components.unwrap_or(self.settings.show_details);
        of_group.unwrap_or_else(own).allows(authorized)
    }

    async fn whole(&self, version: Version, authorized: bool) -> Reply {
        let report = self.health.report(|_| true, &self.settings.status.order()).await;
        let code = self.settings.status.http(&report.status);
        let components = self.components(None, authorized).then_some(report.components);
        let mut body = body(&report.status, components, self.details(None, authorized), version);
        let listed = self.groups.keys().filter(|name| !self.unlisted.contains(&name.as_str()));
        body.groups = listed.cloned().collect();
        reply(&body, code)
    }

    async fn group(&self, group: &Group, version: Version, authorized: bool) -> Reply {
        let own = &group.status;
        let order = if own.order.is_empty() { &self.settings.status } else { own }.order();
        let report = self.health.report(|name| group.admits(name), &order).await;
        let mapping = if own.http_mapping.is_empty() { &self.settings.status } else { own };
        let code = mapping.http(&report.status);
        let components = self.components(Some(group), authorized).then_some(report.components);
        reply(&body(&report.status, components, self.details(Some(group), authorized), version), code)
    }

    /// A component or one of its children; seen only by who may see components.
    async fn component(
        &self,
        name: &str,
        deeper: &[&str],
        details: bool,
        mapping: &crate::health::StatusSettings,
        version: Version,
        authorized: bool,
    ) -> Reply {
        if !self.components(None, authorized) && !details {
            return Reply::absent();
        }
        let mut report = self.health.report(|known| known == name, &mapping.order()).await;
        let mut found = report.components.remove(name);
        for child in deeper {
            found = found.and_then(|parent| parent.components?.remove(*child));
        }
        let Some(component) = found else { return Reply::absent() };
        let code = mapping.http(&component.status);
        let body = Body::of(component, details, true);
        reply(&if version == Version::V2 { body.into_v2() } else { body }, code)
    }
}

fn body(
    status: &Status,
    components: Option<BTreeMap<String, Component>>,
    details: bool,
    version: Version,
) -> Body {
    let components = components.map(|children| {
        children.into_iter().map(|(name, child)| (name, Body::of(child, details, true))).collect()
    });
    let body = Body { status: status.to_string(), components, ..Body::default() };
    if version == Version::V2 { body.into_v2() } else { body }
}

fn reply(body: &Body, code: u16) -> Reply {
    Reply::json(body).with_status(StatusCode::from_u16(code).unwrap_or(StatusCode::OK))
}

pub(crate) fn endpoint(view: &Arc<View>) -> Endpoint {
    let (whole, below) = (Arc::clone(view), Arc::clone(view));
    let answer = |view: Arc<View>, call: Call| async move {
        view.answer(call.selector("path"), call.version, call.authorized).await
    };
    Endpoint::new("health")
        .read("", move |call| answer(Arc::clone(&whole), call))
        .read("{*path}", move |call| answer(Arc::clone(&below), call))
}
