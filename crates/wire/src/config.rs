//! The `Environment` of a Spring Cloud Config server: JSON in both directions.
//!
//! Numbers keep their text: the server prints doubles as Java does (`1.0E10`) and integers of any size, and a client
//! hands on what it was sent. A value comes plain or, with [`V2`], as a pair of value and origin; readers take both.

use indexmap::IndexMap;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

/// Media type that asks for origins.
pub const V2: &str = "application/vnd.spring-cloud.config-server.v2+json";

/// What the server answers for one application.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Environment {
    pub name: String,
    /// One text, the comma list as it was requested.
    pub profiles: Vec<String>,
    pub label: Option<String>,
    /// Commit id, or what a native backend is told to say.
    pub version: Option<String>,
    pub state: Option<String>,
    /// Highest precedence first.
    pub property_sources: Vec<PropertySource>,
}

/// One file, or one document of a file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PropertySource {
    pub name: String,
    /// Flat keys (`a.b[0]`) in the order of the file.
    pub source: IndexMap<String, Property>,
}

/// A value and, in the second form of the protocol, where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Property {
    pub value: Value,
    /// `line:column`; serialised as a pair when present.
    pub origin: Option<String>,
}

/// A JSON scalar; numbers as their text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    Null,
    Bool(bool),
    /// A valid JSON number.
    Number(String),
    Text(String),
}

impl Property {
    pub fn plain(value: Value) -> Self {
        Self { value, origin: None }
    }
}

impl Value {
    /// What Spring makes of the value where it wants text.
    pub fn into_text(self) -> String {
        match self {
            Self::Null => String::new(),
            Self::Bool(value) => value.to_string(),
            Self::Number(text) | Self::Text(text) => text,
        }
    }
}

impl Serialize for Property {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Pair<'a> {
            value: &'a Value,
            origin: &'a str,
        }
        match &self.origin {
            None => self.value.serialize(serializer),
            Some(origin) => Pair { value: &self.value, origin }.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Property {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Pair {
            value: Value,
            #[serde(default)]
            origin: Option<String>,
        }
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        if raw.get().starts_with('{') {
            let pair: Pair = serde_json::from_str(raw.get()).map_err(D::Error::custom)?;
            return Ok(Self { value: pair.value, origin: pair.origin });
        }
        Value::read(&raw).map(Self::plain).map_err(D::Error::custom)
    }
}

impl Value {
    fn read(raw: &RawValue) -> Result<Self, String> {
        let text = raw.get();
        Ok(match text.as_bytes().first() {
            Some(b'"') => Self::Text(serde_json::from_str(text).map_err(|error| error.to_string())?),
            Some(b't') => Self::Bool(true),
            Some(b'f') => Self::Bool(false),
            Some(b'n') => Self::Null,
            Some(b'-' | b'0'..=b'9') => Self::Number(text.to_owned()),
            _ => return Err(format!("a value must be a scalar, found {text}")),
        })
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Number(text) => {
                RawValue::from_string(text.clone()).map_err(serde::ser::Error::custom)?.serialize(serializer)
            }
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::read(&Box::<RawValue>::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SENT: &str = r#"{"name":"foo","profiles":["dev,prod"],"label":null,"version":"1f","state":"","propertySources":[{"name":"file:/a.yml","source":{"a.b[0]":true,"big":123456789012345678901234567890,"d":1.0E10,"t":"x"}}]}"#;

    #[test]
    fn the_first_form_goes_both_ways_unchanged() {
        let read: Environment = serde_json::from_str(SENT).unwrap();
        assert_eq!(
            read.property_sources[0].source["big"].value,
            Value::Number("123456789012345678901234567890".into())
        );
        assert_eq!(serde_json::to_string(&read).unwrap(), SENT);
    }

    #[test]
    fn pairs_with_origins_go_both_ways_and_mix_with_plain_values() {
        let text = r#"{"name":"s","source":{"a":{"value":8080,"origin":"2:9"},"secret":"plain"}}"#;
        let read: PropertySource = serde_json::from_str(text).unwrap();
        assert_eq!(read.source["a"].origin.as_deref(), Some("2:9"));
        assert_eq!(serde_json::to_string(&read).unwrap(), text);
    }

    #[test]
    fn unknown_members_are_ignored_and_missing_ones_have_defaults() {
        let read: Environment = serde_json::from_str(r#"{"name":"x","newer":[1]}"#).unwrap();
        assert_eq!(read, Environment { name: "x".into(), ..Environment::default() });
    }

    #[test]
    fn a_list_is_no_value() {
        assert!(serde_json::from_str::<PropertySource>(r#"{"source":{"a":[1]}}"#).is_err());
    }
}
