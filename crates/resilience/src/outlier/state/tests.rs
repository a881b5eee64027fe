use super::*;

fn at(seconds: u64) -> Nanos {
    Nanos(1_000_000_000_000 + seconds * 1_000_000_000)
}

fn outliers(hosts: u32, config: OutlierConfig) -> Outliers<u32> {
    let mut outliers = Outliers::new(config);
    outliers.set_hosts(0..hosts);
    assert!(outliers.tick(at(0)).is_empty());
    outliers
}

fn report(
    outliers: &mut Outliers<u32>,
    host: u32,
    outcome: Outcome,
    times: u32,
    second: u64,
) -> Vec<Ejection<u32>> {
    (0..times).filter_map(|_| outliers.report(&host, outcome, at(second))).collect()
}

#[test]
fn five_server_errors_in_a_row_put_a_host_out_for_thirty_seconds() {
    let mut outliers = outliers(10, OutlierConfig::default());
    assert!(report(&mut outliers, 3, Outcome::ServerError, 4, 1).is_empty());
    assert!(report(&mut outliers, 3, Outcome::Success, 1, 1).is_empty());
    assert!(report(&mut outliers, 3, Outcome::ServerError, 4, 1).is_empty());
    let ejected = report(&mut outliers, 3, Outcome::GatewayError, 1, 1);
    let wanted =
        Ejection { host: 3, reason: Reason::ConsecutiveServerErrors, duration: Duration::from_secs(30) };
    assert_eq!(ejected, [wanted]);
    assert!(outliers.is_out(&3));
    for second in [10, 20, 30] {
        assert!(outliers.tick(at(second)).is_empty());
        assert!(outliers.is_out(&3), "{second}");
    }
    outliers.tick(at(40));
    assert!(!outliers.is_out(&3));
}

#[test]
fn ejections_grow_longer_and_are_forgotten_in_good_times() {
    let mut outliers = outliers(10, OutlierConfig::default());
    let mut durations = Vec::new();
    let mut second = 1;
    for _ in 0..3 {
        durations.extend(
            report(&mut outliers, 0, Outcome::LocalError, 5, second).iter().map(|e| e.duration.as_secs()),
        );
        while outliers.is_out(&0) {
            second += 10;
            outliers.tick(at(second));
        }
    }
    assert_eq!(durations, [30, 60, 90]);
    for _ in 0..10 {
        second += 10;
        outliers.tick(at(second));
    }
    let again = report(&mut outliers, 0, Outcome::LocalError, 5, second);
    assert_eq!(again.iter().map(|e| e.duration.as_secs()).collect::<Vec<_>>(), [30]);
}

#[test]
fn no_more_hosts_go_out_than_allowed_but_one_always_may() {
    let mut few = outliers(3, OutlierConfig::default());
    assert_eq!(report(&mut few, 0, Outcome::ServerError, 5, 1).len(), 1);
    assert!(report(&mut few, 1, Outcome::ServerError, 50, 1).is_empty());
    let mut many = outliers(10, OutlierConfig { max_ejection_percent: 30, ..OutlierConfig::default() });
    let out = (0..10).filter(|host| !report(&mut many, *host, Outcome::ServerError, 5, 1).is_empty()).count();
    assert_eq!(out, 3);
}

#[test]
fn gateway_errors_have_their_own_count() {
    let config = OutlierConfig { consecutive_gateway_errors: 2, ..OutlierConfig::default() };
    let mut outliers = outliers(10, config);
    assert!(report(&mut outliers, 0, Outcome::GatewayError, 1, 1).is_empty());
    assert!(report(&mut outliers, 0, Outcome::ServerError, 1, 1).is_empty());
    let ejected = report(&mut outliers, 0, Outcome::GatewayError, 2, 1);
    assert_eq!(ejected.first().map(|e| e.reason), Some(Reason::ConsecutiveGatewayErrors));
}

#[test]
fn a_host_far_below_the_others_is_put_out_at_the_interval() {
    let mut outliers =
        outliers(6, OutlierConfig { consecutive_server_errors: 0, ..OutlierConfig::default() });
    for host in 0..6 {
        report(&mut outliers, host, Outcome::Success, if host == 5 { 60 } else { 99 }, 1);
        report(&mut outliers, host, Outcome::ServerError, if host == 5 { 40 } else { 1 }, 1);
    }
    assert!(outliers.tick(at(5)).is_empty(), "not before the interval is over");
    let ejected = outliers.tick(at(10));
    assert_eq!(ejected.iter().map(|e| (e.host, e.reason)).collect::<Vec<_>>(), [(5, Reason::SuccessRate)]);
}

#[test]
fn too_few_calls_or_hosts_are_not_judged() {
    let mut few_calls =
        outliers(6, OutlierConfig { consecutive_server_errors: 0, ..OutlierConfig::default() });
    report(&mut few_calls, 0, Outcome::ServerError, 99, 1);
    (1..6).for_each(|host| drop(report(&mut few_calls, host, Outcome::Success, 100, 1)));
    // Host 0 has 99 calls: the other five are judged without it.
    assert!(few_calls.tick(at(10)).is_empty());
    let mut few_hosts =
        outliers(4, OutlierConfig { consecutive_server_errors: 0, ..OutlierConfig::default() });
    report(&mut few_hosts, 0, Outcome::ServerError, 200, 1);
    (1..4).for_each(|host| drop(report(&mut few_hosts, host, Outcome::Success, 200, 1)));
    assert!(few_hosts.tick(at(10)).is_empty());
}

#[test]
fn the_failure_percentage_is_judged_when_asked_for() {
    let config = OutlierConfig {
        consecutive_server_errors: 0,
        success_rate: false,
        failure_percentage: true,
        max_ejection_percent: 100,
        ..OutlierConfig::default()
    };
    let mut outliers = outliers(5, config);
    for host in 0..5 {
        report(&mut outliers, host, Outcome::ServerError, if host < 2 { 45 } else { 5 }, 1);
        report(&mut outliers, host, Outcome::Success, if host < 2 { 5 } else { 45 }, 1);
    }
    let mut hosts: Vec<_> = outliers.tick(at(10)).into_iter().map(|e| e.host).collect();
    hosts.sort_unstable();
    assert_eq!(hosts, [0, 1]);
}

#[test]
fn hosts_that_are_gone_are_forgotten() {
    let mut outliers = outliers(10, OutlierConfig::default());
    report(&mut outliers, 0, Outcome::ServerError, 5, 1);
    outliers.set_hosts(1..10);
    assert!(!outliers.is_out(&0));
    assert_eq!(
        report(&mut outliers, 1, Outcome::ServerError, 5, 1).len(),
        1,
        "the place of the other is free"
    );
}
