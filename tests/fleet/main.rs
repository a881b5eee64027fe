//! Services of this platform that call one another: the one of the README, and callees that come, go and crash under load.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests"
)]

mod grpc;
mod memory;
mod readme;
mod restarts;

use std::time::Duration;

use wellspring_test_support::{Daemon, Launch, http1};

const SOON: Duration = Duration::from_secs(90);

fn registry() -> Daemon {
    Launch::new("wellspring-registry")
        .yaml(
            "
            eureka:
              client: { register-with-eureka: false, fetch-registry: false }
              server: { enable-self-preservation: false, eviction-interval-timer-in-ms: 500 }
            ",
        )
        .start()
}

/// A service that registers, with a lease that ends three seconds after a crash.
fn member(program: &str, registry: &Daemon) -> Launch {
    Launch::new(program)
        .var("EUREKA_CLIENT_SERVICEURL_DEFAULTZONE", registry.url("/eureka/"))
        .var("EUREKA_INSTANCE_PREFERIPADDRESS", "true")
        .var("EUREKA_INSTANCE_IPADDRESS", "127.0.0.1")
        .var("EUREKA_INSTANCE_LEASERENEWALINTERVALINSECONDS", "1")
        .var("EUREKA_INSTANCE_LEASEEXPIRATIONDURATIONINSECONDS", "3")
}

/// How many instances of `service` the registry has.
fn registered(registry: &Daemon, service: &str) -> usize {
    let path = format!("/eureka/apps/{}", service.to_uppercase());
    let request = http1::Request::new("GET", &path).header("Accept", "application/json");
    let reply = request.send(registry.port()).unwrap();
    if reply.status != 200 {
        return 0;
    }
    reply.json()["application"]["instance"].as_array().map_or(0, Vec::len)
}
