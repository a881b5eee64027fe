//! The XML form of properties files: `<properties><entry key="a">value</entry></properties>`.

use indexmap::IndexMap;
use quick_xml::Reader;
use quick_xml::events::Event;
use wellspring_properties::{Entry, Problem};

pub(crate) fn parse(bytes: &[u8], file: &str) -> Result<IndexMap<String, Entry>, Problem> {
    let broken = |message: String| Problem::new("WS-1402", format!("{file}: {message}"));
    let text = std::str::from_utf8(bytes).map_err(|_| broken("not UTF-8".to_owned()))?;
    let mut reader = Reader::from_str(text);
    let mut entries = IndexMap::new();
    let mut open: Option<(String, String)> = None;
    loop {
        let event = reader.read_event().map_err(|error| broken(error.to_string()))?;
        match event {
            Event::Start(tag) | Event::Empty(tag) if tag.name().as_ref() == "entry" => {
                let key = tag
                    .try_get_attribute("key")
                    .map_err(|error| broken(error.to_string()))?
                    .ok_or_else(|| broken("an entry without a key".to_owned()))?;
                let key = key
                    .normalized_value(quick_xml::XmlVersion::Implicit1_0)
                    .map_err(|error| broken(error.to_string()))?;
                open = Some((key.into_owned(), String::new()));
            }
            Event::Text(text) => {
                if let Some((_, value)) = &mut open {
                    value.push_str(&text.xml10_content());
                }
            }
            Event::CData(text) => {
                if let Some((_, value)) = &mut open {
                    value.push_str(&text.xml10_content());
                }
            }
            Event::GeneralRef(name) => {
                if let Some((_, value)) = &mut open {
                    value.push_str(
                        &entity(&name).ok_or_else(|| broken(format!("unknown entity &{};", &*name)))?,
                    );
                }
            }
            Event::End(tag) if tag.name().as_ref() == "entry" => {
                if let Some((key, value)) = open.take() {
                    entries.insert(key, Entry::text(value));
                }
            }
            Event::Eof => return Ok(entries),
            _ => {}
        }
    }
}

fn entity(name: &str) -> Option<String> {
    if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix('x') {
            Some(hex) => u32::from_str_radix(hex, 16).ok()?,
            None => number.parse().ok()?,
        };
        return char::from_u32(code).map(String::from);
    }
    quick_xml::escape::resolve_predefined_entity(name).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_in_order() {
        let text = "<?xml version=\"1.0\"?><!DOCTYPE properties SYSTEM \"http://java.sun.com/dtd/properties.dtd\">\n<properties><comment>c</comment>\n<entry key=\"a.b\">1 &lt; 2</entry><entry key=\"c\"><![CDATA[x]]></entry></properties>";
        let parsed = parse(text.as_bytes(), "a.xml").unwrap();
        let shown: Vec<String> = parsed.iter().map(|(key, entry)| format!("{key}={}", entry.value)).collect();
        assert_eq!(shown, ["a.b=1 < 2", "c=x"]);
    }

    #[test]
    fn broken_xml_is_a_problem() {
        assert!(parse(b"<properties><entry>x</entry>", "a.xml").is_err());
        assert!(parse(b"<properties><entry key=\"a\">x</other>", "a.xml").is_err());
    }
}
