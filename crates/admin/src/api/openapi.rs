//! The OpenAPI 3.1 file, made from the table of routes.

use serde_json::{Map, Value, json};

use super::refusal::Refusal;
use super::routes::{Route, Routes};
use crate::schema::Schema;

pub(super) fn document(routes: &Routes) -> Value {
    let mut schemas = routes.schemas.clone();
    Refusal::collect(&mut schemas);
    let mut paths = Map::new();
    for route in &routes.list {
        let path = paths.entry(format!("/api/v1{}", route.path)).or_insert_with(|| json!({}));
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
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}
        },
        "security": [{}, {"token": []}]
    })
}

fn operation(route: &Route) -> Value {
    let in_path = route.path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'));
    let in_path = in_path
        .map(|name| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}}));
    let in_query = route.query.iter().map(|(name, kind, meaning)| {
        json!({"name": name, "in": "query", "description": meaning, "schema": {"type": kind}})
    });
    let refused = json!({
        "description": "refused",
        "content": {"application/json": {"schema": Refusal::reference()}}
    });
    let mut operation = json!({
        "summary": route.summary,
        "parameters": in_path.chain(in_query).collect::<Vec<_>>(),
        "responses": {
            "200": {"description": "answered", "content": {route.content_type: {"schema": route.answer}}},
            "4XX": refused
        }
    });
    if let (Some(body), Some(members)) = (&route.body, operation.as_object_mut()) {
        let content = json!({"required": true, "content": {"application/json": {"schema": body}}});
        members.insert("requestBody".to_owned(), content);
    }
    operation
}
