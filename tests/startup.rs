//! How soon each daemon answers and how much memory it holds when idle: a report; limits hold in the long run of the tests.
//!
//! `cargo xtask test` repeats the lines in its summary. The release build counts; figures of a debug build are higher.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests")]

use std::process::Command;
use std::time::Duration;

use wellspring_test_support::{Launch, Repository, binaries, http1, long};

/// The best of a few starts says what the program needs; the others, what the machine was busy with.
const STARTS: usize = 5;

const ALONE: &str = "eureka.client: { register-with-eureka: false, fetch-registry: false }\n";

#[test]
fn daemons_start_at_once_and_stay_small() {
    let repository = Repository::with(&[("application.yml", "a: 1\n")]).unwrap();
    let routes = "spring.cloud.gateway.server.webflux.routes:\n  - id: one\n    uri: http://127.0.0.1:1\n    predicates: [ Path=/a ]\n";
    let git = format!("spring.cloud.config.server.git.uri: {}\n", repository.uri());
    let table = [
        ("wellspring-registry", ALONE, "/eureka/apps"),
        ("wellspring-config-server", git.as_str(), "/orders/default"),
        ("wellspring-gateway", routes, "/actuator/health"),
        ("wellspring-bus", "", "/actuator/health"),
    ];
    for (name, yaml, path) in table {
        let mut best = Duration::MAX;
        let mut resident = 0;
        for _ in 0..STARTS {
            let daemon = Launch::new(name).yaml(yaml).start();
            best = best.min(daemon.started_in());
            assert_eq!(http1::get(daemon.port(), path).unwrap().status, 200, "{name} {path}");
            resident = daemon.resident_kib().unwrap_or_default();
        }
        // Idle memory and time to the first 200, as far as one run can tell.
        println!(
            "\nreport: {name:<25} first answer after {:>4.0} ms, {:>5.1} MiB resident",
            best.as_secs_f64() * 1000.0,
            mib(resident)
        );
        assert!(!long::wanted() || best < Duration::from_secs(5), "{name} took {best:?}");
    }
}

#[test]
fn a_daemon_tells_whether_it_is_ready_without_any_other_program() {
    let mut daemon = Launch::new("wellspring-registry").yaml(ALONE).start();
    let ask = |port: u16| {
        let program = binaries::path("wellspring-registry");
        Command::new(program).arg("--health").env("SERVER_PORT", port.to_string()).output().unwrap()
    };
    let ready = ask(daemon.port());
    assert!(ready.status.success(), "{ready:?}");
    assert_eq!(String::from_utf8_lossy(&ready.stdout), "wellspring-registry is ready\n");

    daemon.stop(Duration::from_secs(60));
    let gone = ask(daemon.port());
    assert_eq!(gone.status.code(), Some(1));
    let said = String::from_utf8_lossy(&gone.stderr).into_owned();
    assert!(said.contains(&format!("127.0.0.1:{}/actuator/health/readiness", daemon.port())), "{said}");
}

fn mib(kib: u64) -> f64 {
    u32::try_from(kib).map_or(f64::INFINITY, f64::from) / 1024.0
}
