//! Which server to ask: own zone first, stay with one while it answers, leave the failing ones out for a while.
//!
//! Without I/O: `now` and the order are given. One of these per session (registering, fetching).

use std::collections::HashSet;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::HeaderValue;
use tokio::time::Instant;
use url::Url;

use super::settings::{ClientSettings, TransportSettings};

/// A server: its URL ends in `/` and carries no credentials any more.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Server {
    pub(crate) base: Url,
    pub(crate) authorization: Option<HeaderValue>,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.base.as_str())
    }
}

impl Server {
    /// User and password of the URL become a header.
    pub(crate) fn parse(text: &str) -> Result<Self, url::ParseError> {
        let mut base = Url::parse(text)?;
        if base.cannot_be_a_base() || base.host_str().is_none() {
            return Err(url::ParseError::EmptyHost);
        }
        let authorization = authorization(&base);
        // Both only fail for URLs without a host.
        let cleared = base.set_username("").and_then(|()| base.set_password(None));
        debug_assert!(cleared.is_ok(), "the host was checked");
        if !base.path().ends_with('/') {
            base.set_path(&format!("{}/", base.path()));
        }
        Ok(Self { base, authorization })
    }
}

/// `Basic` from the user part of a URL.
pub(crate) fn authorization(url: &Url) -> Option<HeaderValue> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let decoded = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
    basic(&decoded(url.username()), &decoded(url.password().unwrap_or_default()))
}

/// The value of an `Authorization` header; kept out of logs.
pub(crate) fn basic(user: &str, password: &str) -> Option<HeaderValue> {
    let mut value =
        HeaderValue::try_from(format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// All servers in the order in which they are tried: those of the own zone shuffled, then the others shuffled.
pub(crate) fn in_order(settings: &ClientSettings) -> Result<Vec<Server>, (String, url::ParseError)> {
    let mut zones = settings.zones();
    if !settings.prefer_same_zone_eureka {
        fastrand::shuffle(&mut zones);
    }
    let mut servers: Vec<Server> = Vec::new();
    let mut others: Vec<Server> = Vec::new();
    for (position, zone) in zones.iter().enumerate() {
        for url in settings.urls_of(zone) {
            let server = Server::parse(url).map_err(|error| (url.to_owned(), error))?;
            if servers.contains(&server) || others.contains(&server) {
                continue;
            }
            if position == 0 { servers.push(server) } else { others.push(server) }
        }
    }
    fastrand::shuffle(&mut servers);
    fastrand::shuffle(&mut others);
    servers.append(&mut others);
    Ok(servers)
}

/// A call tries at most this many servers.
pub(crate) const ATTEMPTS: usize = 3;

/// The session with one server, and the others.
#[derive(Debug)]
pub(crate) struct Servers {
    all: Vec<Server>,
    quarantine: HashSet<Url>,
    current: Option<Server>,
    session: Duration,
    session_ends: Instant,
    refresh_share: f64,
}

impl Servers {
    pub(crate) fn new(all: Vec<Server>, settings: &TransportSettings, now: Instant) -> Self {
        let mut servers = Self {
            all,
            quarantine: HashSet::new(),
            current: None,
            session: Duration::from_secs(settings.sessioned_client_reconnect_interval_seconds),
            session_ends: now,
            refresh_share: settings.retryable_client_quarantine_refresh_percentage.clamp(0.0, 1.0),
        };
        servers.begin_session(now);
        servers
    }

    /// The servers to try for one call, best first.
    pub(crate) fn candidates(&mut self, now: Instant) -> Vec<Server> {
        if now >= self.session_ends {
            // A new session may choose anew, so that servers that came back get their share.
            self.current = None;
            self.begin_session(now);
        }
        let mut candidates: Vec<Server> = self.current.iter().cloned().collect();
        self.lift_quarantine();
        let others = self.all.iter().filter(|server| !self.quarantine.contains(&server.base));
        candidates.extend(others.filter(|server| Some(*server) != self.current.as_ref()).cloned());
        candidates.truncate(ATTEMPTS);
        candidates
    }

    /// Takes over another list; a session with a server that is still in it goes on.
    pub(crate) fn replace(&mut self, all: Vec<Server>) {
        self.quarantine.retain(|url| all.iter().any(|server| server.base == *url));
        self.current = self.current.take().filter(|server| all.contains(server));
        self.all = all;
    }

    pub(crate) fn answered(&mut self, server: &Server) {
        if self.current.as_ref() != Some(server) {
            self.current = Some(server.clone());
        }
    }

    pub(crate) fn failed(&mut self, server: &Server) {
        self.current = None;
        self.quarantine.insert(server.base.clone());
    }

    fn lift_quarantine(&mut self) {
        #[expect(clippy::cast_precision_loss, reason = "a handful of servers")]
        let threshold = (self.all.len() as f64 * self.refresh_share).floor();
        #[expect(clippy::cast_precision_loss, reason = "a handful of servers")]
        if self.quarantine.len() as f64 >= threshold {
            self.quarantine.clear();
        }
    }

    fn begin_session(&mut self, now: Instant) {
        self.session_ends = now + self.session.mul_f64(0.5 + fastrand::f64());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn servers(names: &[&str]) -> Servers {
        let all = names.iter().map(|name| Server::parse(&format!("http://{name}/eureka")).unwrap()).collect();
        Servers::new(all, &TransportSettings::default(), Instant::now())
    }

    fn hosts(servers: &mut Servers, now: Instant) -> Vec<String> {
        servers.candidates(now).iter().map(|server| server.base.host_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn credentials_leave_the_url_and_become_basic() {
        let server = Server::parse("http://us%40er:p%3Aw@h:1/eureka").unwrap();
        assert_eq!(server.base.as_str(), "http://h:1/eureka/");
        assert_eq!(server.authorization.as_ref().unwrap(), "Basic dXNAZXI6cDp3");
        assert!(!format!("{server:?} {:?}", server.authorization).contains("dXNAZXI"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_answers_is_kept_until_its_session_ends() {
        let (mut servers, now) = (servers(&["a", "b", "c"]), Instant::now());
        servers.answered(&Server::parse("http://c/eureka/").unwrap());
        assert_eq!(hosts(&mut servers, now), ["c", "a", "b"]);
        assert_eq!(hosts(&mut servers, now + Duration::from_secs(1900)), ["a", "b", "c"]);
    }

    #[tokio::test(start_paused = true)]
    async fn failing_servers_are_left_out_until_most_are() {
        let (mut servers, now) = (servers(&["a", "b", "c", "d"]), Instant::now());
        servers.failed(&Server::parse("http://a/eureka/").unwrap());
        assert_eq!(hosts(&mut servers, now), ["b", "c", "d"]);
        servers.failed(&Server::parse("http://b/eureka/").unwrap());
        // Two of four reach the floor of 66 %: all are tried again.
        assert_eq!(hosts(&mut servers, now), ["a", "b", "c"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_single_server_is_never_left_out() {
        let (mut servers, now) = (servers(&["a"]), Instant::now());
        servers.failed(&Server::parse("http://a/eureka/").unwrap());
        assert_eq!(hosts(&mut servers, now), ["a"]);
    }

    #[test]
    fn the_own_zone_comes_first() {
        let settings = ClientSettings {
            availability_zones: [("us-east-1".to_owned(), "z1,z2".to_owned())].into(),
            service_url: [
                ("z2".to_owned(), "http://b/".to_owned()),
                ("z1".to_owned(), "http://a/,http://a2/".to_owned()),
            ]
            .into(),
            ..ClientSettings::default()
        };
        for _ in 0..20 {
            let order = in_order(&settings).unwrap();
            assert_eq!(order.len(), 3);
            assert_eq!(order[2].base.host_str(), Some("b"));
        }
    }
}
