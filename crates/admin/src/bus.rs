//! The bus as the operator sees it: what was sent, who has acknowledged it, who is silent; and orders to it.
//!
//! The bus daemon fills it in.

use futures_util::future::BoxFuture;
use wellspring_wire::Millis;

use crate::denied::Denied;
use crate::schema::view;

/// The bus daemon of this process.
pub trait Board: Send + Sync + 'static {
    /// Its name, for events.
    fn daemon(&self) -> String;
    /// The newest `limit` events.
    fn board(&self, limit: usize) -> BusState;
    fn event(&self, id: &str) -> Option<BusEvent>;
    /// Sends a refresh, or values when there are some; answers its entry.
    fn publish(&self, order: BusOrder) -> BoxFuture<'_, Result<BusEvent, Denied>>;
    /// Sends a refresh again to those who have not acknowledged it.
    fn resend(&self, id: String) -> BoxFuture<'_, Result<Vec<Resent>, Denied>>;
}

/// What is to be sent.
#[derive(Debug, Clone, Default)]
pub struct BusOrder {
    /// Empty: everyone.
    pub destination: String,
    /// Empty: a refresh.
    pub values: Vec<(String, String)>,
}

view! {
    /// The bus and its last events.
    pub struct BusState {
        /// The daemon.
        daemon: String,
        /// Messages flow.
        connected: bool,
        /// Why they do not.
        problem: Option<String>,
        /// amqp, kafka, memory, sse.
        transport: String,
        /// The daemon's own bus id.
        id: String,
        /// Applications heard in the last day.
        members: Vec<BusMember>,
        /// Newest first.
        items: Vec<BusEvent>,
    }
}

view! {
    /// An application on the bus.
    pub struct BusMember {
        /// Its bus id.
        id: String,
        /// When it last acknowledged anything.
        last_ack: Millis,
    }
}

view! {
    /// An event of the bus.
    pub struct BusEvent {
        /// Its id.
        id: String,
        /// RefreshRemoteApplicationEvent, EnvironmentChangeRemoteApplicationEvent, or an application's own.
        r#type: String,
        /// To whom; absent: everyone.
        destination: Option<String>,
        /// Bus id of the sender.
        origin: String,
        /// When it was sent.
        at: Millis,
        /// It was sent by this daemon.
        ours: bool,
        /// Applications it is meant for.
        expected: usize,
        /// Those that have acknowledged it.
        acked: usize,
        /// Everybody who is still there has.
        complete: bool,
        /// Those that speak on the bus and have not acknowledged it.
        silent: Vec<String>,
        /// Those that the registry knows and the bus has never heard.
        not_acknowledging: Vec<String>,
        /// Those that have left the registry since.
        left: Vec<String>,
        /// 99 of 100 acknowledged within this time.
        p99_ms: Option<f64>,
        /// Who acknowledged it when; only of a single event.
        acks: Vec<BusAck>,
        /// Events sent again for the silent.
        resends: Vec<Resent>,
    }
}

view! {
    /// An acknowledgement.
    pub struct BusAck {
        /// Bus id.
        by: String,
        /// When it came.
        at: Millis,
        /// So many milliseconds after the event.
        ms: i64,
    }
}

view! {
    /// An event that was sent again.
    pub struct Resent {
        /// The new event's id.
        id: String,
        /// To whom.
        to: String,
        /// When.
        at: Option<Millis>,
        /// Why it could not be sent.
        error: Option<String>,
    }
}

view! {
    /// A refresh to be sent.
    pub struct RefreshOrder {
        /// orders, orders:8081 or a pattern; everyone without.
        destination: Option<String>,
    }
}

view! {
    /// A value that applications shall take, above their other configuration.
    pub struct EnvOrder {
        /// The property.
        name: String,
        /// Its value.
        value: String,
        /// orders, orders:8081 or a pattern; everyone without.
        destination: Option<String>,
    }
}

view! {
    /// An event that was sent.
    pub struct SentEvent {
        /// Its entry on the board.
        item: BusEvent,
    }
}

view! {
    /// Events that were sent again.
    pub struct ResentEvents {
        /// One for each that was silent.
        items: Vec<Resent>,
    }
}
