//! The last requests, for replays: method, target and headers with secrets masked, never bodies.
//!
//! Off until somebody asks for them, and then for ten minutes; always with `wellspring.gateway.recording.enabled`.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::time::Duration;

use http::HeaderName;
use parking_lot::Mutex;
use serde::Deserialize;
use wellspring_daemon::admin::routes::Recording;
use wellspring_properties::{Environment, Problem};
use wellspring_wire::Millis;

use super::entry::{Entry, SECRET_PARAMETERS, is_secret, masked};
use crate::replay::record::Recorded;
use crate::trace::{Described, Values};

/// How long requests are kept after somebody has asked for them.
const ASKED: Duration = Duration::from_secs(600);
/// Longer header values are left out: a few requests must not fill the memory.
const LONGEST: usize = 1024;
const MOST: usize = 100_000;
const ALWAYS: i64 = i64::MAX;

/// `wellspring.gateway.recording`.
#[derive(Debug, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct Settings {
    enabled: bool,
    requests: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { enabled: false, requests: 1000 }
    }
}

/// Keeps them.
#[derive(Debug)]
pub struct Recorder {
    /// Epoch milliseconds; 0: off.
    until: AtomicI64,
    capacity: usize,
    kept: Mutex<VecDeque<Recorded>>,
}

impl Recorder {
    pub fn read(env: &Environment) -> Result<Self, Problem> {
        let Settings { enabled, requests } = env.bind("wellspring.gateway.recording")?;
        let until = AtomicI64::new(if enabled { ALWAYS } else { 0 });
        Ok(Self { until, capacity: requests.clamp(1, MOST), kept: Mutex::default() })
    }

    #[must_use]
    pub fn is_on(&self) -> bool {
        match self.until.load(Relaxed) {
            0 => false,
            ALWAYS => true,
            until => Millis::now().0 < until,
        }
    }

    /// Somebody wants to see requests.
    pub fn ask(&self) {
        let until = (Millis::now() + ASKED).0;
        let later = |known| (known != ALWAYS).then_some(until);
        // Fails only where they are always kept.
        self.until.fetch_update(Relaxed, Relaxed, later).ok();
    }

    pub(super) fn note(&self, entry: &Entry) {
        let target = masked(&entry.target, &SECRET_PARAMETERS.map(str::to_owned));
        let mut described =
            Described { method: entry.method.to_string(), path: target.clone(), ..Described::default() };
        for (name, value) in &entry.headers {
            let secret = name.parse::<HeaderName>().is_ok_and(|name| is_secret(&name));
            if secret || value.len() > LONGEST {
                continue;
            }
            let values = described.headers.entry(name.clone()).or_insert_with(|| Values::Many(Vec::new()));
            if let Values::Many(values) = values {
                values.push(value.clone());
            }
        }
        if !entry.host.is_empty() {
            described.headers.insert("host".to_owned(), Values::One(entry.host.clone()));
        }
        if let Some(peer) = entry.peer {
            described.peer = peer.ip().to_canonical();
        }
        let mut kept = self.kept.lock();
        if kept.len() >= self.capacity {
            kept.pop_front();
        }
        kept.push_back(Recorded::Request(format!("{} {target}", entry.method), Box::new(described)));
    }

    /// Oldest first.
    #[must_use]
    pub fn kept(&self) -> Vec<Recorded> {
        self.kept.lock().iter().cloned().collect()
    }

    #[must_use]
    pub fn state(&self) -> Recording {
        let (on, until) = (self.is_on(), self.until.load(Relaxed));
        let mut kept = self.kept.lock();
        if !on {
            kept.clear();
        }
        Recording {
            on,
            until: (on && until != ALWAYS).then_some(Millis(until)),
            requests: kept.len(),
            capacity: self.capacity,
        }
    }
}
