//! Configuration for a program that knows nothing of config servers: variables, or a file.

use std::io;
use std::path::Path;

use serde_json::{Map, Value};
use wellspring_lb_client::config::Importer;
use wellspring_properties::Environment;
use wellspring_properties::relaxed::canonical;

use crate::server::private;

/// What the config server gave, with its effective values: what stands above it wins.
pub(super) fn values(env: &Environment, importer: &Importer) -> Vec<(String, String)> {
    let imported = importer.sources().unwrap_or_default();
    let mut values: Vec<(String, String)> = Vec::new();
    for source in
        env.sources().iter().filter(|source| imported.iter().any(|name| source.name.contains(&**name)))
    {
        for key in source.entries.keys() {
            let fresh = !values.iter().any(|(known, _)| canonical(known) == canonical(key));
            if let Some(value) = env.get(key).filter(|_| fresh) {
                values.push((key.clone(), value));
            }
        }
    }
    values.sort();
    values
}

/// `orders.max-items[0]` is `ORDERS_MAXITEMS_0`, as Spring Boot reads it.
pub(super) fn variables(values: &[(String, String)]) -> Vec<(String, String)> {
    let name = |key: &str| {
        let key = key.replace('-', "").replace(['.', '['], "_").replace(']', "");
        key.chars()
            .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' })
            .collect::<String>()
    };
    let kept = values.iter().filter(|(_, value)| !value.contains('\0'));
    kept.map(|(key, value)| (name(key), value.clone())).collect()
}

/// In the form that the file's name says; readable by its owner only, for there may be secrets in it.
pub(super) fn write(file: &Path, values: &[(String, String)]) -> io::Result<()> {
    let text = match file.extension().and_then(|extension| extension.to_str()) {
        Some("json") => format!("{:#}\n", flat(values)),
        Some("yml" | "yaml") => serde_yaml::to_string(&flat(values)).map_err(io::Error::other)?,
        _ => values
            .iter()
            .map(|(key, value)| format!("{}={}\n", escaped(key, true), escaped(value, false)))
            .collect(),
    };
    private(file, &text)
}

fn flat(values: &[(String, String)]) -> Value {
    let members: Map<String, Value> =
        values.iter().map(|(key, value)| (key.clone(), value.clone().into())).collect();
    Value::Object(members)
}

/// As a `.properties` file wants it.
fn escaped(text: &str, key: bool) -> String {
    let mut escaped = String::new();
    for (at, c) in text.chars().enumerate() {
        match c {
            '\\' => escaped.push_str("\\\\"),
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            ' ' if key || at == 0 => escaped.push_str("\\ "),
            '=' | ':' | '#' | '!' if key => {
                escaped.push('\\');
                escaped.push(c);
            }
            ' '..='~' => escaped.push(c),
            c => {
                let mut units = [0; 2];
                c.encode_utf16(&mut units)
                    .iter()
                    .for_each(|unit| escaped.push_str(&format!("\\u{unit:04x}")));
            }
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_properties_file_reads_as_it_was_meant() {
        let values = [("a b=c", " x\ny\\z"), ("münze", "€ 😀")].map(|(k, v)| (k.to_owned(), v.to_owned()));
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("config.properties");
        write(&file, &values).unwrap();
        let bytes = std::fs::read(&file).unwrap();
        let read = wellspring_properties::java_properties::parse(&bytes, "x").unwrap();
        for (key, value) in &values {
            assert_eq!(read[0][key].value.to_string(), *value, "{key}");
        }
    }

    #[test]
    fn variables_are_named_as_spring_boot_reads_them() {
        let values = [("orders.max-items[0]".to_owned(), "3".to_owned())];
        assert_eq!(variables(&values), [("ORDERS_MAXITEMS_0".to_owned(), "3".to_owned())]);
    }
}
