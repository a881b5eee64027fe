//! A record as the Kafka binder writes it, and what is read of one.

use std::collections::BTreeMap;

use bytes::Bytes;
use chrono::DateTime;
use rskafka::record::Record;
use wellspring_wire::Millis;

const CONTENT_TYPE: &str = "contentType";
/// Says of which Java type each header is.
const TYPES: &str = "spring_json_header_types";

/// The record of a message that is sent now.
pub(super) fn record(body: &Bytes) -> Record {
    let headers = BTreeMap::from([
        (CONTENT_TYPE.to_owned(), b"application/json".to_vec()),
        (TYPES.to_owned(), br#"{"contentType":"java.lang.String"}"#.to_vec()),
    ]);
    let timestamp = DateTime::from_timestamp_millis(Millis::now().0).unwrap_or_default();
    Record { key: None, value: Some(body.to_vec()), headers, timestamp }
}

/// The content type: bare text, or a text in JSON as older binders write it.
pub(super) fn content_type(record: &Record) -> Option<String> {
    let header = record.headers.get(CONTENT_TYPE)?;
    let text = String::from_utf8_lossy(header);
    Some(serde_json::from_str(&text).unwrap_or_else(|_| text.into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_type_is_read_in_both_forms() {
        let mut record = record(&Bytes::from_static(b"{}"));
        assert_eq!(content_type(&record).as_deref(), Some("application/json"));
        record.headers.insert(CONTENT_TYPE.to_owned(), br#""text/plain""#.to_vec());
        assert_eq!(content_type(&record).as_deref(), Some("text/plain"));
        record.headers.clear();
        assert_eq!(content_type(&record), None);
    }
}
