//! Shares of traffic: weights hold over many requests, sessions stay over route swaps, a mirror costs the original nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use tokio::time::Instant;
use wellspring_test_support::keep_alive::{Connection, Request};
use wellspring_test_support::{Daemon, Echo, Launch, http1, long, poll};

use crate::swaps::{OPEN, post_json};
use crate::upstream::{Manners, Upstream};

const WEIGHTS: [usize; 3] = [70, 25, 5];

/// `count` requests for `path` over 16 connections.
async fn ask(port: u16, path: &'static str, count: usize) {
    let left = Arc::new(AtomicUsize::new(count));
    let tasks: Vec<_> = (0..16)
        .map(|_| {
            let left = Arc::clone(&left);
            tokio::spawn(async move {
                let mut connection = Connection::open(port).await.unwrap();
                let request = Request::get(path, &[]);
                while left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_ok() {
                    connection.ask(&request).await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn long_traffic_is_split_by_weight() {
    let upstreams: Vec<Upstream> = (0..6).map(|_| Upstream::start(Manners::default())).collect();
    let (by_route, by_instance) = upstreams.split_at(3);
    let mut yaml = "spring.cloud:\n  loadbalancer.configurations: weighted\n".to_owned();
    yaml += "  discovery.client.simple.instances.orders:\n";
    for (upstream, weight) in by_instance.iter().zip(WEIGHTS) {
        yaml += &format!("  - uri: http://127.0.0.1:{}\n    metadata: {{weight: {weight}}}\n", upstream.port);
    }
    yaml += "  gateway.routes:\n  - id: balanced\n    uri: lb://orders\n    predicates: [Path=/balanced]\n";
    for (upstream, weight) in by_route.iter().zip(WEIGHTS) {
        let port = upstream.port;
        yaml += &format!(
            "  - id: w{weight}\n    uri: http://127.0.0.1:{port}\n    predicates: [Path=/drawn, \"Weight=g, {weight}\"]\n"
        );
    }
    let gateway = Launch::new("wellspring-gateway").yaml(&yaml).start_async().await;
    let count = long::cases(4_000, 100_000);
    // A hundredth of all requests is ten times the spread of as many draws; of the short form's, one and a half times.
    let most = if long::wanted() { 0.01 } else { 0.05 };
    for (path, upstreams) in [("/drawn", by_route), ("/balanced", by_instance)] {
        ask(gateway.port(), path, count).await;
        let shares: Vec<f64> = upstreams.iter().map(|one| one.requests() as f64 / count as f64).collect();
        println!("{path}: {count} requests by weights {WEIGHTS:?}: {shares:.4?}");
        assert_eq!(upstreams.iter().map(Upstream::requests).sum::<usize>(), count, "{path}");
        for (share, weight) in shares.iter().zip(WEIGHTS) {
            let off = (share - weight as f64 / 100.0).abs();
            assert!(off <= most, "{path}: {share} for a weight of {weight}");
        }
    }
}

/// A caller with a session: its cookie, and the instance it belongs to.
struct Session {
    request: Request,
    home: u64,
}

impl Session {
    /// The upstream learns its instance's id from the cookie that the gateway adds, and would give it to the client.
    fn begin(gateway: &Daemon) -> Self {
        let first = http1::get(gateway.port(), "/x").unwrap().json();
        let cookie = first["headers"]["cookie"][0].as_str().unwrap().to_owned();
        let home = first["port"].as_u64().unwrap();
        Self { request: Request::get("/x", &[("Cookie", &cookie)]), home }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn long_sessions_stay_with_their_instance_while_routes_are_swapped() {
    let instances = [Echo::start(), Echo::start(), Echo::start()];
    let list: String = instances.iter().map(|echo| format!("    - uri: {}\n", echo.url(""))).collect();
    let yaml = format!(
        "{OPEN}spring.cloud:\n  loadbalancer:\n    configurations: request-based-sticky-session\n    sticky-session.add-service-instance-cookie: true\n  discovery.client.simple.instances:\n    orders:\n{list}  gateway.routes:\n  - id: orders\n    uri: lb://orders\n    predicates: [Path=/**]\n"
    );
    let gateway = Launch::new("wellspring-gateway").yaml(&yaml).start_async().await;
    let sessions: Vec<Session> = (0..12).map(|_| Session::begin(&gateway)).collect();
    for echo in &instances {
        assert!(sessions.iter().any(|session| session.home == u64::from(echo.port())), "an instance unused");
    }
    let (port, stop) = (gateway.port(), Arc::new(AtomicBool::new(false)));
    let callers: Vec<_> = sessions
        .into_iter()
        .map(|session| {
            let stop = Arc::clone(&stop);
            tokio::spawn(async move {
                let mut connection = Connection::open(port).await.unwrap();
                let mut sent = 0_usize;
                while !stop.load(Relaxed) {
                    connection.ask(&session.request).await.unwrap();
                    let answer: serde_json::Value = serde_json::from_slice(connection.body()).unwrap();
                    assert_eq!(answer["port"], session.home, "request {sent} of a session went elsewhere");
                    sent += 1;
                }
                sent
            })
        })
        .collect();
    let (swaps, time) = (long::cases(30, 200), long::time(Duration::from_secs(2), Duration::from_secs(60)));
    for swap in 0..swaps {
        // Every second swap moves all sessions to a new route of the same service.
        let definition = format!(
            r#"{{"uri":"lb://orders","order":-1,"predicates":["Path=/**"],"filters":["AddRequestHeader=X-Swap, {swap}"]}}"#
        );
        assert_eq!(post_json(port, "/actuator/gateway/routes/other", &definition).await, 201);
        assert_eq!(post_json(port, "/actuator/gateway/refresh", "").await, 200);
        tokio::time::sleep(time / u32::try_from(swaps).unwrap()).await;
    }
    stop.store(true, Relaxed);
    let mut sent = 0;
    for caller in callers {
        sent += caller.await.unwrap();
    }
    assert!(sent > swaps * 2, "{sent} requests over {swaps} swaps are no load");
    println!("12 sessions, {sent} requests, {swaps} swaps: each stayed with its instance");
}

/// How long each of `count` requests took, over 4 connections.
async fn round(connections: &mut [Connection], request: &Request, count: usize) -> Vec<Duration> {
    let each = count / connections.len();
    let asked = connections.iter_mut().map(|connection| async move {
        let mut latencies = Vec::with_capacity(each);
        for _ in 0..each {
            let began = Instant::now();
            connection.ask(request).await.unwrap();
            latencies.push(began.elapsed());
        }
        latencies
    });
    futures_util::future::join_all(asked).await.concat()
}

fn percentile(latencies: &mut [Duration], percent: f64) -> f64 {
    latencies.sort_unstable();
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a place"
    )]
    let place = (latencies.len() as f64 * percent / 100.0) as usize;
    latencies[place.min(latencies.len() - 1)].as_secs_f64() * 1e3
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn long_a_mirror_of_everything_leaves_the_original_its_p99() {
    // An upstream with some work to do, as most have: what is looked for is a delay by the copies, not their processor time.
    let upstream = Upstream::start(Manners { pause: Duration::from_millis(5), ..Manners::default() });
    let copies = Upstream::start(Manners::default());
    let (to, copies_to) = (upstream.port, copies.port);
    let yaml = format!(
        "spring.cloud.gateway.routes:\n- id: plain\n  uri: http://127.0.0.1:{to}\n  predicates: [Path=/plain]\n- id: mirrored\n  uri: http://127.0.0.1:{to}\n  predicates: [Path=/mirrored]\n  filters: [\"Mirror=http://127.0.0.1:{copies_to}, 100\"]\n"
    );
    let gateway = Launch::new("wellspring-gateway").yaml(&yaml).start_async().await;
    let mut connections = Vec::new();
    for _ in 0..4 {
        connections.push(Connection::open(gateway.port()).await.unwrap());
    }
    let requests = [Request::get("/plain", &[]), Request::get("/mirrored", &[])];
    let rounds = long::cases(12, 600);
    let mut pooled = [Vec::new(), Vec::new()];
    for number in 0..=rounds {
        // Plain, mirrored, mirrored, plain: whatever drifts hits both alike. The first round warms up.
        for turn in [0, 1, 1, 0] {
            let latencies = round(&mut connections, &requests[turn], 40).await;
            if number > 0 {
                pooled[turn].extend(latencies);
            }
        }
    }
    let [plain, mirrored] = &mut pooled;
    let of = |latencies: &mut Vec<Duration>| [50.0, 90.0, 99.0].map(|percent| percentile(latencies, percent));
    let (without, with) = (of(plain), of(mirrored));
    let change = (with[2] / without[2] - 1.0) * 100.0;
    println!(
        "{} requests each, ms at 50, 90, 99 %: {without:.3?} without, {with:.3?} with a mirror; p99 {change:+.2} %",
        plain.len()
    );
    poll::until("a copy of each has come", Duration::from_secs(90), || copies.requests() >= mirrored.len());
    if long::wanted() {
        assert!(change <= 2.0, "the p99 is {change:.2} % higher");
    }
}
