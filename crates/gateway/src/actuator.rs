//! `/actuator/gateway`: reads routes, adds and removes them at run time, refreshes.

use std::sync::Arc;

use http::StatusCode;
use serde_json::{Map, Value, json};
use wellspring_daemon::actuator::{Access, Call, Endpoint, Reply};

use crate::filter::FILTERS;
use crate::predicate::{Groups, PREDICATES};
use crate::replay;
use crate::route::compile::{self, Setup};
use crate::route::refresh::Refresh;
use crate::route::{Definition, Route};
use crate::trace;
use crate::tree::Tree;

/// The endpoint; off unless `management.endpoint.gateway.access` says otherwise.
pub(crate) fn endpoint(refresh: &Arc<Refresh>) -> Endpoint {
    let with = |answer: fn(&Refresh, &Call) -> Reply| {
        let refresh = Arc::clone(refresh);
        move |call: Call| {
            let reply = answer(&refresh, &call);
            async move { reply }
        }
    };
    Endpoint::new("gateway")
        .default_access(Access::None)
        .single_link()
        .read("", with(|_, call| index(call)))
        .read("routes", with(|refresh, _| routes(refresh)))
        .read("routes/{id}", with(route))
        .read("routes/{id}/combinedfilters", with(combined_filters))
        .read("routedefinitions", with(|refresh, _| definitions(refresh)))
        .read("globalfilters", with(|_, _| global_filters()))
        .read(
            "routefilters",
            with(|_, _| names(FILTERS.iter().map(|kind| kind.name), "GatewayFilterFactory")),
        )
        .read(
            "routepredicates",
            with(|_, _| names(PREDICATES.iter().map(|kind| kind.name), "RoutePredicateFactory")),
        )
        .write("routes", later(refresh, add_all))
        .write("routes/{id}", later(refresh, add))
        .delete("routes/{id}", later(refresh, remove))
        .write_always("trace", with(traced))
        .write_always("replay", with(replayed))
        .write_always("refresh", later(refresh, again))
}

/// For operations that wait: those on routes that may be kept in Redis.
fn later<F, Fut>(refresh: &Arc<Refresh>, answer: F) -> impl Fn(Call) -> Fut + Send + Sync + use<F, Fut>
where
    F: Fn(Arc<Refresh>, Call) -> Fut + Send + Sync,
    Fut: Future<Output = Reply>,
{
    let refresh = Arc::clone(refresh);
    move |call| answer(Arc::clone(&refresh), call)
}

fn index(call: &Call) -> Reply {
    let base =
        call.base_url.split_once("://").and_then(|(_, rest)| rest.find('/').and_then(|at| rest.get(at..)));
    let base = base.unwrap_or("/actuator");
    let paths: [(&str, &[&str]); 8] = [
        ("globalfilters", &["GET"]),
        ("refresh", &["POST"]),
        ("routedefinitions", &["GET"]),
        ("routefilters", &["GET"]),
        ("routepredicates", &["GET"]),
        ("routes", &["POST", "GET"]),
        ("routes/{id}", &["POST", "DELETE", "GET"]),
        ("routes/{id}/combinedfilters", &["GET"]),
    ];
    let links: Vec<Value> = paths
        .iter()
        .map(|(path, methods)| json!({"href": format!("{base}/gateway/{path}"), "methods": methods}))
        .collect();
    Reply::json(&links)
}

fn routes(refresh: &Refresh) -> Reply {
    let snapshot = refresh.proxy().snapshot();
    Reply::json(&snapshot.table.routes().iter().map(|route| shown(route)).collect::<Vec<_>>())
}

fn route(refresh: &Refresh, call: &Call) -> Reply {
    let snapshot = refresh.proxy().snapshot();
    snapshot.table.by_id(call.selector("id")).map_or_else(Reply::absent, |route| Reply::json(&shown(route)))
}

pub(crate) fn shown(route: &Route) -> Value {
    let predicate = route
        .predicates
        .iter()
        .map(|predicate| predicate.describe())
        .reduce(|all, next| format!("({all} && {next})"))
        .unwrap_or_default();
    let filters: Vec<String> =
        route.chain.shown().iter().map(|(text, order)| format!("[{text}, order = {order}]")).collect();
    let mut value = json!({
        "predicate": predicate,
        "route_id": &*route.id,
        "filters": filters,
        "uri": route.shown_uri,
        "order": route.order,
    });
    if !route.metadata.is_empty()
        && let Value::Object(members) = &mut value
    {
        members.insert("metadata".to_owned(), Tree::Map(route.metadata.clone()).to_json());
    }
    value
}

fn combined_filters(refresh: &Refresh, call: &Call) -> Reply {
    let snapshot = refresh.proxy().snapshot();
    let Some(route) = snapshot.table.by_id(call.selector("id")) else { return Reply::absent() };
    let filters: Map<String, Value> =
        route.chain.shown().iter().map(|(text, order)| (text.clone(), Value::from(*order))).collect();
    Reply::json(&filters)
}

fn definitions(refresh: &Refresh) -> Reply {
    match refresh.definitions() {
        Ok(definitions) => Reply::json(&definitions.iter().map(Definition::to_json).collect::<Vec<_>>()),
        Err(problem) => Reply::failed(StatusCode::INTERNAL_SERVER_ERROR, problem.line()),
    }
}

/// Under the original's class names; the part after `@` has no meaning.
fn global_filters() -> Reply {
    let filters: Map<String, Value> = [
        ("RemoveCachedBodyFilter", i32::MIN),
        ("AdaptCachedBodyGlobalFilter", i32::MIN + 1000),
        ("NettyWriteResponseFilter", -1),
        ("ForwardPathFilter", 0),
        ("GatewayMetricsFilter", 0),
        ("RouteToRequestUrlFilter", 10_000),
        ("ReactiveLoadBalancerClientFilter", 10_150),
        ("LoadBalancerServiceInstanceCookieFilter", 10_151),
        ("WebsocketRoutingFilter", i32::MAX - 1),
        ("NettyRoutingFilter", i32::MAX),
        ("ForwardRoutingFilter", i32::MAX),
    ]
    .into_iter()
    .map(|(name, order)| {
        (format!("org.springframework.cloud.gateway.filter.{name}@{:x}", hash(name)), Value::from(order))
    })
    .collect();
    Reply::json(&filters)
}

fn names(names: impl Iterator<Item = &'static str>, suffix: &str) -> Reply {
    let all: Map<String, Value> = names
        .map(|name| {
            (format!("[{name}{suffix}@{:x} configClass = {name}{suffix}.Config]", hash(name)), Value::Null)
        })
        .collect();
    Reply::json(&all)
}

fn hash(name: &str) -> u32 {
    name.bytes().fold(7, |hash: u32, byte| hash.wrapping_mul(31).wrapping_add(u32::from(byte)))
}

async fn add(refresh: Arc<Refresh>, call: Call) -> Reply {
    if let Some(refused) = wrong_type(&call) {
        return refused;
    }
    let value: Value = match call.json() {
        Ok(value) => value,
        Err(refused) => return refused,
    };
    let id = call.selector("id");
    match checked(&refresh, &value, Some(id)) {
        Ok(definition) => {
            if let Err(error) = refresh.put(definition).await {
                return Reply::failed(StatusCode::INTERNAL_SERVER_ERROR, error);
            }
            let location = format!("/routes/{id}");
            Reply::empty(StatusCode::CREATED).with_header(http::header::LOCATION, &location)
        }
        Err(refused) => refused,
    }
}

async fn add_all(refresh: Arc<Refresh>, call: Call) -> Reply {
    if let Some(refused) = wrong_type(&call) {
        return refused;
    }
    let values: Vec<Value> = match call.json() {
        Ok(values) => values,
        Err(refused) => return refused,
    };
    let mut definitions = Vec::new();
    for value in &values {
        if value.get("id").is_none_or(|id| id.as_str().is_none_or(str::is_empty)) {
            return Reply::bad_request("a route without an id");
        }
        match checked(&refresh, value, None) {
            Ok(definition) => definitions.push(definition),
            Err(refused) => return refused,
        }
    }
    for definition in definitions {
        if let Err(error) = refresh.put(definition).await {
            return Reply::failed(StatusCode::INTERNAL_SERVER_ERROR, error);
        }
    }
    Reply::empty(StatusCode::OK)
}

fn wrong_type(call: &Call) -> Option<Reply> {
    let media =
        call.headers.get(http::header::CONTENT_TYPE)?.to_str().unwrap_or_default().to_ascii_lowercase();
    let media = media.split(';').next().unwrap_or_default().trim();
    let json = media == "application/json" || media.ends_with("+json");
    (!json).then(|| Reply::failed(StatusCode::UNSUPPORTED_MEDIA_TYPE, "Unsupported Media Type"))
}

/// A definition whose uri, predicates and filters are good.
fn checked(refresh: &Refresh, value: &Value, id: Option<&str>) -> Result<Definition, Reply> {
    let refused = |problem: wellspring_properties::Problem| Reply::bad_request(problem.line());
    let mut definition = Definition::read(&Tree::from_json(value)).map_err(refused)?;
    if let Some(id) = id {
        id.clone_into(&mut definition.id);
    }
    if definition.predicates.is_empty() {
        return Err(Reply::bad_request("a route without predicates"));
    }
    let proxy = refresh.proxy();
    let (env, groups) = (refresh.env(), Groups::default());
    let setup = Setup {
        config: &proxy.config,
        env: &env,
        platform: &proxy.platform,
        groups: &groups,
        route: &definition.id,
    };
    compile::check(&definition, &setup).map_err(refused)?;
    Ok(definition)
}

async fn remove(refresh: Arc<Refresh>, call: Call) -> Reply {
    match refresh.remove(call.selector("id")).await {
        Ok(true) => Reply::empty(StatusCode::OK),
        Ok(false) => Reply::absent(),
        Err(error) => Reply::failed(StatusCode::INTERNAL_SERVER_ERROR, error),
    }
}

async fn again(refresh: Arc<Refresh>, _: Call) -> Reply {
    refresh.pull().await;
    match refresh.again() {
        Ok(()) => Reply::empty(StatusCode::OK),
        Err(problems) => {
            let lines: Vec<String> = problems.iter().map(wellspring_properties::Problem::line).collect();
            Reply::failed(StatusCode::INTERNAL_SERVER_ERROR, lines.join("; "))
        }
    }
}

/// Ours: what would become of recorded requests with other routes.
fn replayed(refresh: &Refresh, call: &Call) -> Reply {
    match call.json() {
        Ok(asked) => match replay::replay(refresh, &asked) {
            Ok(report) => Reply::json(&report),
            Err(problem) => Reply::bad_request(problem.line()),
        },
        Err(refused) => refused,
    }
}

/// Ours: what would become of the request that the body describes.
fn traced(refresh: &Refresh, call: &Call) -> Reply {
    match call.json() {
        Ok(described) => match trace::trace(refresh.proxy(), &described) {
            Ok(trace) => Reply::json(&trace),
            Err(error) => Reply::bad_request(error.to_string()),
        },
        Err(refused) => refused,
    }
}
