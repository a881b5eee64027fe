//! Error kinds and outcomes as the vectors write them.

use serde_json::Value;
use wellspring_resilience::Rejection;

/// An error's name, then what it is a case of.
pub(crate) fn kinds(name: &str) -> Vec<&str> {
    let parent = match name {
        "timeout" => Some("io"),
        "validation" => Some("business"),
        _ => None,
    };
    std::iter::once(name).chain(parent).chain(std::iter::once("any")).collect()
}

/// The same where a signature wants it to live for ever.
pub(crate) fn static_kinds(name: &str) -> &'static [&'static str] {
    match name {
        "io" => &["io", "any"],
        "timeout" => &["timeout", "io", "any"],
        "business" => &["business", "any"],
        "validation" => &["validation", "business", "any"],
        "call-not-permitted" => &["call-not-permitted", "any"],
        "request-not-permitted" => &["request-not-permitted", "any"],
        "bulkhead-full" => &["bulkhead-full", "any"],
        other => panic!("an error kind that the vectors' description does not name: {other}"),
    }
}

/// An error with a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failed(pub(crate) String);

impl From<Rejection> for Failed {
    fn from(rejection: Rejection) -> Self {
        Self(
            match rejection {
                Rejection::CallNotPermitted { .. } => "call-not-permitted",
                Rejection::RequestNotPermitted { .. } => "request-not-permitted",
                Rejection::BulkheadFull { .. } => "bulkhead-full",
                Rejection::TimedOut { .. } => "time-limit",
                Rejection::MaxRetriesExceeded { .. } => "max-retries-exceeded",
            }
            .to_owned(),
        )
    }
}

/// `error:<kind>` fails, anything else is the result.
pub(crate) fn outcome(text: &str) -> Result<String, Failed> {
    match text.strip_prefix("error:") {
        Some(kind) => Err(Failed(kind.to_owned())),
        None => Ok(text.to_owned()),
    }
}

pub(crate) fn written(result: &Result<String, Failed>) -> String {
    match result {
        Ok(value) => value.clone(),
        Err(Failed(kind)) => format!("error:{kind}"),
    }
}

pub(crate) fn strings(value: &Value) -> Vec<String> {
    value
        .as_array()
        .map_or_else(Vec::new, |list| list.iter().map(|item| item.as_str().unwrap().to_owned()).collect())
}

/// Rewrites a vector's settings to the keys and values of a configuration file.
pub(crate) fn settings(config: &Value) -> Value {
    let mut out = serde_json::Map::new();
    for (key, value) in config.as_object().into_iter().flatten() {
        let (key, value) = if !value.is_number() {
            (key.as_str(), value.clone())
        } else if let Some(key) = key.strip_suffix("Ms") {
            (key, Value::from(format!("{}ms", value.as_i64().unwrap())))
        } else if let Some(key) = key.strip_suffix("Ns") {
            (key, Value::from(format!("{}ns", value.as_i64().unwrap())))
        } else {
            (key.as_str(), value.clone())
        };
        let kebab: String = key
            .chars()
            .flat_map(|c| {
                let dash = c.is_uppercase().then_some('-');
                dash.into_iter().chain(c.to_lowercase())
            })
            .collect();
        out.insert(kebab, value);
    }
    Value::Object(out)
}
