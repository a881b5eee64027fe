//! JSON shapes and their description from one definition, so that the OpenAPI file cannot drift from the answers.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use wellspring_wire::Millis;

/// A type that can describe itself as JSON schema.
pub(crate) trait Schema {
    fn schema() -> Value;
    /// The name under which it is described once; `None`: in place.
    fn name() -> Option<&'static str> {
        None
    }
    /// Adds named schemas that it uses.
    fn collect(_: &mut BTreeMap<&'static str, Value>) {}
    fn reference() -> Value {
        match Self::name() {
            Some(name) => json!({"$ref": format!("#/components/schemas/{name}")}),
            None => Self::schema(),
        }
    }
}

macro_rules! plain {
    ($($type:ty => $schema:tt;)*) => {
        $(impl Schema for $type {
            fn schema() -> Value { json!($schema) }
        })*
    };
}

plain! {
    String => {"type": "string"};
    bool => {"type": "boolean"};
    f64 => {"type": "number"};
    i64 => {"type": "integer"};
    u16 => {"type": "integer"};
    u64 => {"type": "integer"};
    usize => {"type": "integer"};
    Millis => {"type": "integer", "description": "milliseconds since 1970"};
    Value => {};
}

impl<T: Schema> Schema for Option<T> {
    fn schema() -> Value {
        T::reference()
    }

    fn collect(all: &mut BTreeMap<&'static str, Value>) {
        T::collect(all);
    }
}

impl<T: Schema> Schema for Vec<T> {
    fn schema() -> Value {
        json!({"type": "array", "items": T::reference()})
    }

    fn collect(all: &mut BTreeMap<&'static str, Value>) {
        T::collect(all);
    }
}

impl<T: Schema> Schema for BTreeMap<String, T> {
    fn schema() -> Value {
        json!({"type": "object", "additionalProperties": T::reference()})
    }

    fn collect(all: &mut BTreeMap<&'static str, Value>) {
        T::collect(all);
    }
}

/// Defines a serialized struct and its schema; each field's doc comment is its description.
macro_rules! view {
    ($(#[doc = $about:literal])+ $visibility:vis struct $name:ident { $($(#[doc = $doc:literal])+ $field:ident: $type:ty,)* }) => {
        $(#[doc = $about])+
        #[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
        #[serde(rename_all = "camelCase")]
        $visibility struct $name { $($(#[doc = $doc])+ #[serde(default)] pub $field: $type,)* }

        impl $crate::schema::Schema for $name {
            fn schema() -> serde_json::Value {
                let mut properties = serde_json::Map::new();
                $(
                    let mut property = <$type as $crate::schema::Schema>::reference();
                    if let Some(object) = property.as_object_mut() && !object.contains_key("$ref") {
                        object.insert("description".to_owned(), concat!($($doc),+).trim().into());
                    }
                    properties.insert($crate::schema::camel(stringify!($field)), property);
                )*
                serde_json::json!({"type": "object", "description": concat!($($about),+).trim(), "properties": properties})
            }

            fn name() -> Option<&'static str> {
                Some(stringify!($name))
            }

            fn collect(all: &mut std::collections::BTreeMap<&'static str, serde_json::Value>) {
                if all.contains_key(stringify!($name)) {
                    return;
                }
                all.insert(stringify!($name), Self::schema());
                $(<$type as $crate::schema::Schema>::collect(all);)*
            }
        }
    };
}
pub(crate) use view;

pub(crate) fn camel(field: &str) -> String {
    let mut name = String::with_capacity(field.len());
    let mut upper = false;
    for c in field.trim_start_matches("r#").chars() {
        if c == '_' {
            upper = true;
        } else {
            name.push(if std::mem::take(&mut upper) { c.to_ascii_uppercase() } else { c });
        }
    }
    name
}
