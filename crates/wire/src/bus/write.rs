//! `Event` → JSON as a Spring application publishes it: UTF-8, no white space, fields in the order of the Java classes.

use std::io;

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::ser::{CharEscape, Formatter};

use super::{Destination, Event, Payload};

impl Event {
    /// The message body.
    pub fn to_json(&self) -> Vec<u8> {
        let mut body = Vec::with_capacity(256);
        let mut serializer = serde_json::Serializer::with_formatter(&mut body, Escapes);
        // Keys are strings and the sink is memory: there is nothing that could fail.
        let written = self.serialize(&mut serializer);
        debug_assert!(written.is_ok(), "an event is always JSON: {written:?}");
        body
    }
}

impl Serialize for Event {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("type", self.type_name())?;
        map.serialize_entry("timestamp", &self.timestamp.0)?;
        if let Some(origin) = &self.origin {
            map.serialize_entry("originService", origin)?;
        }
        entry(&mut map, "destinationService", &self.destination)?;
        map.serialize_entry("id", &self.id)?;
        match &self.payload {
            Payload::Refresh | Payload::Shutdown => {}
            Payload::EnvironmentChange(values) => map.serialize_entry("values", values)?,
            Payload::Ack(ack) => {
                map.serialize_entry("ackId", &ack.id)?;
                entry(&mut map, "ackDestinationService", &ack.destination)?;
                map.serialize_entry("event", &ack.class_name)?;
            }
            Payload::Unknown { type_info, payload } => {
                map.serialize_entry("typeInfo", type_info)?;
                map.serialize_entry("payload", payload)?;
            }
            Payload::Custom { fields, .. } => {
                for (name, value) in fields {
                    map.serialize_entry(name, value)?;
                }
            }
        }
        map.end()
    }
}

fn entry<M: SerializeMap>(map: &mut M, name: &str, destination: &Destination) -> Result<(), M::Error> {
    match destination {
        Destination::Missing => Ok(()),
        Destination::Null => map.serialize_entry(name, &None::<&str>),
        Destination::Pattern(pattern) => map.serialize_entry(name, pattern),
    }
}

/// Control characters as Jackson writes them: `\u001F`, with capital digits.
struct Escapes;

impl Formatter for Escapes {
    fn write_char_escape<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        escape: CharEscape,
    ) -> io::Result<()> {
        let short: &[u8] = match escape {
            CharEscape::Quote => br#"\""#,
            CharEscape::ReverseSolidus => br"\\",
            CharEscape::Solidus => br"\/",
            CharEscape::Backspace => br"\b",
            CharEscape::FormFeed => br"\f",
            CharEscape::LineFeed => br"\n",
            CharEscape::CarriageReturn => br"\r",
            CharEscape::Tab => br"\t",
            CharEscape::AsciiControl(byte) => return write!(writer, "\\u{byte:04X}"),
        };
        writer.write_all(short)
    }
}
