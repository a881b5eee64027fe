//! The OpenAPI 3.1 file, made from the table of routes.

use serde_json::{Map, Value, json};

use super::refusal::Refusal;
use super::routes::{Parameter, Route, Routes};
use crate::access::{COOKIE_NAME, Role};
use crate::domain::Domain;
use crate::schema::Schema;

pub(super) fn document(routes: &Routes) -> Value {
    let mut schemas = routes.schemas.clone();
    Refusal::collect(&mut schemas);
    let mut paths = Map::new();
    for route in &routes.list {
        let path = paths.entry(format!("/api/v1{}", route.at.path)).or_insert_with(|| json!({}));
        if let Some(methods) = path.as_object_mut() {
            methods.insert(route.method.to_owned(), operation(route));
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {"title": "Wellspring admin API", "version": env!("CARGO_PKG_VERSION")},
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "session": {"type": "apiKey", "in": "cookie", "name": COOKIE_NAME}
            }
        },
        "security": [{}, {"token": []}, {"session": []}]
    })
}

fn operation(route: &Route) -> Value {
    let in_path = route.at.path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'));
    let in_path = in_path
        .map(|name| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}}));
    let reason: &[Parameter] = if route.write && route.method == "delete" {
        &[("reason", "string", "why, for the event log")]
    } else {
        &[]
    };
    let in_query = route.at.query.iter().chain(reason).map(|(name, kind, meaning)| {
        json!({"name": name, "in": "query", "description": meaning, "schema": {"type": kind}})
    });
    let refused = json!({
        "description": "refused",
        "content": {"application/json": {"schema": Refusal::reference()}}
    });
    let mut operation = json!({
        "summary": route.at.summary,
        "parameters": in_path.chain(in_query).collect::<Vec<_>>(),
        "responses": {
            "200": {"description": "answered", "content": {route.content_type: {"schema": route.answer}}},
            "4XX": refused
        }
    });
    if let Some(members) = operation.as_object_mut() {
        members.extend(known(route));
    }
    if let (Some(body), Some(members)) = (&route.body, operation.as_object_mut()) {
        let content = json!({"required": true, "content": {"application/json": {"schema": body}}});
        members.insert("requestBody".to_owned(), content);
    }
    operation
}

/// What the gate and those who build on the API have to know: `x-role` and its like.
fn known(route: &Route) -> Map<String, Value> {
    let at = &route.at;
    let mut known = Map::new();
    known.insert("x-role".to_owned(), at.role.map_or("anybody", Role::as_str).into());
    known.insert("x-scope".to_owned(), at.scope.describe().into());
    known.insert("x-write".to_owned(), route.write.into());
    let named = [("x-domain", at.domain.map(Domain::as_str)), ("x-page", at.page), ("x-command", at.command)];
    known.extend(named.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.into()))));
    known
}
