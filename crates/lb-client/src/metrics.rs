//! The client's instruments: `http.client.requests`, and Spring Cloud LoadBalancer's figures where they are asked for.
//!
//! Timers are bound once per combination of tags and found again in a snapshot; a call takes no lock.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use http::Method;
use parking_lot::Mutex;
use wellspring_telemetry::{Meters, Timer, names};

/// More hosts than this share the tag `other`: addresses made from data must not fill the memory.
const MOST_HOSTS: usize = 200;

/// Binds and records.
#[derive(Debug)]
pub(crate) struct Instruments {
    meters: Meters,
    hosts: ArcSwap<HashMap<String, Arc<Host>>>,
    binding: Mutex<()>,
}

#[derive(Debug, Default)]
struct Host {
    timers: ArcSwap<Vec<(Key, Timer)>>,
}

/// What distinguishes the timers of one host.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Key {
    method: Method,
    ended: Result<u16, &'static str>,
}

impl Instruments {
    pub(crate) fn new(meters: Meters) -> Self {
        Self { meters, hosts: ArcSwap::default(), binding: Mutex::new(()) }
    }

    /// A call to `host` (a service, or the host of an address) ended with a status or an error of this kind.
    pub(crate) fn called(
        &self,
        host: &str,
        method: &Method,
        ended: Result<u16, &'static str>,
        took: Duration,
    ) {
        let known = self.hosts.load().get(host).map(Arc::clone);
        let (name, host) = match known {
            Some(known) => (host, known),
            None => self.add(host),
        };
        let timers = host.timers.load();
        let found = timers.iter().find(|(key, _)| key.ended == ended && key.method == *method);
        match found {
            Some((_, timer)) => timer.record(took),
            None => self.bind(name, &host, Key { method: method.clone(), ended }).record(took),
        }
    }

    fn add<'a>(&self, host: &'a str) -> (&'a str, Arc<Host>) {
        let _binding = self.binding.lock();
        let all = self.hosts.load();
        let name = if all.len() < MOST_HOSTS { host } else { "other" };
        if let Some(known) = all.get(name) {
            return (name, Arc::clone(known));
        }
        let mut more = HashMap::clone(&all);
        let made = Arc::<Host>::default();
        more.insert(name.to_owned(), Arc::clone(&made));
        self.hosts.store(Arc::new(more));
        (name, made)
    }

    fn bind(&self, name: &str, host: &Host, key: Key) -> Timer {
        let (status, exception) = match key.ended {
            Ok(status) => (status.to_string(), "none"),
            Err(exception) => ("CLIENT_ERROR".to_owned(), exception),
        };
        let tags = [
            ("client.name", name),
            ("error", exception),
            ("exception", exception),
            ("method", key.method.as_str()),
            ("outcome", outcome(key.ended.ok())),
            ("status", &status),
            ("uri", "none"),
        ];
        let timer = self.meters.timer(names::HTTP_CLIENT_REQUESTS, &tags);
        let _binding = self.binding.lock();
        let mut more = Vec::clone(&host.timers.load());
        more.push((key, timer.clone()));
        host.timers.store(Arc::new(more));
        timer
    }
}

/// Micrometer's word for a status.
pub(crate) fn outcome(status: Option<u16>) -> &'static str {
    match status {
        Some(100..=199) => "INFORMATIONAL",
        Some(200..=299) => "SUCCESS",
        Some(300..=399) => "REDIRECTION",
        Some(400..=499) => "CLIENT_ERROR",
        Some(500..=599) => "SERVER_ERROR",
        _ => "UNKNOWN",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_counted_by_host_and_status_and_hosts_have_an_end() {
        let meters = Meters::default();
        let instruments = Instruments::new(meters.clone());
        for _ in 0..3 {
            instruments.called("orders", &Method::GET, Ok(200), Duration::from_millis(1));
        }
        instruments.called("orders", &Method::GET, Err("Refused"), Duration::from_millis(1));
        for number in 0..2 * MOST_HOSTS {
            instruments.called(&format!("host{number}"), &Method::GET, Ok(200), Duration::ZERO);
        }
        let tags = |host, status| -> [(&'static str, &'static str); 7] {
            [
                ("client.name", host),
                ("error", "none"),
                ("exception", "none"),
                ("method", "GET"),
                ("outcome", "SUCCESS"),
                ("status", status),
                ("uri", "none"),
            ]
        };
        assert_eq!(meters.timer(names::HTTP_CLIENT_REQUESTS, &tags("orders", "200")).count(), 3);
        assert!(meters.timer(names::HTTP_CLIENT_REQUESTS, &tags("other", "200")).count() >= 200);
        assert!(instruments.hosts.load().len() <= MOST_HOSTS + 1);
    }
}
