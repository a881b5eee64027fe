//! Health component `configServer`: can the repositories that the settings name be read, and how fresh are they?

use std::sync::Arc;

use serde_json::{Value, json};
use wellspring_daemon::Context;
use wellspring_daemon::health::{Component, Status};

use crate::config::HealthRepository;
use crate::repository::Query;
use crate::server::Server;

pub(crate) fn register(context: &Context, server: &Arc<Server>) {
    if !server.settings.health.enabled {
        return;
    }
    let server = Arc::clone(server);
    context.health.add("configServer", move || {
        let server = Arc::clone(&server);
        async move { component(&server).await }
    });
}

async fn component(server: &Server) -> Component {
    let mut repositories = Vec::new();
    let mut any = false;
    for asked in asked(server) {
        let query = Query {
            name: asked.name.clone().unwrap_or_default(),
            profiles: asked.profiles.clone().unwrap_or_default(),
            label: asked.label.clone(),
            ..Query::default()
        };
        let mut shown = json!({"name": query.name, "profiles": query.profiles(), "label": query.label});
        match server.find_any(&query).await {
            Ok(found) => {
                let sources: Vec<&str> = found.sources.iter().map(|source| source.name.as_str()).collect();
                any |= !sources.is_empty();
                if !sources.is_empty()
                    && let Value::Object(members) = &mut shown
                {
                    members.insert("sources".to_owned(), json!(sources));
                }
                repositories.push(shown);
            }
            Err(error) => {
                let down = server.settings.health.down_health_status.as_deref();
                let component = Component::new(down.map_or(Status::DOWN, Status::parse))
                    .detail("repository", json!({"application": query.name, "profiles": query.profiles}))
                    .detail("error", error.to_string());
                return with_freshness(component, server);
            }
        }
    }
    let component = if any || server.settings.accept_empty {
        Component::up()
    } else {
        Component::new(Status::DOWN).detail("acceptEmpty", false)
    };
    with_freshness(component.detail("repositories", repositories), server)
}

fn asked(server: &Server) -> Vec<HealthRepository> {
    let own = |key: Option<&String>, asked: &HealthRepository| HealthRepository {
        name: asked.name.clone().or_else(|| key.cloned()).or_else(|| Some("app".to_owned())),
        profiles: asked.profiles.clone().or_else(|| Some("default".to_owned())),
        label: asked.label.clone(),
    };
    let repositories = &server.settings.health.repositories;
    if repositories.is_empty() {
        return vec![own(None, &HealthRepository::default())];
    }
    repositories.iter().map(|(key, asked)| own(Some(key), asked)).collect()
}

/// When each mirror was last fetched, and what keeps it from being fetched again.
fn with_freshness(component: Component, server: &Server) -> Component {
    let mirrors: Vec<Value> = server
        .repository
        .freshness()
        .into_iter()
        .map(|mirror| {
            json!({
                "uri": mirror.uri,
                "lastFetch": mirror.last_fetch.map(|at| at.0),
                "failingSince": mirror.failing_since.map(|at| at.0),
                "error": mirror.error,
                "stale": mirror.failing_since.is_some(),
                "rejected": mirror.rejected.iter().map(|(label, rejected)| {
                    format!("{label} {}: {}", rejected.commit, rejected.problems.join("; "))
                }).collect::<Vec<_>>(),
            })
        })
        .collect();
    if mirrors.is_empty() { component } else { component.detail("mirrors", mirrors) }
}
