//! `spring.cloud.bus.*`: the original's properties, with its defaults.

use std::time::Duration;

use serde::Deserialize;

/// `spring.cloud.bus.*`.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Config {
    /// Without: no bus at all.
    pub enabled: bool,
    /// Own bus id; empty: made from application, profiles, port and a random part.
    pub id: String,
    /// Name of exchange, queue and routing key.
    pub destination: String,
    /// Whether refresh events are applied here. They are acknowledged in any case.
    pub refresh: Switch,
    /// Whether environment changes are applied here.
    pub env: Switch,
    /// Whether shutdown events end this process.
    pub shutdown: Switch,
    /// Acks that this process sends.
    pub ack: Acks,
    /// Whether others' events and acks are announced to subscribers.
    pub trace: Trace,
}

/// `….enabled`.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Switch {
    /// On.
    pub enabled: bool,
}

/// `spring.cloud.bus.ack.*`.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Acks {
    /// Whether events are acknowledged.
    pub enabled: bool,
    /// To whom; empty: everyone.
    pub destination_service: String,
}

/// `spring.cloud.bus.trace.*`.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Trace {
    /// On.
    pub enabled: bool,
}

/// `wellspring.bus.*`: what the original has no name for.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Own {
    /// Longest wait for the broker to confirm an event before the sender is told.
    pub confirm_timeout: Duration,
    /// A larger message is refused, in bytes.
    pub max_message_size: usize,
    /// After the connection was away, refresh once: events may have been missed.
    pub refresh_after_gap: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            enabled: true,
            id: String::new(),
            destination: "springCloudBus".to_owned(),
            refresh: Switch::default(),
            env: Switch::default(),
            shutdown: Switch::default(),
            ack: Acks::default(),
            trace: Trace::default(),
        }
    }
}

impl Default for Switch {
    fn default() -> Self {
        Self { enabled: true }
    }
}

impl Default for Acks {
    fn default() -> Self {
        Self { enabled: true, destination_service: String::new() }
    }
}

impl Default for Own {
    fn default() -> Self {
        Self { confirm_timeout: Duration::from_secs(5), max_message_size: 1 << 20, refresh_after_gap: true }
    }
}
