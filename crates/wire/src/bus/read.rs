//! Event JSON → `Event`, with the leniency of the Java side (Jackson's defaults).
//!
//! Unknown fields are ignored, scalars become text where text is wanted, a missing id or time stamp is made up. What is
//! refused here is what a Spring application fails on, too; an unknown type is not refused, it is a custom event.

use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::{Ack, Destination, Event, Payload};
use crate::Millis;

/// How every ack written by a Java application or by us begins.
const ACK: &[u8] = br#"{"type":"AckRemoteApplicationEvent","#;
const ACK_ID: &[u8] = br#""ackId":""#;
const COMMON: [&str; 5] = ["type", "timestamp", "originService", "destinationService", "id"];

/// A message that no receiver can handle.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// No JSON object at all.
    #[error("not a JSON object: {0}")]
    NotAnObject(#[source] serde_json::Error),
    /// A field holds what cannot be taken for its type.
    #[error("field {field} of {type_name}: expected {expected}")]
    Field {
        /// Name on the wire.
        field: &'static str,
        /// `type` of the message, empty when missing.
        type_name: String,
        /// What would have been read.
        expected: &'static str,
    },
}

/// Whether the bytes are an ack, told from their beginning alone. `false` for an ack with unusual field order: reading tells.
pub fn is_ack(body: &[u8]) -> bool {
    body.starts_with(ACK)
}

/// The `ackId` of an ack without decoding it; `None` when it takes decoding to know.
pub fn ack_id_hint(body: &[u8]) -> Option<&[u8]> {
    // A quote inside a JSON string is escaped, so this sequence is never part of a value.
    let start = body.windows(ACK_ID.len()).position(|window| window == ACK_ID)? + ACK_ID.len();
    let id = body.get(start..)?;
    let end = id.iter().position(|&byte| byte == b'"')?;
    id.get(..end).filter(|id| !id.contains(&b'\\'))
}

impl Event {
    /// Reads a message body.
    ///
    /// A missing `id` is replaced by a fresh one, a missing `timestamp` by now.
    pub fn read(body: &[u8]) -> Result<Self, Unreadable> {
        let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
        // Without `end()`: as on the Java side, what follows the object does not matter.
        let mut json = serde_json::Deserializer::from_slice(body);
        let fields =
            IndexMap::<String, &RawValue>::deserialize(&mut json).map_err(Unreadable::NotAnObject)?;
        let type_name = fields.get("type").and_then(|raw| text(raw).ok().flatten()).unwrap_or_default();
        Fields { type_name, fields }.event()
    }
}

/// The fields of a message, each still in JSON.
struct Fields<'a> {
    type_name: String,
    fields: IndexMap<String, &'a RawValue>,
}

impl Fields<'_> {
    fn event(self) -> Result<Event, Unreadable> {
        Ok(Event {
            timestamp: self.timestamp()?,
            origin: self.origin()?,
            destination: self.destination("destinationService")?,
            id: self.text("id")?.unwrap_or_else(|| uuid::Uuid::new_v4().to_string()),
            payload: self.payload()?,
        })
    }

    fn payload(&self) -> Result<Payload, Unreadable> {
        Ok(match self.type_name.as_str() {
            "RefreshRemoteApplicationEvent" => Payload::Refresh,
            "EnvironmentChangeRemoteApplicationEvent" => Payload::EnvironmentChange(self.values()?),
            "ShutdownRemoteApplicationEvent" => Payload::Shutdown,
            "AckRemoteApplicationEvent" => Payload::Ack(Ack {
                id: self.text("ackId")?,
                destination: self.destination("ackDestinationService")?,
                class_name: self.text("event")?,
            }),
            "UnknownRemoteApplicationEvent" => {
                Payload::Unknown { type_info: self.text("typeInfo")?, payload: self.text("payload")? }
            }
            _ => Payload::Custom { type_name: self.type_name.clone(), fields: self.custom()? },
        })
    }

    fn timestamp(&self) -> Result<Millis, Unreadable> {
        let Some(raw) = self.fields.get("timestamp") else { return Ok(Millis::now()) };
        let number = match text(raw) {
            Ok(None) => Some(0),
            Ok(Some(digits)) => whole(digits.trim()),
            Err(_) => None,
        };
        number.map(Millis).ok_or_else(|| self.refuse("timestamp", "milliseconds since the epoch"))
    }

    fn origin(&self) -> Result<Option<String>, Unreadable> {
        match self.fields.get("originService") {
            None => Ok(None),
            Some(_) => match self.text("originService")? {
                Some(origin) => Ok(Some(origin)),
                None => Err(self.refuse("originService", "a bus id, not null")),
            },
        }
    }

    fn destination(&self, field: &'static str) -> Result<Destination, Unreadable> {
        if !self.fields.contains_key(field) {
            return Ok(Destination::Missing);
        }
        Ok(self.text(field)?.map_or(Destination::Null, Destination::Pattern))
    }

    fn values(&self) -> Result<IndexMap<String, String>, Unreadable> {
        let refuse = || self.refuse("values", "an object of texts");
        let raw = self.fields.get("values").ok_or_else(refuse)?;
        let entries: Option<IndexMap<String, &RawValue>> =
            serde_json::from_str(raw.get()).map_err(|_| refuse())?;
        let entries = entries.ok_or_else(refuse)?;
        entries
            .into_iter()
            .map(|(key, raw)| match text(raw) {
                Ok(Some(value)) => Ok((key, value)),
                Ok(None) | Err(_) => Err(refuse()),
            })
            .collect()
    }

    fn custom(&self) -> Result<Map<String, Value>, Unreadable> {
        self.fields
            .iter()
            .filter(|(name, _)| !COMMON.contains(&name.as_str()))
            .map(|(name, raw)| Ok((name.clone(), serde_json::from_str(raw.get())?)))
            .collect::<Result<_, _>>()
            .map_err(Unreadable::NotAnObject)
    }

    fn text(&self, field: &'static str) -> Result<Option<String>, Unreadable> {
        match self.fields.get(field) {
            None => Ok(None),
            Some(raw) => text(raw).map_err(|NoScalar| self.refuse(field, "a text")),
        }
    }

    fn refuse(&self, field: &'static str, expected: &'static str) -> Unreadable {
        Unreadable::Field { field, type_name: self.type_name.clone(), expected }
    }
}

/// An object or array where a scalar is wanted, or a text with a broken escape.
struct NoScalar;

/// A scalar as text: numbers and booleans as they are written, `null` as `None`.
fn text(raw: &RawValue) -> Result<Option<String>, NoScalar> {
    match raw.get().as_bytes().first() {
        Some(b'"') => serde_json::from_str(raw.get()).map(Some).map_err(|_| NoScalar),
        Some(b'n') => Ok(None),
        Some(b'{' | b'[') | None => Err(NoScalar),
        Some(_) => Ok(Some(raw.get().to_owned())),
    }
}

/// A whole number; a fraction is cut off, an empty text is zero.
fn whole(digits: &str) -> Option<i64> {
    if digits.is_empty() {
        return Some(0);
    }
    digits.parse().ok().or_else(|| {
        let number: f64 = digits.parse().ok()?;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the range is checked and the fraction is to be cut"
        )]
        (number.abs() < 9.0e18).then_some(number as i64)
    })
}
