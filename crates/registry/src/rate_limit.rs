//! `eureka.server.rate-limiter-*`: how many fetches of the registry are answered in a second.
//!
//! Stock clients and servers are let through unless `throttle-standard-clients` says otherwise: what the limiter is
//! for are the others. The original has it, and Spring never switches it on.

use http::request::Parts;
use http::{HeaderMap, Method};
use parking_lot::Mutex;
use wellspring_wire::Millis;

use crate::config::Server;

/// The names by which stock clients and servers introduce themselves.
const STANDARD: [&str; 2] = ["DefaultClient", "DefaultServer"];

/// What a fetch asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fetch {
    /// The whole registry.
    Full,
    /// A delta or one application.
    Partial,
}

#[derive(Debug)]
pub struct RateLimit {
    enabled: bool,
    privileged: Vec<String>,
    throttle_standard: bool,
    all: Bucket,
    full: Bucket,
}

impl RateLimit {
    pub fn new(server: &Server) -> Self {
        let burst = server.rate_limiter_burst_size;
        Self {
            enabled: server.rate_limiter_enabled,
            privileged: server.rate_limiter_privileged_clients.clone(),
            throttle_standard: server.rate_limiter_throttle_standard_clients,
            all: Bucket::new(burst, server.rate_limiter_registry_fetch_average_rate),
            full: Bucket::new(burst, server.rate_limiter_full_fetch_average_rate),
        }
    }

    /// Whether this request is one too many.
    pub fn refuses(&self, fetch: Fetch, request: &Parts, now: Millis) -> bool {
        if !self.enabled || request.method != Method::GET || self.is_privileged(&request.headers) {
            return false;
        }
        let too_many = !self.all.take(now);
        let too_many_full = fetch == Fetch::Full && !self.full.take(now);
        too_many || too_many_full
    }

    fn is_privileged(&self, headers: &HeaderMap) -> bool {
        if self.throttle_standard {
            return false;
        }
        let name =
            headers.get("discoveryidentity-name").and_then(|name| name.to_str().ok()).unwrap_or_default();
        STANDARD.contains(&name) || self.privileged.iter().any(|privileged| privileged == name)
    }
}

/// A token bucket: `burst` at once, `rate` per second. A rate of zero limits nothing, as in the original.
#[derive(Debug)]
struct Bucket {
    burst: f64,
    rate: f64,
    state: Mutex<(f64, Option<Millis>)>,
}

impl Bucket {
    fn new(burst: u32, rate: u32) -> Self {
        let burst = f64::from(burst);
        Self { burst, rate: f64::from(rate), state: Mutex::new((burst, None)) }
    }

    fn take(&self, now: Millis) -> bool {
        if self.burst <= 0.0 || self.rate <= 0.0 {
            return true;
        }
        let mut state = self.state.lock();
        let elapsed = state.1.map_or(0.0, |last| now.since(last).as_secs_f64());
        state.0 = (state.0 + elapsed * self.rate).min(self.burst);
        state.1 = Some(now);
        if state.0 < 1.0 {
            return false;
        }
        state.0 -= 1.0;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(change: impl FnOnce(&mut Server)) -> RateLimit {
        let mut server = Server {
            rate_limiter_enabled: true,
            rate_limiter_burst_size: 2,
            rate_limiter_registry_fetch_average_rate: 10,
            rate_limiter_full_fetch_average_rate: 1,
            ..Server::default()
        };
        change(&mut server);
        RateLimit::new(&server)
    }

    fn request(name: &str) -> Parts {
        http::Request::get("/").header("DiscoveryIdentity-Name", name).body(()).unwrap().into_parts().0
    }

    #[test]
    fn beyond_burst_and_rate_requests_are_refused() {
        let limit = limit(|_| {});
        let fetch = |fetch, at| !limit.refuses(fetch, &request("mine"), Millis(at));
        assert_eq!(
            [fetch(Fetch::Partial, 0), fetch(Fetch::Partial, 0), fetch(Fetch::Partial, 0)],
            [true, true, false]
        );
        assert!(fetch(Fetch::Partial, 100));
        assert!(fetch(Fetch::Full, 1000) && fetch(Fetch::Full, 1100));
        assert!(!fetch(Fetch::Full, 1300), "full fetches have a limit of their own");
        assert!(fetch(Fetch::Partial, 1400));
    }

    #[test]
    fn stock_and_privileged_clients_are_let_through() {
        let free = |limit: &RateLimit, name: &str| {
            (0..50).all(|_| !limit.refuses(Fetch::Full, &request(name), Millis(0)))
        };
        let lenient = limit(|server| server.rate_limiter_privileged_clients = vec!["mine".into()]);
        assert!(free(&lenient, "DefaultClient") && free(&lenient, "mine") && !free(&lenient, "other"));
        let strict = limit(|server| server.rate_limiter_throttle_standard_clients = true);
        assert!(!free(&strict, "DefaultClient"));
        assert!(free(&limit(|server| server.rate_limiter_enabled = false), "other"));
    }
}
