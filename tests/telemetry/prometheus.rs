//! A real Prometheus finds everybody in our registry and scrapes them; the alert rules load and fire when they should, and
//! every expression of the dashboard answers with metrics that there are.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;
use wellspring_telemetry::names;
use wellspring_test_support::{Daemon, Launch, http1, poll, port, tools};

use crate::SOON;
use crate::platform::Platform;

/// Metrics that show only once something happened which does not happen here.
const RARE: &[(&str, &str)] = &[
    ("wellspring_registry_replication_waiting_changes", "a second registry"),
    ("wellspring_registry_replication_dropped_changes_total", "a second registry"),
    ("wellspring_registry_peer_reachable", "a second registry"),
    ("wellspring_gateway_ratelimiter_unlimited_requests_total", "a Redis that is away"),
    ("wellspring_traces_dropped_spans_total", "a collector"),
];

struct Prometheus(Daemon);

impl Prometheus {
    /// With the settings of `deploy/`, but the registry's address and the pace.
    fn start(registry: &Daemon) -> Self {
        let deploy = tools::root().join("deploy");
        let settings = std::fs::read_to_string(deploy.join("compose/prometheus.yml")).unwrap();
        let here = format!("127.0.0.1:{}", registry.port());
        let settings = settings
            .replace("registry-1:8761", &here)
            .replace(r#", "registry-2:8761""#, "")
            .replace("/etc/prometheus/alerts.yml", deploy.join("prometheus/alerts.yml").to_str().unwrap())
            .replace("_interval: 5s", "_interval: 1s")
            .replace("refresh_interval: 10s", "refresh_interval: 1s");
        assert!(settings.contains(&here), "{settings}");
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("prometheus.yml");
        std::fs::write(&file, settings).unwrap();
        let own = port::free();
        let daemon = Launch::program("prometheus")
            .port(own)
            .arg(format!("--web.listen-address=127.0.0.1:{own}"))
            .arg(format!("--config.file={}", file.display()))
            .arg("--storage.tsdb.path=data")
            .arg("--log.level=warn")
            .spawn();
        let ready = || http1::get(own, "/-/ready").is_ok_and(|reply| reply.status == 200);
        poll::until("Prometheus is ready", SOON, ready);
        Self(daemon)
    }

    fn ask(&self, path: &str) -> Value {
        let reply = http1::get(self.0.port(), path).unwrap();
        let answer = reply.json();
        assert!(reply.status == 200 && answer["status"] == "success", "{path}: {answer}");
        answer["data"].clone()
    }

    fn query(&self, expression: &str) -> Vec<Value> {
        let encoded = percent_encoding::utf8_percent_encode(expression, percent_encoding::NON_ALPHANUMERIC);
        self.ask(&format!("/api/v1/query?query={encoded}"))["result"].as_array().unwrap().clone()
    }

    /// Names of all series it has.
    fn names(&self) -> BTreeSet<String> {
        let names = self.ask("/api/v1/label/__name__/values");
        names.as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect()
    }
}

#[test]
fn prometheus_scrapes_everybody_and_every_expression_answers() {
    let name = "prometheus_scrapes_everybody_and_every_expression_answers";
    if !tools::present(name, &["prometheus"]) {
        return;
    }
    let platform = Platform::start(&[]);
    poll::until("an order comes through", SOON, || platform.order(1).is_some());
    let prometheus = Prometheus::start(&platform.registry);

    // Found through the registry, each with its name, and no scrape failed or was misread.
    for (name, _) in platform.members() {
        let up = format!(r#"up{{job="wellspring", application="{name}"}} == 1"#);
        poll::until(&format!("{name} is scraped"), SOON, || prometheus.query(&up).len() == 1);
    }
    let mut orders = 0;
    poll::until("a few scrapes of each", SOON, || {
        orders += u32::from(platform.order(2).is_some());
        let scraped = r#"count_over_time(up{job="wellspring"}[5m]) >= 4"#;
        prometheus.query(scraped).len() == platform.members().len()
    });
    // What cannot be read is an error each time; an answer that came too late once, on a busy machine, is none the next time.
    let mut targets = Vec::new();
    let well = poll::within(SOON, || {
        prometheus.ask("/api/v1/targets?state=active")["activeTargets"]
            .as_array()
            .unwrap()
            .clone_into(&mut targets);
        let is_well = |target: &Value| target["health"] == "up" && target["lastError"] == "";
        // And the registry by its address.
        targets.len() == platform.members().len() + 1 && targets.iter().all(is_well)
    });
    assert!(well, "{targets:#?}");
    let log = prometheus.0.log();
    assert!(!log.contains("level=warn") && !log.contains("level=error"), "{log}");
    for (name, daemon) in platform.members() {
        assert_well_formed(name, daemon);
    }

    // What is counted is what happened.
    let counted =
        r#"sum(spring_cloud_gateway_requests_seconds_count{routeId="orders",outcome="SUCCESSFUL"})"#;
    poll::until("the orders are counted", SOON, || {
        prometheus
            .query(counted)
            .first()
            .is_some_and(|sum| sum["value"][1].as_str().unwrap().parse::<f64>().unwrap() > f64::from(orders))
    });

    // The rules loaded, and none fires on a platform that is well.
    let groups = prometheus.ask("/api/v1/rules?type=alert");
    let rules: Vec<_> = groups["groups"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|group| group["rules"].as_array().unwrap())
        .collect();
    assert!(rules.len() >= 15, "{}", rules.len());
    let evaluated = || {
        let groups = prometheus.ask("/api/v1/rules?type=alert");
        let rules: Vec<Value> = groups["groups"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|group| group["rules"].as_array().unwrap().clone())
            .collect();
        rules.iter().all(|rule| rule["health"] == "ok")
    };
    poll::until("every rule was evaluated", SOON, evaluated);
    let firing = prometheus.query(r#"ALERTS{alertstate="firing"}"#);
    assert!(firing.is_empty(), "{firing:?}");

    // Every expression answers, and asks for what is there.
    let rules = rules.iter().map(|rule| rule["query"].as_str().unwrap().to_owned());
    for expression in rules.chain(expressions_of_the_dashboard()) {
        prometheus.query(&expression);
        for metric in metrics_in(&expression) {
            let rare = RARE.iter().any(|(rare, _)| *rare == metric);
            let shown = rare || poll::within(SOON, || prometheus.names().contains(&metric));
            assert!(shown, "nobody shows {metric} of {expression}");
            assert!(
                metric == "up" || is_ours(&metric),
                "{metric} of {expression} is no metric of docs/metrics.md"
            );
        }
    }
}

#[test]
fn alert_rules_are_valid_and_fire_when_they_should() {
    if !tools::present("alert_rules_are_valid_and_fire_when_they_should", &["prometheus"]) {
        return;
    }
    let folder = tools::root().join("deploy/prometheus");
    for words in [["check", "rules", "alerts.yml"], ["test", "rules", "alerts_test.yml"]] {
        let output = Command::new("promtool").args(words).current_dir(&folder).output().unwrap();
        assert!(output.status.success(), "promtool {words:?}: {output:?}");
    }
}

/// Prometheus' own linter has nothing to say but of names that are the originals'.
fn assert_well_formed(name: &str, daemon: &Daemon) {
    const ORIGINAL: [&str; 4] = [
        "process_cpu_time_ns_total ",
        "spring_cloud_gateway_requests_seconds",
        "spring_cloud_gateway_routes_count ",
        "system_cpu_count ",
    ];
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("metrics");
    std::fs::write(&file, http1::get(daemon.port(), "/actuator/prometheus").unwrap().body).unwrap();
    let input = std::fs::File::open(&file).unwrap();
    let output = Command::new("promtool").args(["check", "metrics"]).stdin(input).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let complaints: Vec<&str> =
        said.lines().filter(|line| !ORIGINAL.iter().any(|name| line.starts_with(name))).collect();
    assert!(complaints.is_empty(), "{name}: {complaints:?}");
}

/// As Grafana would send them: everything selected.
fn expressions_of_the_dashboard() -> Vec<String> {
    let folder = tools::root().join("deploy/grafana");
    let mut found = Vec::new();
    for file in std::fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path()) {
        if file.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let dashboard: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        for panel in dashboard["panels"].as_array().unwrap() {
            for target in panel["targets"].as_array().into_iter().flatten() {
                let expression = target["expr"].as_str().unwrap();
                found.push(expression.replace("$application", ".*").replace("$__rate_interval", "1m"));
            }
        }
    }
    assert!(found.len() > 30, "{}", found.len());
    found
}

/// The metrics an expression names: what stands before a selector or a range, or alone, and is no function.
fn metrics_in(expression: &str) -> BTreeSet<String> {
    let mut bare = String::new();
    let mut depth = 0;
    for c in expression.chars() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ if depth == 0 => bare.push(c),
            _ => {}
        }
    }
    let clauses = fancy_regex::Regex::new(r"\b(by|without|on|ignoring)\s*\([^)]*\)").unwrap();
    let bare = clauses.replace_all(&bare, " ").into_owned();
    let names = fancy_regex::Regex::new(r"(?<![a-z0-9_])[a-z_][a-z0-9_]*(?![a-z0-9_]*\s*\()").unwrap();
    let words = ["and", "or", "unless", "bool", "m", "s"];
    names
        .find_iter(bare.as_str())
        .map(|found| found.unwrap())
        .map(|found| found.as_str().to_owned())
        .filter(|name| !words.contains(&name.as_str()))
        .collect()
}

/// A line of `docs/metrics.md`, as Prometheus spells it.
fn is_ours(metric: &str) -> bool {
    names::ALL.iter().any(|name| {
        let spelled = name.id.replace('.', "_");
        let spelled = if name.unit.is_empty() || spelled.ends_with(name.unit) {
            spelled
        } else {
            format!("{spelled}_{}", name.unit)
        };
        ["", "_total", "_count", "_sum", "_max"].iter().any(|end| metric == format!("{spelled}{end}"))
    })
}

#[test]
fn metrics_are_told_from_functions_and_labels() {
    let found = metrics_in(
        r#"sum by (application) (rate(a_count{uri!~"/x.*", y="{}"}[5m])) / max(b_seconds) > 0.05 and c"#,
    );
    assert_eq!(found.into_iter().collect::<Vec<_>>(), ["a_count", "b_seconds", "c"]);
    assert!(is_ours("http_server_requests_seconds_count") && !is_ours("http_server_request_seconds"));
}
