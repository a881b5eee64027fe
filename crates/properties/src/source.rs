//! One source of properties: flat keys in file order, each with its value and place.

use indexmap::IndexMap;

use crate::{Origin, Scalar};

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The value as typed by its file.
    pub value: Scalar,
    /// Its place, when it has one.
    pub origin: Option<Origin>,
}

impl Entry {
    /// A text without a place.
    pub fn text(value: impl Into<String>) -> Self {
        Self { value: Scalar::Text(value.into()), origin: None }
    }
}

/// Flat keys (`a.b[0].c`) in the order of the file.
#[derive(Clone, Debug, PartialEq)]
pub struct PropertySource {
    /// Name, as shown by the env endpoint.
    pub name: String,
    /// The keys as written.
    pub entries: IndexMap<String, Entry>,
    /// Keys are environment variables: `SERVER_PORT` stands for `server.port`.
    pub variables: bool,
}

impl PropertySource {
    /// A source of keys as they stand in files.
    pub fn new(name: impl Into<String>, entries: IndexMap<String, Entry>) -> Self {
        Self { name: name.into(), entries, variables: false }
    }

    /// A source of plain texts without places.
    pub fn of_pairs<K: Into<String>, V: Into<String>>(
        name: impl Into<String>,
        pairs: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        Self::new(name, pairs.into_iter().map(|(k, v)| (k.into(), Entry::text(v))).collect())
    }

    /// Environment variables: upper-case names with underscores.
    pub fn of_variables(name: impl Into<String>, pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        let entries = pairs
            .into_iter()
            .map(|(key, value)| {
                let origin = Some(Origin::named(&format!("environment variable {key}")));
                (key, Entry { value: Scalar::Text(value), origin })
            })
            .collect();
        Self { name: name.into(), entries, variables: true }
    }
}
