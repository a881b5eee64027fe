//! `${name}` in requests and expectations, and in the server's environment.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// Values by name. What is not known stays as it is written.
#[derive(Debug, Clone, Default)]
pub struct Variables(BTreeMap<String, String>);

impl Variables {
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        self.0.insert(name.to_owned(), value.into());
    }

    /// A captured value: text as it is, anything else as JSON.
    pub fn capture(&mut self, name: &str, value: &Value) {
        self.set(name, value.as_str().map_or_else(|| value.to_string(), str::to_owned));
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    pub fn fill_text(&self, text: &str) -> String {
        let mut filled = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(start) = rest.find("${") {
            let (before, from) = rest.split_at(start);
            filled.push_str(before);
            let name = from[2..].split('}').next().unwrap_or_default();
            let known = is_name(name).then(|| self.0.get(name)).flatten();
            match known.filter(|_| from[2..].len() > name.len()) {
                Some(value) => {
                    filled.push_str(value);
                    rest = &from[name.len() + 3..];
                }
                None => {
                    filled.push_str("${");
                    rest = &from[2..];
                }
            }
        }
        filled.push_str(rest);
        filled
    }

    /// Fills every text in a document, keys too.
    pub fn fill(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.fill_text(text)),
            Value::Array(items) => Value::Array(items.iter().map(|item| self.fill(item)).collect()),
            Value::Object(fields) => {
                let fields = fields.iter().map(|(key, item)| (self.fill_text(key), self.fill(item)));
                Value::Object(fields.collect::<Map<_, _>>())
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
        }
    }
}

/// Letters, digits and `_`, at least one.
pub fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn fills_what_is_known_and_leaves_the_rest() {
        let mut variables = Variables::default();
        variables.set("A", "1");
        variables.capture("n", &json!(5));
        assert_eq!(variables.fill_text("x${A}y${n}${B} ${a.b:c} ${A"), "x1y5${B} ${a.b:c} ${A");
        assert_eq!(variables.fill_text("${${A}}"), "${1}");
        assert_eq!(variables.fill(&json!({"${A}": ["${n}", 3]})), json!({"1": ["5", 3]}));
    }
}
