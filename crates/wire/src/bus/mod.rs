//! Remote application events, the messages of Spring Cloud Bus: JSON in both directions.
//!
//! Writing is byte-faithful: field order, no white space, the escapes of the Java side. Reading is as lenient as a Spring
//! application, which tells absent from `null` from text: a missing destination is for no one, a `null` one for everyone.
//! `read` answers `Unreadable` where a Spring application would fail to convert or to handle the message.
//! Which events are for whom is not decided here.

mod read;
mod write;

use indexmap::IndexMap;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::Millis;

pub use read::{Unreadable, ack_id_hint, is_ack};

/// Package of the standard event classes; acks name the class in full.
const STANDARD: &str = "org.springframework.cloud.bus.event.";

/// One message on the bus.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// When the event was made, by the clock of its sender.
    pub timestamp: Millis,
    /// Bus id of the sender. `None`: the field was missing, and receivers do nothing with the event.
    pub origin: Option<String>,
    /// Pattern of the addressees.
    pub destination: Destination,
    /// Identity of the event, a UUID unless the sender chose otherwise.
    pub id: String,
    /// What happened.
    pub payload: Payload,
}

/// `destinationService`, which has three ways of being empty.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Destination {
    /// No such field: for no one.
    Missing,
    /// `null`: for everyone, and acknowledged with `null`.
    Null,
    /// A pattern over bus ids; `""` is for everyone.
    Pattern(String),
}

/// The part of an event that depends on its type.
#[derive(Debug, Clone, PartialEq)]
pub enum Payload {
    /// Reload the configuration.
    Refresh,
    /// Set these properties above all others.
    EnvironmentChange(IndexMap<String, String>),
    /// End the process.
    Shutdown,
    /// An event was received and handled.
    Ack(Ack),
    /// The stand-in of the original for types that it does not know; never published by itself.
    Unknown {
        /// Type name that was not known.
        type_info: Option<String>,
        /// Bytes of the event in base64.
        payload: Option<String>,
    },
    /// An application's own event, or no known type at all (an empty `type_name`: the field was missing).
    Custom {
        /// Simple class name (nested: `Outer$Inner`), or the name given by `@JsonTypeName`.
        type_name: String,
        /// All fields beyond the common five, in order.
        fields: Map<String, Value>,
    },
}

/// Answer to an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ack {
    /// Id of the event that is acknowledged.
    pub id: Option<String>,
    /// `destinationService` of that event, as it was.
    pub destination: Destination,
    /// Fully qualified class name of that event.
    pub class_name: Option<String>,
}

/// An application's own event type: what `@RemoteApplicationEventScan` is to a Spring application.
///
/// ```
/// use serde::{Deserialize, Serialize};
/// use wellspring_wire::bus::RemoteEvent;
///
/// #[derive(Serialize, Deserialize)]
/// struct OrderPlaced {
///     number: u64,
/// }
///
/// impl RemoteEvent for OrderPlaced {
///     const TYPE: &'static str = "OrderPlacedEvent";
///     const CLASS: &'static str = "com.acme.OrderPlacedEvent";
/// }
/// ```
pub trait RemoteEvent: Serialize + DeserializeOwned {
    /// `type` on the wire: simple class name of the Java side (`Outer$Inner` when nested) or its `@JsonTypeName`.
    const TYPE: &'static str;
    /// Fully qualified class name of the Java side, which acks repeat.
    const CLASS: &'static str;
}

// === impl Event ===

impl Event {
    /// An event made now, with a fresh id.
    pub fn new(origin: impl Into<String>, destination: impl Into<String>, payload: Payload) -> Self {
        Self {
            timestamp: Millis::now(),
            origin: Some(origin.into()),
            destination: Destination::Pattern(destination.into()),
            id: uuid::Uuid::new_v4().to_string(),
            payload,
        }
    }

    /// The answer to `event`, whose Java class is `class_name`.
    pub fn ack(event: &Self, class_name: &str, origin: &str, destination: &str) -> Self {
        Self::new(
            origin,
            destination,
            Payload::Ack(Ack {
                id: Some(event.id.clone()),
                destination: event.destination.clone(),
                class_name: Some(class_name.to_owned()),
            }),
        )
    }

    /// `type` on the wire.
    pub fn type_name(&self) -> &str {
        self.payload.type_name()
    }

    /// Class name of the Java side; `None` for custom events, whose package the message does not tell.
    pub fn class_name(&self) -> Option<String> {
        match self.payload {
            Payload::Custom { .. } => None,
            Payload::Refresh
            | Payload::EnvironmentChange(_)
            | Payload::Shutdown
            | Payload::Ack(_)
            | Payload::Unknown { .. } => Some(format!("{STANDARD}{}", self.type_name())),
        }
    }
}

// === impl Payload ===

impl Payload {
    /// An application's own event.
    ///
    /// Fails when the event is not an object in JSON.
    pub fn custom<T: RemoteEvent>(event: &T) -> Result<Self, serde_json::Error> {
        match serde_json::to_value(event)? {
            Value::Object(fields) => Ok(Self::Custom { type_name: T::TYPE.to_owned(), fields }),
            Value::Null => Ok(Self::Custom { type_name: T::TYPE.to_owned(), fields: Map::new() }),
            Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                Err(serde::ser::Error::custom("a bus event must be an object in JSON"))
            }
        }
    }

    /// The event as `T`; `None` when it is of another type.
    pub fn to_custom<T: RemoteEvent>(&self) -> Option<Result<T, serde_json::Error>> {
        match self {
            Self::Custom { type_name, fields } if type_name == T::TYPE => {
                Some(serde_json::from_value(Value::Object(fields.clone())))
            }
            _ => None,
        }
    }

    /// `type` on the wire.
    pub fn type_name(&self) -> &str {
        match self {
            Self::Refresh => "RefreshRemoteApplicationEvent",
            Self::EnvironmentChange(_) => "EnvironmentChangeRemoteApplicationEvent",
            Self::Shutdown => "ShutdownRemoteApplicationEvent",
            Self::Ack(_) => "AckRemoteApplicationEvent",
            Self::Unknown { .. } => "UnknownRemoteApplicationEvent",
            Self::Custom { type_name, .. } => type_name,
        }
    }
}

// === impl Destination ===

impl Destination {
    /// The pattern; `None` when missing or `null`.
    pub fn pattern(&self) -> Option<&str> {
        match self {
            Self::Pattern(pattern) => Some(pattern),
            Self::Missing | Self::Null => None,
        }
    }
}

impl From<&str> for Destination {
    fn from(pattern: &str) -> Self {
        Self::Pattern(pattern.to_owned())
    }
}

#[cfg(test)]
mod tests;
