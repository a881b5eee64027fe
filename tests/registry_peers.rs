//! Peers that are silent or gone: nobody else waits for them, and they cost next to nothing.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, reason = "tests")]

use std::time::Duration;

use wellspring_test_support::eureka::{self, Herd, Member};
use wellspring_test_support::{Daemon, Fault, FaultProxy, Launch, http1, long, poll, port};

const SOON: Duration = Duration::from_secs(90);
const WINDOW: Duration = Duration::from_secs(2);

/// Number of instances that a registry lists.
fn listed(daemon: &Daemon) -> usize {
    http1::get(daemon.port(), "/eureka/apps").unwrap().text().matches("<instanceId>").count()
}

/// What the registry spends while its clients renew for a while.
fn spent(registry: &Daemon, members: &[Member]) -> Duration {
    let before = registry.cpu_time();
    let herd = Herd::keep(members, WINDOW / 2);
    std::thread::sleep(WINDOW);
    let spent = registry.cpu_time().saturating_sub(before);
    let report = herd.home();
    assert!(report.failed.is_empty() && report.moved == 0, "{report:?}");
    spent
}

#[test]
fn a_silent_peer_and_a_dead_one_cost_nothing_and_delay_nobody() {
    let alone = ["--eureka.client.register-with-eureka=false", "--eureka.client.fetch-registry=false"];
    let far = alone.iter().fold(Launch::new("wellspring-registry"), |launch, word| launch.arg(word)).start();
    let road = FaultProxy::start(([127, 0, 0, 1], far.port()).into());
    let (here, near, dead) = (port::free(), port::free(), port::free());
    let peers = [here, near, road.port(), dead];
    let near = eureka::ours(near, &peers[..2]).arg(alone[0]).start();
    let here = eureka::ours(here, &peers).arg(alone[0]).start();

    let members: Vec<Member> =
        (0..300).map(|number| Member::new("MANY", &format!("many:{number}"), &[here.port()])).collect();
    for member in &members {
        assert_eq!(member.register_at(here.port()).unwrap(), 204);
    }
    for daemon in [&near, &far] {
        poll::until("both peers know all", SOON, || listed(daemon) == members.len());
    }
    let usual = spent(&here, &members);

    road.set(Fault::BlackHole);
    let silent = spent(&here, &members);
    let late = Member::new("LATE", "late:1", &[]);
    assert_eq!(late.register_at(here.port()).unwrap(), 204);
    poll::until("the near peer knows", SOON, || listed(&near) == members.len() + 1);
    assert_eq!(listed(&far), members.len());
    println!("\nreport: {usual:?} of CPU time with peers that answer, {silent:?} with one that is silent");
    // Processor time is more where others are busy too.
    let most = if long::wanted() { Duration::from_millis(100) } else { WINDOW };
    assert!(silent < usual * 2 + most, "{usual:?} became {silent:?}");

    road.set(Fault::None);
    poll::until("the far peer is told", SOON, || listed(&far) == members.len() + 1);
}
