//! From definitions to routes. Everything that can be known before a request comes is found out here.

use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use http::uri::PathAndQuery;
use indexmap::IndexMap;
use wellspring_properties::{Environment, Problem};

use super::args::Args;
use super::{Definition, Destination, Route};
use crate::config::{Config, PREFIX};
use crate::filter::chain::{Chain, Placed};
use crate::filter::{self, Built, FILTERS};
use crate::platform::Platform;
use crate::predicate::{Groups, PREDICATES, Predicate};
use crate::problem::{BAD_ROUTE, NOT_OFFERED, UNKNOWN_NAME, bad};
use crate::route::definition::Step;
use crate::security::Rule;
use crate::tree::Tree;

/// What predicates and filters may look at while they are built.
#[derive(Debug)]
pub struct Setup<'a> {
    pub config: &'a Config,
    pub env: &'a Environment,
    pub platform: &'a Arc<Platform>,
    pub groups: &'a Groups,
    /// Id of the route under construction.
    pub route: &'a str,
}

/// Compiles a whole set. Bad routes come back as problems; the caller decides whether the set is refused.
#[must_use]
pub fn all(
    definitions: &[Definition],
    defaults: &[Step],
    config: &Config,
    env: &Environment,
    platform: &Arc<Platform>,
) -> (Vec<Arc<Route>>, Vec<Problem>) {
    let groups = groups(definitions);
    let mut routes = Vec::new();
    let mut problems = Vec::new();
    for definition in definitions.iter().filter(|definition| definition.enabled) {
        let setup = Setup { config, env, platform, groups: &groups, route: &definition.id };
        match route(definition, defaults, &setup) {
            Ok(route) => routes.push(Arc::new(route)),
            Err(mut problem) => {
                problem.message = format!("route '{}': {}", definition.id, problem.message);
                if problem.place.is_none() {
                    problem.place = definition.origin.clone();
                }
                problems.push(problem);
            }
        }
    }
    routes.sort_by_key(|route| route.order);
    (routes, problems)
}

/// Weights must be known before the first route is compiled, since each draws against the sum.
fn groups(definitions: &[Definition]) -> Groups {
    let mut groups = Groups::default();
    for definition in definitions.iter().filter(|definition| definition.enabled) {
        for step in definition.predicates.iter().filter(|step| step.name == "Weight") {
            let Some(kind) = PREDICATES.iter().find(|kind| kind.name == "Weight") else { continue };
            let Ok(args) = Args::new(&step.name, &step.args, kind.shape, step.origin.clone()) else {
                continue;
            };
            if let (Some(group), Ok(weight)) = (args.text("group"), crate::predicate::weight_of(&args)) {
                groups.add(&group, &definition.id, weight);
            }
        }
    }
    groups
}

fn route(definition: &Definition, defaults: &[Step], setup: &Setup<'_>) -> Result<Route, Problem> {
    let destination = destination(definition, setup)?;
    let predicates = definition
        .predicates
        .iter()
        .map(|step| predicate(step, setup))
        .collect::<Result<Vec<_>, Problem>>()?;
    let mut placed = filter::built_in(setup)?;
    for steps in [defaults, &definition.filters] {
        for (number, step) in (1..).zip(steps) {
            placed.extend(placed_filter(step, number, setup)?);
        }
    }
    let millis = |name: &str| -> Result<Option<i64>, Problem> {
        let Some(tree) = definition.metadata.get(name) else { return Ok(None) };
        let text = tree.as_text().unwrap_or_default();
        text.trim().parse().map(Some).map_err(|_| {
            bad(BAD_ROUTE, format!("metadata {name} must be a number of milliseconds"), &text, tree.origin())
        })
    };
    let connect_timeout = match millis("connect-timeout")? {
        Some(millis) => Duration::from_millis(u64::try_from(millis).unwrap_or(0)),
        None => setup.config.http.connect_timeout,
    };
    let response_timeout = match millis("response-timeout")? {
        // Negative: none, whatever the client's setting says.
        Some(millis) => u64::try_from(millis).ok().map(Duration::from_millis),
        None => setup.config.http.response_timeout,
    };
    let shown_uri = shown(&definition.uri);
    let paths = predicates.iter().find_map(|predicate| predicate.paths());
    let pattern = paths.and_then(|paths| paths.first()).map(|path| path.as_str().to_owned());
    Ok(Route {
        id: definition.id.as_str().into(),
        order: definition.order,
        destination,
        predicates,
        chain: Chain::new(placed),
        metadata: definition.metadata.clone(),
        connect_timeout,
        response_timeout,
        meters: setup.platform.metrics.route(&definition.id, &shown_uri, pattern.as_deref()),
        shown_uri,
        definition: Arc::new(definition.clone()),
        security: match definition.metadata.get("security") {
            Some(tree) => Some(Box::new(Rule::read(tree, &[])?)),
            None => None,
        },
    })
}

/// Compiles one predicate.
pub fn predicate(step: &Step, setup: &Setup<'_>) -> Result<Box<dyn Predicate>, Problem> {
    let Some(kind) = PREDICATES.iter().find(|kind| kind.name == step.name) else {
        let names: Vec<&str> = PREDICATES.iter().map(|kind| kind.name).collect();
        return Err(unknown("predicate", step, &names));
    };
    refuse_when_off("predicate", step, setup)?;
    let args = Args::new(&step.name, &step.args, kind.shape, step.origin.clone())?;
    (kind.build)(&args, setup)
}

/// Compiles one filter; `number` is its place in its own list, from 1.
fn placed_filter(step: &Step, number: i32, setup: &Setup<'_>) -> Result<Option<Placed>, Problem> {
    let Some(kind) = FILTERS.iter().find(|kind| kind.name == step.name) else {
        let names: Vec<&str> = FILTERS.iter().map(|kind| kind.name).collect();
        return Err(unknown("filter", step, &names));
    };
    refuse_when_off("filter", step, setup)?;
    let args = Args::new(&step.name, &step.args, kind.shape, step.origin.clone())?;
    let built = (kind.build)(&args, setup)?;
    let order = kind.order.unwrap_or(number);
    Ok(match built {
        Built::Nothing => None,
        built => Some(Placed {
            order,
            shown: shown_filter(&step.name, &args),
            name: kind.name,
            origin: step.origin.clone(),
            built,
        }),
    })
}

/// Checks predicates and filters of a definition without keeping them: for the actuator.
pub fn check(definition: &Definition, setup: &Setup<'_>) -> Result<(), Problem> {
    for step in &definition.predicates {
        // A weight group is complete only at the refresh.
        if step.name != "Weight" {
            predicate(step, setup)?;
        }
    }
    for step in &definition.filters {
        placed_filter(step, 1, setup)?;
    }
    destination(definition, setup).map(|_| ())
}

fn refuse_when_off(kind: &str, step: &Step, setup: &Setup<'_>) -> Result<(), Problem> {
    let mut dashed = String::new();
    for c in step.name.chars() {
        if c.is_uppercase() && !dashed.is_empty() {
            dashed.push('-');
        }
        dashed.extend(c.to_lowercase());
    }
    let key = format!("{PREFIX}.{kind}.{dashed}.enabled");
    if setup.env.get(&key).as_deref() == Some("false") {
        return Err(Problem::new(NOT_OFFERED, format!("{kind} {} is switched off by {key}", step.name))
            .at(step.origin.clone()));
    }
    Ok(())
}

fn unknown(kind: &str, step: &Step, names: &[&str]) -> Problem {
    let problem = bad(UNKNOWN_NAME, format!("unknown {kind}"), &step.name, step.origin.clone());
    match nearest(&step.name, names) {
        Some(name) => problem.hint(name),
        None => problem,
    }
}

/// A known name that differs in few letters, or in capitals only.
fn nearest<'a>(name: &str, names: &[&'a str]) -> Option<&'a str> {
    let lower = name.to_lowercase();
    let (distance, best) = names
        .iter()
        .map(|known| (distance(&lower, &known.to_lowercase()), *known))
        .min_by_key(|(d, _)| *d)?;
    (distance <= 3).then_some(best)
}

/// Letters to change, add or drop.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut before = i;
        let mut left = i + 1;
        let mut next = vec![left];
        for (cell, cb) in row.iter().skip(1).zip(&b) {
            left = (before + usize::from(ca != *cb)).min(cell + 1).min(left + 1);
            before = *cell;
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or(usize::MAX)
}

fn destination(definition: &Definition, setup: &Setup<'_>) -> Result<Destination, Problem> {
    let text = definition.uri.as_str();
    let wrong = |message: &str| {
        bad(BAD_ROUTE, message, text, definition.origin.clone())
            .hint("http://host:port, lb://service or forward:/path")
    };
    let Some((scheme, rest)) = text.split_once(':').filter(|(scheme, _)| is_scheme(scheme)) else {
        return Err(wrong("uri without a scheme"));
    };
    match scheme.to_ascii_lowercase().as_str() {
        "lb" => {
            let (fixed, service) = match rest.strip_prefix("//") {
                Some(service) => (None, service),
                None => match rest.split_once("://") {
                    Some((scheme, service)) if is_scheme(scheme) => {
                        (Some(scheme.to_ascii_lowercase()), service)
                    }
                    _ => return Err(wrong("lb: must be followed by //service")),
                },
            };
            let service = service.split(['/', '?', '#', ':']).next().unwrap_or_default();
            if !is_java_host(service) {
                return Ok(Destination::Illegal(format!("Invalid host: {text}")));
            }
            Ok(Destination::Balanced {
                service: service.into(),
                balancer: setup.platform.balancer(service),
                scheme: fixed.map(Into::into),
            })
        }
        "forward" => {
            let path = rest
                .strip_prefix("//")
                .map_or(rest, |after| after.find('/').and_then(|at| after.get(at..)).unwrap_or("/"));
            let path =
                path.parse::<PathAndQuery>().map_err(|_| wrong("forward: must be followed by a path"))?;
            Ok(Destination::Forward(path))
        }
        scheme @ ("http" | "https" | "ws" | "wss") => {
            let uri: Uri = text.parse().map_err(|_| wrong("not a URI"))?;
            let Some(host) = uri.host().filter(|host| !host.is_empty()) else {
                return Err(wrong("uri without a host"));
            };
            let tls = matches!(scheme, "https" | "wss");
            let origin = setup.platform.upstreams.origin(tls, host, uri.port_u16());
            Ok(Destination::Upstream { origin, websocket: scheme.starts_with("ws") })
        }
        _ => Ok(Destination::Nowhere),
    }
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
}

/// What `java.net.URI` takes for a host: letters, digits, inner dashes; the last label begins with a letter.
fn is_java_host(host: &str) -> bool {
    let labels: Vec<&str> = host.trim_end_matches('.').split('.').collect();
    let fits = |label: &&str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    };
    let last_fits = labels.last().is_some_and(|label| label.starts_with(|c: char| c.is_ascii_alphabetic()));
    labels.iter().all(fits) && (last_fits || host.parse::<std::net::Ipv4Addr>().is_ok())
}

/// The uri with a port, as metrics and the actuator show it.
fn shown(uri: &str) -> String {
    let Ok(parsed) = uri.parse::<Uri>() else { return uri.to_owned() };
    let port = match parsed.scheme_str() {
        Some("http" | "ws") => 80,
        Some("https" | "wss") => 443,
        _ => return uri.to_owned(),
    };
    let (None, Some((scheme, after)), Some(authority)) =
        (parsed.port(), uri.split_once("://"), parsed.authority())
    else {
        return uri.to_owned();
    };
    let rest = after.strip_prefix(authority.as_str()).unwrap_or_default();
    format!("{scheme}://{authority}:{port}{rest}")
}

/// `[StripPrefix parts = 1]`.
fn shown_filter(name: &str, args: &Args) -> String {
    let Tree::Map(members) = args.all() else { return format!("[{name}]") };
    let members: &IndexMap<String, Tree> = members;
    let values: Vec<String> = members
        .iter()
        .map(|(name, tree)| match tree {
            Tree::Leaf(leaf) => {
                let text = leaf.text();
                let plain = text.parse::<f64>().is_ok() || matches!(text.as_str(), "true" | "false");
                if plain { format!("{name} = {text}") } else { format!("{name} = '{text}'") }
            }
            tree => format!("{name} = {}", tree.to_json()),
        })
        .collect();
    if values.is_empty() { format!("[{name}]") } else { format!("[{name} {}]", values.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::{is_java_host, nearest, shown};

    #[test]
    fn hosts_as_java_sees_them() {
        for (host, wanted) in [
            ("orders", true),
            ("orders-2", true),
            ("ORDERS", true),
            ("10.0.0.1", true),
            ("a.b9", true),
            ("under_score", false),
            ("_", false),
            ("", false),
            ("-a", false),
            ("9", false),
        ] {
            assert_eq!(is_java_host(host), wanted, "{host}");
        }
    }

    #[test]
    fn a_slip_of_the_pen_gets_a_hint() {
        assert_eq!(nearest("StripPrefx", &["SetPath", "StripPrefix"]), Some("StripPrefix"));
        assert_eq!(nearest("stripprefix", &["StripPrefix"]), Some("StripPrefix"));
        assert_eq!(nearest("NoSuchFilter", &["SetPath", "StripPrefix"]), None);
    }

    #[test]
    fn the_shown_uri_has_a_port() {
        for (uri, wanted) in [
            ("http://h", "http://h:80"),
            ("https://h/x?y", "https://h:443/x?y"),
            ("http://h:8", "http://h:8"),
            ("lb://orders", "lb://orders"),
            ("no://op", "no://op"),
        ] {
            assert_eq!(shown(uri), wanted);
        }
    }
}
