//! A JSON schema of the settings, for editors: from the same tables as everything else that is said about them.

use serde_json::{Map, Value, json};
use wellspring_properties::support::Support;

use super::find;
use super::keys::{self, Kind};

/// The schema of `application.yml`: what is supported, with what it is for; the rest is marked.
pub(crate) fn document() -> Value {
    let mut root = group();
    for key in keys::all() {
        let Some(row) = find(key.name) else { continue };
        let mut leaf = kind(key.kind);
        leaf.insert("description".to_owned(), format!("{}: {}", row.support, row.remark).into());
        if key.old || row.support != Support::Supported {
            leaf.insert("deprecated".to_owned(), true.into());
        }
        insert(&mut root, key.name, leaf);
    }
    let mut schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Settings of Wellspring, in Spring's names",
    });
    if let Some(members) = schema.as_object_mut() {
        members.extend(root);
    }
    schema
}

fn group() -> Map<String, Value> {
    let mut group = Map::new();
    group.insert("type".to_owned(), "object".into());
    group.insert("properties".to_owned(), json!({}));
    group
}

/// Anything may be a placeholder, which is text.
fn kind(kind: Kind) -> Map<String, Value> {
    let types = match kind {
        Kind::Flag => json!(["boolean", "string"]),
        Kind::Int => json!(["integer", "string"]),
        Kind::Number => json!(["number", "string"]),
        Kind::Time | Kind::Size => json!(["string", "integer"]),
        Kind::Text => json!(["string", "number", "boolean"]),
        Kind::List => json!(["array", "string"]),
        Kind::Map => json!(["object"]),
        Kind::Other => json!(["string", "number", "boolean", "object", "array"]),
    };
    let mut leaf = Map::new();
    leaf.insert("type".to_owned(), types);
    leaf
}

/// Puts a leaf at its place; a name on the way that is a leaf itself gets members.
fn insert(root: &mut Map<String, Value>, name: &str, leaf: Map<String, Value>) {
    let mut at = root;
    let mut words = name.split('.').peekable();
    while let Some(word) = words.next() {
        let properties = at.entry("properties").or_insert_with(|| json!({}));
        let Some(properties) = properties.as_object_mut() else { return };
        if words.peek().is_none() {
            properties.entry(word).or_insert(Value::Object(leaf));
            return;
        }
        let next = properties.entry(word).or_insert_with(|| Value::Object(group()));
        let Some(next) = next.as_object_mut() else { return };
        at = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn editors_know_names_and_kinds() {
        let schema = document();
        let port = &schema["properties"]["server"]["properties"]["port"];
        assert_eq!(port["type"], json!(["integer", "string"]));
        assert!(port["description"].as_str().unwrap().starts_with("supported: "), "{port}");
        let jmx = &schema["properties"]["spring"]["properties"]["jmx"]["properties"]["enabled"];
        assert_eq!(jmx["deprecated"], true, "{jmx}");
        let webflux = "/properties/spring/properties/cloud/properties/gateway/properties/server/properties/webflux/properties/httpclient/properties/connect-timeout";
        assert!(schema.pointer(webflux).is_some());
    }
}
