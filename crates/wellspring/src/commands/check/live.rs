//! A running platform, as its admin API tells it.

use serde_json::Value;

use super::finding::Finding;
use super::{addresses, reach};
use crate::codes;
use crate::server::table::cell;
use crate::server::{Exit, Failed, Platform};

/// A clock that differs so much spoils leases, tokens and the order of events.
const APART: i64 = 30;

pub(super) async fn look(platform: &Platform) -> Result<Vec<Finding>, Failed> {
    let mut findings = Vec::new();
    // It is there, or there is nothing to say.
    let overview = platform.get(&["overview"], &[]).await?;
    daemons(&overview, &mut findings);
    ports(&overview, &mut findings).await;
    problems(&overview, &mut findings);
    clock(platform, &mut findings).await?;
    let cluster = known(platform.get(&["cluster"], &[]).await)?;
    if let Some(cluster) = &cluster {
        peers(cluster, &mut findings);
    }
    let services = platform.all(&["services"], &[]).await?;
    instances(&services, &mut findings);
    addresses::look(&services, cluster.as_ref(), &mut findings).await;
    if let Some(drift) = known(platform.get(&["config", "drift"], &[]).await)? {
        drifted(&drift, &mut findings);
    }
    if let Some(routes) = known(platform.get(&["routes"], &[]).await)? {
        refused(&routes, &mut findings);
    }
    if let Some(resilience) = known(platform.get(&["resilience"], &[]).await)? {
        breakers(&resilience, &mut findings);
    }
    if let Some(bus) = known(platform.get(&["bus"], &[]).await)? {
        silent(&bus, &mut findings);
    }
    Ok(findings)
}

/// A domain that no daemon here has is nothing to check; a refusal of the caller is told.
fn known(answer: Result<Value, Failed>) -> Result<Option<Value>, Failed> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(failed) if matches!(failed.exit, Exit::Problem | Exit::Unreachable) => Ok(None),
        Err(failed) => Err(failed),
    }
}

pub(super) fn items<'v>(answer: &'v Value, name: &str) -> impl Iterator<Item = &'v Value> {
    answer.get(name).and_then(Value::as_array).into_iter().flatten()
}

fn daemons(overview: &Value, findings: &mut Vec<Finding>) {
    for daemon in items(overview, "daemons") {
        let (name, status) = (cell(daemon, "name"), cell(daemon, "status"));
        let text = format!("{name} at {} is {status}", cell(daemon, "address"));
        findings.push(match status.as_str() {
            "UP" => Finding::fine("daemons", text),
            "UNKNOWN" => Finding::warning("daemons", codes::DAEMON, text),
            _ => Finding::bad("daemons", codes::DAEMON, text).hint("the problems below say why"),
        });
    }
}

async fn ports(overview: &Value, findings: &mut Vec<Finding>) {
    for daemon in items(overview, "daemons") {
        let address = cell(daemon, "address");
        let plain = address.replace("0.0.0.0", "127.0.0.1").replace("[::]", "127.0.0.1");
        let with_scheme = if plain.contains("://") { plain } else { format!("http://{plain}") };
        let Some((host, port)) = reach::endpoint(&with_scheme) else { continue };
        findings.push(match reach::connect(&host, port).await {
            Ok(()) => Finding::fine("ports", format!("{} answers at {host}:{port}", cell(daemon, "name"))),
            Err(reason) => {
                let text =
                    format!("{} is not reached at {host}:{port} from here: {reason}", cell(daemon, "name"));
                Finding::warning("ports", codes::REMOTE, text)
                    .hint("a firewall, or an address that only its own machine knows")
            }
        });
    }
}

fn problems(overview: &Value, findings: &mut Vec<Finding>) {
    let before = findings.len();
    for problem in items(overview, "problems") {
        let described =
            ["description", "text"].map(|name| cell(problem, name)).into_iter().find(|text| text != "-");
        let described = described
            .or_else(|| problem.get("details").filter(|details| !details.is_null()).map(ToString::to_string));
        let described = described.map(|text| format!(": {text}")).unwrap_or_default();
        let text = format!(
            "{} {} is {}{described}",
            cell(problem, "daemon"),
            cell(problem, "component"),
            cell(problem, "status")
        );
        let finding = Finding::bad("problems", codes::DAEMON, text);
        let hint = ["hint", "remedy"].map(|name| cell(problem, name)).into_iter().find(|hint| hint != "-");
        findings.push(match hint {
            Some(hint) => finding.hint(hint),
            None => finding,
        });
    }
    if findings.len() == before {
        findings.push(Finding::fine("problems", "every indicator is up"));
    }
}

async fn clock(platform: &Platform, findings: &mut Vec<Finding>) -> Result<(), Failed> {
    let Some(apart) = platform.clock_apart().await? else { return Ok(()) };
    findings.push(if apart.abs() > APART {
        let text = format!("the platform's clock and that of this machine are {} s apart", apart.abs());
        Finding::bad("clock", codes::CLOCK, text).hint("time synchronisation (NTP) on both")
    } else {
        Finding::fine("clock", "the platform's clock agrees with that of this machine")
    });
    Ok(())
}

fn peers(cluster: &Value, findings: &mut Vec<Finding>) {
    for peer in items(cluster, "peers") {
        let (url, state) = (cell(peer, "url"), cell(peer, "state"));
        let text = format!("peer {url} is {state}, {} changes wait", cell(peer, "queue"));
        let well = state == "reachable";
        findings.push(if well {
            Finding::fine("peers", text)
        } else {
            let error = cell(peer, "lastError");
            let text = if error == "-" { text } else { format!("{text}: {error}") };
            Finding::bad("peers", codes::REMOTE, text)
                .hint("wellspring cluster; until it is back, its clients see an older list")
        });
    }
    let preservation = cluster.get("selfPreservation");
    if preservation.and_then(|one| one.get("active")) == Some(&Value::Bool(true)) {
        let said = preservation.map(|one| cell(one, "explanation")).unwrap_or_default();
        // Right after a start nobody has had the time to renew: nobody is late either.
        let late = preservation.is_some_and(|one| items(one, "overdue").next().is_some());
        findings.push(if late {
            Finding::warning("peers", codes::PRESERVATION, format!("self-preservation is active: {said}"))
                .hint("if the missing instances are gone for good: wellspring cluster accept")
        } else {
            Finding::fine("peers", format!("self-preservation is active, and nobody is late: {said}"))
        });
    }
}

fn instances(services: &[Value], findings: &mut Vec<Finding>) {
    for service in services {
        let name = cell(service, "name");
        if service.get("up").and_then(Value::as_u64) == Some(0) {
            findings.push(
                Finding::bad("services", codes::INSTANCE, format!("{name}: no instance is UP"))
                    .hint(format!("wellspring instances {name}")),
            );
        }
        for instance in items(service, "instances").filter(|one| cell(one, "status") == "DOWN") {
            let text = format!("{name} {} is DOWN", cell(instance, "id"));
            findings.push(
                Finding::warning("services", codes::INSTANCE, text)
                    .hint(format!("wellspring instances {name}; its own health says why")),
            );
        }
    }
}

fn drifted(drift: &Value, findings: &mut Vec<Finding>) {
    let count = |name: &str| drift.get(name).and_then(Value::as_u64).unwrap_or(0);
    let (behind, current) = (count("behind"), count("current"));
    findings.push(if behind > 0 {
        Finding::warning(
            "drift",
            codes::DRIFT,
            format!("{behind} clients run an older configuration, {current} the present one"),
        )
        .hint("wellspring config drift --state behind; wellspring bus send refreshes them")
    } else {
        Finding::fine("drift", format!("{current} clients have the present configuration"))
    });
}

fn refused(routes: &Value, findings: &mut Vec<Finding>) {
    let count = items(routes, "items").count();
    findings.push(match routes.get("refused").filter(|refused| !refused.is_null()) {
        Some(refused) => {
            let said = cell(refused, "problem");
            let said = if said == "-" { refused.to_string() } else { said };
            Finding::bad("routes", codes::ROUTES, format!("a newer set of routes is refused: {said}"))
                .hint("wellspring validate FILE; the older set stays in force")
        }
        None => Finding::fine("routes", format!("{count} routes in force")),
    });
}

fn breakers(resilience: &Value, findings: &mut Vec<Finding>) {
    let before = findings.len();
    for breaker in items(resilience, "breakers") {
        let state = cell(breaker, "state");
        if matches!(state.as_str(), "OPEN" | "FORCED_OPEN") {
            let text = format!("breaker {} of {} is {state}", cell(breaker, "name"), cell(breaker, "daemon"));
            findings.push(Finding::bad("breakers", codes::BREAKER, text).hint("wellspring breaker list"));
        }
    }
    for ejected in items(resilience, "ejected") {
        let text =
            format!("{} {} is left out of the choice", cell(ejected, "service"), cell(ejected, "instance"));
        findings.push(
            Finding::warning("breakers", codes::BREAKER, text)
                .hint("its last calls failed; it is tried again by itself"),
        );
    }
    if findings.len() == before {
        findings.push(Finding::fine("breakers", "no breaker is open"));
    }
}

fn silent(bus: &Value, findings: &mut Vec<Finding>) {
    if bus.get("connected") == Some(&Value::Bool(false)) {
        findings.push(
            Finding::bad(
                "bus",
                codes::REMOTE,
                format!("the bus is not connected ({})", cell(bus, "transport")),
            )
            .hint("spring.rabbitmq.*, and the broker itself"),
        );
        return;
    }
    match items(bus, "items").next().filter(|newest| items(newest, "silent").next().is_some()) {
        Some(newest) => {
            let text =
                format!("event {} was not acknowledged by {}", cell(newest, "id"), cell(newest, "silent"));
            findings.push(
                Finding::warning("bus", codes::SILENT, text)
                    .hint(format!("wellspring bus acks {} --resend", cell(newest, "id"))),
            );
        }
        None => findings.push(Finding::fine("bus", format!("connected by {}", cell(bus, "transport")))),
    }
}
