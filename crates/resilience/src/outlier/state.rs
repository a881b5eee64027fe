//! What is known of each host, who is out, and until when.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::time::Duration;

use super::config::OutlierConfig;
use super::judge::{Tally, judge};
use crate::clock::Nanos;

/// How a call to a host ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Any answer below 500.
    Success,
    /// 500 or above, but for the next kind.
    ServerError,
    /// 502, 503 or 504; a server error too.
    GatewayError,
    /// No answer: connection refused, broken, timed out.
    LocalError,
}

/// Why a host is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Server errors in a row.
    ConsecutiveServerErrors,
    /// Gateway errors in a row.
    ConsecutiveGatewayErrors,
    /// Failed connections in a row.
    ConsecutiveLocalErrors,
    /// Far fewer successes than the other hosts.
    SuccessRate,
    /// Too many failures.
    FailurePercentage,
}

/// A host is left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ejection<H> {
    /// The host.
    pub host: H,
    /// Why.
    pub reason: Reason,
    /// How long.
    pub duration: Duration,
}

#[derive(Debug, Default)]
struct Host {
    server_errors: u32,
    gateway_errors: u32,
    local_errors: u32,
    tally: Tally,
    /// How often it was out lately: the factor of the next ejection.
    ejections: u32,
    /// When it went out, and for how long.
    out: Option<(Nanos, Duration)>,
    /// Went out since the last interval.
    fresh: bool,
}

/// The hosts of one service. Not shared by itself: put it behind the lock that the list of hosts has anyway.
pub struct Outliers<H> {
    config: OutlierConfig,
    hosts: HashMap<H, Host>,
    next: Option<Nanos>,
}

impl<H> fmt::Debug for Outliers<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outliers").field("hosts", &self.hosts.len()).finish_non_exhaustive()
    }
}

impl<H: Clone + Eq + Hash> Outliers<H> {
    /// No host yet.
    #[must_use]
    pub fn new(config: OutlierConfig) -> Self {
        Self { config, hosts: HashMap::new(), next: None }
    }

    /// The hosts there are now; what is known of others is forgotten.
    pub fn set_hosts(&mut self, hosts: impl IntoIterator<Item = H>) {
        let mut known = std::mem::take(&mut self.hosts);
        self.hosts =
            hosts.into_iter().map(|host| (host.clone(), known.remove(&host).unwrap_or_default())).collect();
    }

    /// Takes in how a call ended. The host may go out by it.
    pub fn report(&mut self, host: &H, outcome: Outcome, now: Nanos) -> Option<Ejection<H>> {
        let config = &self.config;
        let state = self.hosts.entry(host.clone()).or_default();
        let reached = |count: u32, limit: u32| limit > 0 && count >= limit;
        let reason = match outcome {
            Outcome::Success => {
                (state.server_errors, state.gateway_errors, state.local_errors) = (0, 0, 0);
                state.tally.successes = state.tally.successes.saturating_add(1);
                return None;
            }
            Outcome::LocalError => {
                state.local_errors = state.local_errors.saturating_add(1);
                reached(state.local_errors, config.consecutive_local_errors)
                    .then_some(Reason::ConsecutiveLocalErrors)
            }
            Outcome::ServerError | Outcome::GatewayError => {
                state.server_errors = state.server_errors.saturating_add(1);
                state.gateway_errors =
                    if outcome == Outcome::GatewayError { state.gateway_errors.saturating_add(1) } else { 0 };
                state.local_errors = 0;
                if reached(state.gateway_errors, config.consecutive_gateway_errors) {
                    Some(Reason::ConsecutiveGatewayErrors)
                } else {
                    reached(state.server_errors, config.consecutive_server_errors)
                        .then_some(Reason::ConsecutiveServerErrors)
                }
            }
        };
        state.tally.failures = state.tally.failures.saturating_add(1);
        let reason = reason?;
        (state.server_errors, state.gateway_errors, state.local_errors) = (0, 0, 0);
        self.eject(host, reason, now)
    }

    /// Whether a host is out.
    #[must_use]
    pub fn is_out(&self, host: &H) -> bool {
        self.hosts.get(host).is_some_and(|state| state.out.is_some())
    }

    /// Once per interval: ends ejections and judges shares of failures. Calls in between do nothing.
    pub fn tick(&mut self, now: Nanos) -> Vec<Ejection<H>> {
        match self.next {
            Some(next) if now < next => return Vec::new(),
            None => {
                self.next = Some(now.plus(self.config.interval));
                return Vec::new();
            }
            Some(_) => self.next = Some(now.plus(self.config.interval)),
        }
        for state in self.hosts.values_mut() {
            match state.out {
                Some((since, duration)) if now >= since.plus(duration) => state.out = None,
                Some(_) => {}
                None if !state.fresh => state.ejections = state.ejections.saturating_sub(1),
                None => {}
            }
            state.fresh = false;
        }
        let (hosts, tallies): (Vec<H>, Vec<Tally>) = self
            .hosts
            .iter_mut()
            .map(|(host, state)| (host.clone(), std::mem::take(&mut state.tally)))
            .unzip();
        let verdicts = judge(&tallies, &self.config);
        hosts.iter().zip(verdicts).filter_map(|(host, reason)| self.eject(host, reason?, now)).collect()
    }

    fn eject(&mut self, host: &H, reason: Reason, now: Nanos) -> Option<Ejection<H>> {
        let out = self.hosts.values().filter(|state| state.out.is_some()).count();
        let allowed = (self.hosts.len() * self.config.max_ejection_percent.min(100) as usize / 100).max(1);
        let (base, longest) = (self.config.base_ejection_time, self.config.max_ejection_time);
        let state = self.hosts.get_mut(host).filter(|state| state.out.is_none() && out < allowed)?;
        state.ejections = state.ejections.saturating_add(1);
        let duration = base.saturating_mul(state.ejections).min(longest.max(base));
        state.out = Some((now, duration));
        state.fresh = true;
        Some(Ejection { host: host.clone(), reason, duration })
    }
}

#[cfg(test)]
mod tests;
