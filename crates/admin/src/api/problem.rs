//! What is not as it should be beyond the daemons' health: instances, commits, clients, leases. Each with what to do.

use std::collections::BTreeMap;

use wellspring_wire::Millis;

use super::State;
use crate::access::Actor;
use crate::config::Configs;
use crate::domain::Domain;
use crate::part::Problem;
use crate::registry::Registry;
use crate::resilience::Breaker;
use crate::services::Service;

/// Named in one problem.
const NAMED: usize = 20;

/// Of this process.
pub(super) async fn found(state: &State, actor: &Actor) -> Vec<Problem> {
    let mut problems = Vec::new();
    let services: Vec<Service> =
        state.admin.services().into_iter().filter(|service| actor.reaches(&service.name)).collect();
    if let Some(registry) = state.admin.registry() {
        problems.extend(services.iter().filter_map(|service| instances(state, service)));
        problems.extend(leases(state, &*registry));
    }
    if let Some(gateway) = state.admin.gateway()
        && let Some(refused) = gateway.routes().refused
    {
        problems.push(Problem {
            since: refused.since,
            hint: Some("mend the routes; the set before stays in force until then".to_owned()),
            command: Some("wellspring routes list".to_owned()),
            page: Some("/#/routes".to_owned()),
            ..of(
                state,
                Domain::Gateway,
                "routes",
                "WARNING",
                format!("a set of routes was refused: {}", refused.problem),
            )
        });
    }
    problems.extend(super::resilience::own(state).breakers.iter().filter_map(|one| breaker(state, one)));
    if let Some(config) = state.admin.config() {
        problems.extend(repositories(state, &*config));
        problems.extend(behind(state, &*config, services).await);
    }
    problems
}

/// A problem of the daemon that knows about `domain`.
fn of(state: &State, domain: Domain, component: impl Into<String>, status: &str, text: String) -> Problem {
    let component = component.into();
    let (daemon, since) = (state.admin.daemon_of(domain), Millis::now());
    Problem {
        since: state.admin.first_seen(&daemon, &component, since),
        daemon,
        component,
        status: status.to_owned(),
        description: Some(text),
        ..Problem::default()
    }
}

/// Instances that are not UP, a problem for each service. What an operator took out himself is none.
fn instances(state: &State, service: &Service) -> Option<Problem> {
    let wrong =
        |one: &&crate::Instance| one.status != "UP" && one.overridden.as_deref() != Some(&*one.status);
    let down: Vec<_> = service.instances.iter().filter(wrong).collect();
    let first = down.first()?;
    let text = format!("{} of {} instances of {} are not UP", down.len(), service.total, service.name);
    let status = if service.up == 0 { "DOWN" } else { first.status.as_str() };
    Some(Problem {
        affects: down.iter().take(NAMED).map(|one| one.id.clone()).collect(),
        hint: Some("look at the health of the instances: they report this of themselves".to_owned()),
        command: Some(format!("wellspring instances {}", service.name)),
        page: Some(format!("/#/services/{}", service.name)),
        ..of(state, Domain::Registry, format!("service {}", service.name), status, text)
    })
}

fn breaker(state: &State, one: &Breaker) -> Option<Problem> {
    if !matches!(one.state.as_str(), "OPEN" | "HALF_OPEN" | "FORCED_OPEN") {
        return None;
    }
    let by = one.set_by.as_ref().map_or_else(String::new, |who| format!(" (set by {who})"));
    let text = format!("breaker {} of {} is {}{by}", one.name, one.daemon, one.state);
    let problem = of(state, Domain::Gateway, format!("breaker {}", one.name), "WARNING", text);
    Some(Problem {
        daemon: one.daemon.clone(),
        since: one.since.unwrap_or(problem.since),
        affects: one.routes.clone(),
        hint: Some("calls behind it fail or are slow: look at the service it guards".to_owned()),
        command: Some("wellspring breaker list".to_owned()),
        page: Some("/#/resilience".to_owned()),
        ..problem
    })
}

fn leases(state: &State, registry: &dyn Registry) -> Vec<Problem> {
    let cluster = registry.cluster();
    let mut problems = Vec::new();
    let kept = &cluster.self_preservation;
    if kept.active && kept.enabled && !kept.overdue.is_empty() {
        problems.push(Problem {
            affects: kept.overdue.clone(),
            hint: Some("if these instances are gone for good, accept the present size".to_owned()),
            command: Some("wellspring cluster accept".to_owned()),
            page: Some("/#/cluster".to_owned()),
            ..of(state, Domain::Registry, "self-preservation", "WARNING", kept.explanation.clone())
        });
    }
    for peer in cluster.peers.iter().filter(|peer| peer.state == "unreachable") {
        let cause = peer.last_error.clone().unwrap_or_default();
        let text = format!("{} cannot be reached: {cause}; {} changes wait", peer.url, peer.queue);
        problems.push(Problem {
            affects: vec![peer.url.clone()],
            hint: Some(
                "is that registry running, and its address right in eureka.client.service-url?".to_owned(),
            ),
            command: Some("wellspring cluster".to_owned()),
            page: Some("/#/cluster".to_owned()),
            ..of(state, Domain::Registry, format!("peer {}", peer.url), "DOWN", text)
        });
    }
    problems
}

fn repositories(state: &State, config: &dyn Configs) -> Vec<Problem> {
    let mut problems = Vec::new();
    for one in config.repositories() {
        if let (Some(since), Some(error)) = (one.failing_since, &one.error) {
            problems.push(Problem {
                since,
                hint: Some(
                    "network or credentials of the repository; the last good commit is served meanwhile"
                        .to_owned(),
                ),
                command: Some("wellspring config drift".to_owned()),
                page: Some("/#/config".to_owned()),
                ..of(
                    state,
                    Domain::Config,
                    format!("repository {}", one.uri),
                    "WARNING",
                    format!("{} cannot be fetched: {error}", one.uri),
                )
            });
        }
        for rejected in &one.rejected {
            let first = rejected.problems.first().cloned().unwrap_or_default();
            let commit = rejected.commit.get(..10).unwrap_or(&rejected.commit);
            problems.push(Problem {
                since: rejected.at,
                affects: vec![rejected.label.clone()],
                hint: Some(format!("mend it and push; until then {} is served", rejected.serving)),
                command: Some("wellspring config history".to_owned()),
                page: Some("/#/config".to_owned()),
                ..of(
                    state,
                    Domain::Config,
                    format!("commit {commit}"),
                    "WARNING",
                    format!("commit {commit} is not served: {first}"),
                )
            });
        }
    }
    problems
}

/// Clients that run an older commit than they would be given now, a problem for each application.
async fn behind(state: &State, config: &dyn Configs, services: Vec<Service>) -> Vec<Problem> {
    let clients = config.drift(services).await.unwrap_or_default();
    let mut applications: BTreeMap<String, (usize, Vec<String>)> = BTreeMap::new();
    for client in clients {
        let (all, late) = applications.entry(client.application.clone()).or_default();
        *all += 1;
        if client.state == "behind" {
            late.push(client.instance.or(client.address).unwrap_or(client.application));
        }
    }
    let late = applications.into_iter().filter(|(_, (_, late))| !late.is_empty());
    late.map(|(name, (all, late))| Problem {
        affects: late.iter().take(NAMED).cloned().collect(),
        hint: Some("have them refresh, or restart them".to_owned()),
        command: Some(format!("wellspring config drift {name}")),
        page: Some(format!("/#/drift?application={name}")),
        ..of(
            state,
            Domain::Config,
            format!("configuration of {name}"),
            "WARNING",
            format!("{} of {all} clients of {name} run an older configuration", late.len()),
        )
    })
    .collect()
}
