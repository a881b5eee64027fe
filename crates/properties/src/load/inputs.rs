//! Sources that are given rather than read: arguments, `SPRING_APPLICATION_JSON`, environment variables.

use indexmap::IndexMap;
use serde_json::Value;

use crate::{Entry, Origin, Problem, PropertySource, Scalar, codes};

/// The given sources, highest first.
pub(super) fn sources(args: &[String], vars: Vec<(String, String)>) -> Result<Vec<PropertySource>, Problem> {
    let arguments = arguments(args);
    let inline =
        arguments.entries.get("spring.application.json").map(|entry| entry.value.to_string()).or_else(|| {
            vars.iter().find(|(name, _)| name == "SPRING_APPLICATION_JSON").map(|(_, text)| text.clone())
        });
    let mut sources = vec![arguments];
    if let Some(text) = inline.filter(|text| !text.trim().is_empty()) {
        sources.push(json(&text)?);
    }
    sources.push(PropertySource::of_variables("systemEnvironment", vars));
    Ok(sources)
}

/// `--key=value`, `--key`; the same key twice is a list.
fn arguments(args: &[String]) -> PropertySource {
    let mut entries: IndexMap<String, Entry> = IndexMap::new();
    for option in args.iter().filter_map(|arg| arg.strip_prefix("--")).filter(|option| !option.is_empty()) {
        let (key, value) = option.split_once('=').unwrap_or((option, ""));
        match entries.get_mut(key) {
            Some(entry) => entry.value = Scalar::Text(format!("{},{value}", entry.value)),
            None => {
                let origin = Some(Origin::named(&format!("argument --{key}")));
                entries.insert(key.to_owned(), Entry { value: value.into(), origin });
            }
        }
    }
    PropertySource::new("commandLineArgs", entries)
}

fn json(text: &str) -> Result<PropertySource, Problem> {
    let problem = |message: String| {
        Problem::new(codes::JSON_SYNTAX, message)
            .at(Some(Origin::named("SPRING_APPLICATION_JSON")))
            .hint(r#"an object such as {"server":{"port":8080}}"#)
    };
    let value: Value = serde_json::from_str(text).map_err(|error| problem(format!("not JSON: {error}")))?;
    let Value::Object(members) = value else { return Err(problem("not a JSON object".to_owned())) };
    let mut entries = IndexMap::new();
    for (key, value) in members {
        flatten(key, value, &mut entries);
    }
    Ok(PropertySource::new("spring.application.json", entries))
}

/// JSON to flat keys; serde_json bounds the depth.
fn flatten(path: String, value: Value, out: &mut IndexMap<String, Entry>) {
    let scalar = match value {
        Value::Object(members) => {
            for (key, value) in members {
                let dot = if key.starts_with('[') { "" } else { "." };
                flatten(format!("{path}{dot}{key}"), value, out);
            }
            return;
        }
        Value::Array(items) if !items.is_empty() => {
            for (at, item) in items.into_iter().enumerate() {
                flatten(format!("{path}[{at}]"), item, out);
            }
            return;
        }
        Value::Array(_) | Value::Null => Scalar::Text(String::new()),
        Value::Bool(value) => Scalar::Bool(value),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(value), _) => Scalar::Int(value),
            (None, Some(value)) if number.is_f64() => Scalar::Float(value),
            _ => Scalar::BigInt(number.to_string()),
        },
        Value::String(text) => Scalar::Text(text),
    };
    out.insert(path, Entry { value: scalar, origin: Some(Origin::named("SPRING_APPLICATION_JSON")) });
}
