//! Real Eureka servers, a stock client that tells what it sees, and registrations in the words of the stock client.
//!
//! The Maven project is `tests/originals/eureka`. A [`Herd`] keeps registrations alive as that many stock clients would:
//! each stays with one server while it answers, goes on to the next one of its list when not, and registers again on 404.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::{Launch, http1, spring};

/// Settings that make seconds of what are minutes by default; servers of both kinds take them.
pub const BRISK: [(&str, &str); 9] = [
    ("eureka.client.registry-fetch-interval-seconds", "1"),
    ("eureka.instance.hostname", "127.0.0.1"),
    ("eureka.instance.lease-renewal-interval-in-seconds", "3"),
    ("eureka.instance.lease-expiration-duration-in-seconds", "10"),
    ("eureka.server.enable-self-preservation", "false"),
    ("eureka.server.eviction-interval-timer-in-ms", "1000"),
    ("eureka.server.expected-client-renewal-interval-seconds", "3"),
    ("eureka.server.registry-sync-retry-wait-ms", "500"),
    ("eureka.server.response-cache-update-interval-ms", "500"),
];

/// Several JVMs start at once, perhaps on a busy machine.
const PATIENCE: Duration = Duration::from_secs(300);

/// The service URLs of registries on this machine, as a client's setting has them.
pub fn urls(ports: &[u16]) -> String {
    let urls: Vec<String> = ports.iter().map(|port| format!("http://127.0.0.1:{port}/eureka/")).collect();
    urls.join(",")
}

/// An original server on the first port, with the others as its peers.
pub fn original(port: u16, peers: &[u16]) -> Launch {
    let launch = spring::launch(&jar()).patience(PATIENCE).port(port);
    // A list that is made while something changes can slip through the invalidation of its cache, and is then as old as this allows.
    member(launch.arg("--eureka.server.response-cache-auto-expiration-in-seconds=3"), port, peers)
}

/// Our server on that port, with the others as its peers.
pub fn ours(port: u16, peers: &[u16]) -> Launch {
    member(Launch::new("wellspring-registry").port(port), port, peers)
}

/// A stock application that registers and polls each second. All statuses are shown, not only UP.
pub fn poller(registries: &[u16]) -> Launch {
    let launch = spring::launch(&jar())
        .patience(PATIENCE)
        .arg("poller")
        .arg(format!("--eureka.client.service-url.defaultZone={}", urls(registries)))
        .arg("--eureka.client.filter-only-up-instances=false")
        .arg("--eureka.client.initial-instance-info-replication-interval-seconds=1");
    set(launch, &BRISK)
}

/// Where the original and the poller are.
pub fn jar() -> std::path::PathBuf {
    spring::jar_of("tests/originals/eureka", "eureka")
}

fn member(launch: Launch, port: u16, peers: &[u16]) -> Launch {
    let launch = launch
        .arg(format!("--eureka.client.service-url.defaultZone={}", urls(peers)))
        .arg(format!("--eureka.server.my-url=http://127.0.0.1:{port}/eureka/"))
        .arg(format!("--eureka.instance.instance-id=node-{port}"));
    set(launch, &BRISK)
}

fn set(launch: Launch, settings: &[(&str, &str)]) -> Launch {
    settings.iter().fold(launch, |launch, (key, value)| launch.arg(format!("--{key}={value}")))
}

/// One registration that a stock client would keep alive.
#[derive(Debug, Clone)]
pub struct Member {
    pub app: String,
    pub id: String,
    pub metadata: Value,
    /// lastDirtyTimestamp.
    pub stamp: u64,
    /// Seconds between renewals, and of the lease.
    pub lease: [u32; 2],
    /// The registries that it knows, and which of them it uses.
    pub homes: Vec<u16>,
    pub at: usize,
}

impl Member {
    pub fn new(app: &str, id: &str, homes: &[u16]) -> Self {
        Self {
            app: app.to_owned(),
            id: id.to_owned(),
            metadata: json!({"management.port": "8080"}),
            stamp: now(),
            lease: [30, 90],
            homes: homes.to_vec(),
            at: 0,
        }
    }

    /// The body of a registration as Spring's client writes it: nulls, numbers, a boolean.
    pub fn body(&self) -> Value {
        let vip = self.app.to_lowercase();
        json!({"instance": {
            "instanceId": self.id, "app": self.app, "appGroupName": null, "ipAddr": "127.0.0.1", "sid": "na",
            "homePageUrl": "http://127.0.0.1:8080/", "statusPageUrl": "http://127.0.0.1:8080/actuator/info",
            "healthCheckUrl": "http://127.0.0.1:8080/actuator/health", "secureHealthCheckUrl": null,
            "vipAddress": vip, "secureVipAddress": vip, "countryId": 1,
            "dataCenterInfo": {"@class": "com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo", "name": "MyOwn"},
            "hostName": "127.0.0.1", "status": "UP", "overriddenStatus": "UNKNOWN",
            "leaseInfo": {"renewalIntervalInSecs": self.lease[0], "durationInSecs": self.lease[1], "registrationTimestamp": 0,
                "lastRenewalTimestamp": 0, "evictionTimestamp": 0, "serviceUpTimestamp": 0},
            "isCoordinatingDiscoveryServer": false, "lastUpdatedTimestamp": self.stamp,
            "lastDirtyTimestamp": self.stamp, "actionType": null, "asgName": null,
            "port": {"$": 8080, "@enabled": "true"}, "securePort": {"$": 443, "@enabled": "false"},
            "metadata": self.metadata,
        }})
    }

    /// `apps/APP/ID` below the registry's base.
    pub fn path(&self) -> String {
        format!("/eureka/apps/{}/{}", self.app, self.id)
    }

    /// POST to one registry; the status of the answer.
    pub fn register_at(&self, port: u16) -> std::io::Result<u16> {
        let request = http1::Request::new("POST", &format!("/eureka/apps/{}", self.app))
            .header("Accept", "application/json")
            .json(&self.body());
        Ok(request.send(port)?.status)
    }

    /// PUT to one registry; the status of the answer.
    pub fn renew_at(&self, port: u16) -> std::io::Result<u16> {
        let path = format!("{}?status=UP&lastDirtyTimestamp={}", self.path(), self.stamp);
        let request = http1::Request::new("PUT", &path).header("Accept", "application/json");
        Ok(request.header("Content-Length", "0").send(port)?.status)
    }

    /// One heartbeat as a client sends it: at most three servers are tried, a 404 is answered by a registration.
    fn beat(&mut self, report: &mut Report) {
        for _ in 0..3 {
            let home = self.homes[self.at % self.homes.len()];
            match self.renew_at(home) {
                Ok(200) => {
                    report.renewed += 1;
                    return;
                }
                Ok(404) => {
                    self.stamp = now();
                    report.registered_again.push(format!("{} at {home}", self.id));
                    if matches!(self.register_at(home), Ok(204)) {
                        return;
                    }
                }
                _ => {}
            }
            report.moved += 1;
            self.at += 1;
        }
        report.failed.push(self.id.clone());
    }
}

/// What happened to a herd.
#[derive(Debug, Default)]
pub struct Report {
    pub renewed: usize,
    /// Went on to another server.
    pub moved: usize,
    pub registered_again: Vec<String>,
    /// No server took a heartbeat.
    pub failed: Vec<String>,
}

/// Members whose heartbeats are sent, evenly spread, until it is dropped or brought home.
#[derive(Debug)]
pub struct Herd {
    ended: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Report>>,
}

impl Herd {
    /// Every member renews once in `interval`.
    pub fn keep(members: &[Member], interval: Duration) -> Self {
        const THREADS: usize = 4;
        let ended = Arc::new(AtomicBool::new(false));
        let threads = (0..THREADS)
            .map(|first| {
                let mut own: Vec<Member> = members.iter().skip(first).step_by(THREADS).cloned().collect();
                let ended = Arc::clone(&ended);
                std::thread::spawn(move || drive(&mut own, interval, &ended))
            })
            .collect();
        Self { ended, threads }
    }

    /// Ends the heartbeats and says how they went.
    pub fn home(mut self) -> Report {
        self.ended.store(true, Ordering::Relaxed);
        let mut all = Report::default();
        for thread in self.threads.drain(..) {
            let report = thread.join().expect("a thread of heartbeats");
            all.renewed += report.renewed;
            all.moved += report.moved;
            all.registered_again.extend(report.registered_again);
            all.failed.extend(report.failed);
        }
        all
    }
}

impl Drop for Herd {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
    }
}

fn drive(members: &mut [Member], interval: Duration, ended: &AtomicBool) -> Report {
    let mut report = Report::default();
    let pause = interval / u32::try_from(members.len().max(1)).unwrap_or(u32::MAX);
    let mut next = Instant::now();
    while !members.is_empty() {
        for member in &mut *members {
            // The pace of a herd, not a wait for a state.
            std::thread::sleep(next.saturating_duration_since(Instant::now()));
            if ended.load(Ordering::Relaxed) {
                return report;
            }
            member.beat(&mut report);
            next += pause;
        }
    }
    report
}

/// Milliseconds of the wall clock.
#[expect(
    clippy::disallowed_methods,
    reason = "wellspring-wire is no dependency of what tests start and speak to"
)]
pub fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or_default()
}
