//! The properties of a message, which are always the same set.

use lapin::BasicProperties;
use lapin::message::Delivery;
use lapin::types::{AMQPValue, FieldTable};
use wellspring_wire::Millis;

const PERSISTENT: u8 = 2;

/// Properties of a message that is sent now.
pub(super) fn properties() -> BasicProperties {
    let seconds = u64::try_from(Millis::now().0 / 1000).unwrap_or_default();
    BasicProperties::default()
        .with_content_type("application/json".into())
        .with_headers(FieldTable::default())
        .with_delivery_mode(PERSISTENT)
        .with_priority(0)
        .with_message_id(uuid::Uuid::from_u128(fastrand::u128(..)).to_string().into())
        .with_timestamp(seconds)
}

/// The content type, which some producers put into a header.
pub(super) fn content_type(properties: &BasicProperties) -> Option<String> {
    if let Some(content_type) = properties.content_type() {
        return Some(content_type.to_string());
    }
    match properties.headers().as_ref()?.inner().get("contentType")? {
        AMQPValue::LongString(text) => {
            Some(String::from_utf8_lossy(text.as_bytes()).trim_matches('"').to_owned())
        }
        AMQPValue::ShortString(text) => Some(text.as_str().trim_matches('"').to_owned()),
        _ => None,
    }
}

/// How every event begins.
const EVENT: &[u8] = br#"{"type":""#;

/// What the broker knows of the sender of something that is no event.
pub(super) fn source(message: &Delivery) -> Option<String> {
    if message.data.starts_with(EVENT) {
        return None;
    }
    let properties = &message.properties;
    let mut source = format!("routing key {}", message.routing_key);
    for (name, value) in [("application", properties.app_id()), ("user", properties.user_id())] {
        if let Some(value) = value {
            source.push_str(&format!(", {name} {value}"));
        }
    }
    Some(source.chars().filter(|c| !c.is_control()).take(200).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_stands_in_for_the_content_type() {
        let mut headers = FieldTable::default();
        headers.insert("contentType".into(), AMQPValue::LongString("text/plain".into()));
        let by_header = BasicProperties::default().with_headers(headers);
        assert_eq!(content_type(&by_header).as_deref(), Some("text/plain"));
        assert_eq!(content_type(&by_header.with_content_type("a/b".into())).as_deref(), Some("a/b"));
        assert_eq!(content_type(&BasicProperties::default()), None);
    }

    #[test]
    fn a_message_has_exactly_the_properties_of_the_original() {
        let properties = properties();
        assert_eq!(properties.content_type().as_ref().unwrap().as_str(), "application/json");
        assert_eq!((properties.delivery_mode(), properties.priority()), (&Some(2), &Some(0)));
        assert!(properties.headers().as_ref().unwrap().inner().is_empty());
        assert_eq!(properties.message_id().as_ref().unwrap().as_str().len(), 36);
        assert!(properties.timestamp().unwrap() > 1_577_836_800);
        assert!(properties.correlation_id().is_none() && properties.app_id().is_none());
    }
}
