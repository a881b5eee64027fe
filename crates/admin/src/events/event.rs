//! One event.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use wellspring_wire::Millis;

use crate::schema::{Schema, view};

/// What an event is about; streams subscribe to topics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Topic {
    Registry,
    Config,
    Routes,
    Bus,
    Breakers,
    Health,
    /// Start, stop, change of settings of a daemon.
    #[default]
    Daemon,
    /// What an operator did.
    Admin,
}

impl Topic {
    pub const ALL: [Self; 8] = [
        Self::Registry,
        Self::Config,
        Self::Routes,
        Self::Bus,
        Self::Breakers,
        Self::Health,
        Self::Daemon,
        Self::Admin,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Registry => "registry",
            Self::Config => "config",
            Self::Routes => "routes",
            Self::Bus => "bus",
            Self::Breakers => "breakers",
            Self::Health => "health",
            Self::Daemon => "daemon",
            Self::Admin => "admin",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|topic| topic.as_str() == text)
    }
}

impl Schema for Topic {
    fn schema() -> Value {
        json!({"type": "string", "enum": Self::ALL.map(Self::as_str)})
    }
}

view! {
    /// Something that happened.
    pub struct Event {
        /// Place in the one sequence of all events.
        id: u64,
        /// When.
        at: Millis,
        /// What it is about.
        topic: Topic,
        /// What kind of thing happened, within the topic.
        kind: String,
        /// Where it happened.
        daemon: String,
        /// Whom or what it concerns: an instance, a key, a route.
        subject: String,
        /// The application that it is about, when it is about one.
        application: Option<String>,
        /// In words.
        text: String,
        /// Who did it, when somebody did.
        actor: Option<String>,
        /// What belongs to it.
        data: Option<Value>,
    }
}

/// An event that has no place in the sequence yet.
#[derive(Clone, Debug)]
pub struct New {
    pub(super) topic: Topic,
    pub(super) kind: String,
    pub(super) daemon: String,
    pub(super) subject: String,
    pub(super) application: Option<String>,
    pub(super) text: String,
    pub(super) actor: Option<String>,
    pub(super) data: Option<Value>,
}

impl New {
    pub fn of(topic: Topic, kind: &str, daemon: &str, subject: &str) -> Self {
        Self {
            topic,
            kind: kind.to_owned(),
            daemon: daemon.to_owned(),
            subject: subject.to_owned(),
            application: None,
            text: String::new(),
            actor: None,
            data: None,
        }
    }

    #[must_use]
    pub fn text(mut self, text: impl Into<String>) -> Self {
        self.text = text.into();
        self
    }

    #[must_use]
    pub fn by(mut self, actor: impl Into<String>) -> Self {
        self.actor = Some(actor.into());
        self
    }

    /// Those who may reach some applications only see what is about these, and about none.
    #[must_use]
    pub fn of_application(mut self, name: impl Into<String>) -> Self {
        self.application = Some(name.into());
        self
    }

    /// No secrets: everybody who may look sees it.
    #[must_use]
    pub fn data(mut self, data: impl Into<Value>) -> Self {
        self.data = Some(data.into());
        self
    }

    pub(super) fn at(self, id: u64, at: Millis) -> Event {
        let Self { topic, kind, daemon, subject, application, text, actor, data } = self;
        Event { id, at, topic, kind, daemon, subject, application, text, actor, data }
    }
}
