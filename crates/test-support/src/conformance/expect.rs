//! What a step expects of an answer. Only what is named is compared.

use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::json::{self, matches};
use super::xml::Element;
use crate::http1::Reply;

/// The `response` of a step after its variables are filled in.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Expected {
    status: Option<OneOrMany<u16>>,
    headers: Map<String, Value>,
    #[serde(deserialize_with = "present")]
    json: Option<Value>,
    #[serde(deserialize_with = "present")]
    json_subset: Option<Value>,
    text: Option<String>,
    text_contains: Option<OneOrMany<String>>,
    text_lacks: Vec<String>,
    xml: Option<String>,
    ignore: Vec<String>,
}

/// Keeps an expected `null` apart from no expectation.
fn present<'de, D: Deserializer<'de>>(input: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(input).map(Some)
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum OneOrMany<T> {
    One(T),
    Many(Vec<T>),
}

impl<T> OneOrMany<T> {
    fn as_slice(&self) -> &[T] {
        match self {
            Self::One(item) => std::slice::from_ref(item),
            Self::Many(items) => items,
        }
    }
}

impl Expected {
    /// Everything that does not hold.
    pub fn problems(&self, reply: &Reply) -> Vec<String> {
        let text = reply.text();
        if let Some(status) = &self.status
            && !status.as_slice().contains(&reply.status)
        {
            let wanted: Vec<String> = status.as_slice().iter().map(u16::to_string).collect();
            return vec![format!(
                "status {}, expected {}; body: {}",
                reply.status,
                wanted.join(" or "),
                short(&text)
            )];
        }
        let mut problems: Vec<String> =
            self.headers.iter().filter_map(|(name, want)| header_problem(name, want, reply)).collect();
        problems.extend(self.document_problems(&text));
        if let Some(want) = self.text.as_ref().filter(|want| **want != text) {
            problems.push(format!("body {}, expected {}", short(&text), short(want)));
        }
        for piece in self.text_contains.as_ref().map(OneOrMany::as_slice).unwrap_or_default() {
            if !text.contains(piece) {
                problems.push(format!("body lacks {piece:?}: {}", short(&text)));
            }
        }
        for piece in self.text_lacks.iter().filter(|piece| text.contains(*piece)) {
            problems.push(format!("body holds {piece:?}, which it must not: {}", short(&text)));
        }
        problems.extend(self.xml_problem(&text));
        problems
    }

    fn document_problems(&self, text: &str) -> Vec<String> {
        type Test = fn(&Value, &Value) -> Option<String>;
        let tests: [(&Option<Value>, Test); 2] =
            [(&self.json, json::same), (&self.json_subset, json::subset)];
        let check = |(want, test): (&Option<Value>, Test)| {
            let want = want.as_ref()?;
            let Ok(mut got) = serde_json::from_str::<Value>(text) else {
                return Some(format!("body is not JSON: {}", short(text)));
            };
            let mut want = want.clone();
            for pointer in &self.ignore {
                json::remove(&mut got, pointer);
                json::remove(&mut want, pointer);
            }
            test(&want, &got).map(|difference| format!("body {difference}"))
        };
        tests.into_iter().filter_map(check).collect()
    }

    fn xml_problem(&self, text: &str) -> Option<String> {
        let want = self.xml.as_ref()?;
        let mut want = match Element::parse(want) {
            Ok(want) => want,
            Err(error) => return Some(format!("the expected body is not XML ({error})")),
        };
        let mut got = match Element::parse(text) {
            Ok(got) => got,
            Err(error) => return Some(format!("body is not XML ({error}): {}", short(text))),
        };
        for path in &self.ignore {
            got.remove(path);
            want.remove(path);
        }
        (got != want).then(|| format!("XML differs: {}", text.chars().take(600).collect::<String>()))
    }
}

/// Exact values are compared without regard to case and blanks; a list is exact in values and order.
fn header_problem(name: &str, want: &Value, reply: &Reply) -> Option<String> {
    let found = reply.headers.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name));
    let values: Vec<&str> = found.map(|(_, value)| value.as_str()).collect();
    let got = values.join(", ");
    let plain = |text: &str| text.replace(' ', "").to_lowercase();
    match want {
        Value::Null => (!values.is_empty()).then(|| format!("header {name}: {got:?}, expected none")),
        Value::Array(list) => {
            let equal = list.len() == values.len() && list.iter().zip(&values).all(|(want, got)| want == got);
            (!equal).then(|| format!("header {name}: {values:?}, expected {want}"))
        }
        Value::String(_) if values.is_empty() => Some(format!("header {name}: absent, expected {want}")),
        Value::String(pattern) if pattern.starts_with('~') => (!matches(&pattern[1..], &got))
            .then(|| format!("header {name}: {got:?} does not match {:?}", &pattern[1..])),
        Value::String(want) => {
            (plain(&got) != plain(want)).then(|| format!("header {name}: {got:?}, expected {want:?}"))
        }
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => {
            Some(format!("header {name}: the suite expects {want}, which no header can be"))
        }
    }
}

fn short(text: &str) -> String {
    format!("{:?}", text.chars().take(400).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn reply() -> Reply {
        let headers = [("X-A", "One, Two"), ("X-B", "1"), ("x-b", "2")];
        Reply {
            status: 201,
            headers: headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect(),
            body: br#"{"id": "42", "at": 7, "list": [1, 2]}"#.to_vec(),
        }
    }

    #[test]
    fn a_right_expectation_holds_and_a_wrong_one_does_not() {
        let table = [
            (json!({}), true),
            (json!({"status": 201}), true),
            (json!({"status": [200, 201]}), true),
            (json!({"status": 200}), false),
            (json!({"headers": {"x-a": "one,two"}}), true),
            (json!({"headers": {"x-a": "one"}}), false),
            (json!({"headers": {"x-a": "~^One"}}), true),
            (json!({"headers": {"x-a": "~Three"}}), false),
            (json!({"headers": {"x-b": ["1", "2"]}}), true),
            (json!({"headers": {"x-b": ["2", "1"]}}), false),
            (json!({"headers": {"x-b": null}}), false),
            (json!({"headers": {"x-c": null}}), true),
            (json!({"headers": {"x-c": "1"}}), false),
            (json!({"json": {"id": "~^\\d+$", "list": [1, 2]}, "ignore": ["/at"]}), true),
            (json!({"json": {"id": "42", "list": [1, 2]}}), false),
            (json!({"json": null}), false),
            (json!({"json_subset": {"list": [2]}}), true),
            (json!({"json_subset": {"list": [3]}}), false),
            (json!({"text": "{}"}), false),
            (json!({"text_contains": "42"}), true),
            (json!({"text_contains": ["42", "43"]}), false),
            (json!({"text_lacks": ["43"]}), true),
            (json!({"text_lacks": ["42"]}), false),
            (json!({"xml": "<a/>"}), false),
        ];
        for (expected, holds) in table {
            let problems = serde_json::from_value::<Expected>(expected.clone()).unwrap().problems(&reply());
            assert_eq!(problems.is_empty(), holds, "{expected}: {problems:?}");
        }
    }

    #[test]
    fn an_unknown_kind_of_expectation_is_refused() {
        assert!(serde_json::from_value::<Expected>(json!({"statuss": 200})).is_err());
    }
}
