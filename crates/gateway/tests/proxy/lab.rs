//! What a trace says is what happens: each request of the conformance suites that reached an upstream, traced without one.

use std::path::Path;

use serde_json::{Map, Value, json};
use wellspring_daemon::admin::routes::{RouteTrace, TraceOrder};
use wellspring_gateway::Offline;
use wellspring_gateway::trace::Described;
use wellspring_pattern::JavaRegex;
use wellspring_properties::Loader;

const SUITES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/conformance/gateway");
/// The gateway's own port, as the cases name it.
const PORT: &str = "8080";

/// The connection writes them, which a trace has not.
const OF_THE_WIRE: [&str; 3] = ["connection", "content-length", "transfer-encoding"];

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_equals_what_the_upstream_received_in_every_conformance_case() {
    let (mut compared, mut not_run) = (0, 0);
    for folder in std::fs::read_dir(SUITES).unwrap().map(|entry| entry.unwrap().path()) {
        let config = folder.join("application.yml");
        let routes = Offline::load(&Loader::new().config_path(Some(config)).load().await.unwrap()).unwrap();
        for Echoed { name, request, seen, ignored } in echoed(&folder) {
            let trace = traced(&routes, &request);
            if trace.incomplete {
                not_run += 1;
                continue;
            }
            compare(&format!("{}: {name}", folder.display()), &trace, &seen, &ignored);
            compared += 1;
        }
    }
    assert!(compared >= 45, "{compared} compared, {not_run} have filters that a trace does not run");
    println!("{compared} requests compared, {not_run} have filters that a trace does not run");
}

/// A request whose answer is what the echo upstream saw.
struct Echoed {
    name: String,
    request: Value,
    seen: Value,
    /// Headers that the case does not compare.
    ignored: Vec<String>,
}

fn echoed(folder: &Path) -> Vec<Echoed> {
    let text = std::fs::read_to_string(folder.join("cases.json")).unwrap().replace("${PORT}", PORT);
    let suite: Value = serde_json::from_str(&text).unwrap();
    let mut found = Vec::new();
    for case in suite["cases"].as_array().unwrap() {
        for step in case["steps"].as_array().unwrap() {
            let response = &step["response"];
            let seen = [&response["json"], &response["json_subset"]].into_iter().find(|seen| !seen.is_null());
            // Error pages have a status, what the echo says has not.
            let echo = seen.filter(|seen| seen.get("headers").is_some() && seen.get("status").is_none());
            if let Some(seen) = echo {
                let ignored = response["ignore"].as_array().into_iter().flatten();
                let header = |pointer: &Value| Some(pointer.as_str()?.strip_prefix("/headers/")?.to_owned());
                found.push(Echoed {
                    name: case["name"].as_str().unwrap().to_owned(),
                    request: step["request"].clone(),
                    seen: seen.clone(),
                    ignored: ignored.filter_map(header).collect(),
                });
            }
        }
    }
    found
}

fn traced(routes: &Offline, request: &Value) -> RouteTrace {
    let mut headers: Map<String, Value> = request["headers"].as_object().cloned().unwrap_or_default();
    headers.retain(|_, value| !value.is_null());
    if !headers.keys().any(|name| name.eq_ignore_ascii_case("host")) {
        headers.insert("host".to_owned(), json!(format!("127.0.0.1:{PORT}")));
    }
    let order: TraceOrder = serde_json::from_value(json!({
        "method": request["method"].as_str().unwrap_or("GET"), "path": request["path"], "headers": headers,
    }))
    .unwrap();
    routes.trace(&Described::try_from(order).unwrap()).unwrap()
}

fn compare(name: &str, trace: &RouteTrace, seen: &Value, ignored: &[String]) {
    let left_out =
        |header: &str| OF_THE_WIRE.contains(&header) || ignored.iter().any(|one| one.as_str() == header);
    let sent = trace.sent.as_ref().unwrap_or_else(|| panic!("{name}: nothing would be sent: {trace:?}"));
    let (path, query) = sent.path.split_once('?').unwrap_or((&sent.path, ""));
    for (member, value) in [("method", &*sent.method), ("path", path), ("query", query)] {
        if let Some(wanted) = seen.get(member) {
            assert_eq!(wanted, value, "{name}: {member}");
        }
    }
    if let Some(port) = seen.get("port") {
        let target = trace.target.as_deref().unwrap();
        assert!(target.starts_with(&format!("http://127.0.0.1:{port}/")), "{name}: {target}, not {port}");
    }
    for (header, wanted) in seen["headers"].as_object().unwrap() {
        if left_out(header) {
            continue;
        }
        let values = sent.headers.get(header).cloned().unwrap_or_default();
        let wanted: Vec<&str> = wanted.as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect();
        let fit = values.iter().zip(&wanted).all(|(value, wanted)| fits(value, wanted));
        assert!(fit && values.len() == wanted.len(), "{name}: {header}: {values:?}, not {wanted:?}");
    }
    // Nor does the trace claim headers that the upstream did not get, where all of them are recorded.
    if seen.get("body").is_some() {
        for header in sent.headers.keys().filter(|header| !left_out(header)) {
            assert!(seen["headers"].get(header).is_some() || header == "content-type", "{name}: {header}");
        }
    }
}

/// As a case writes it: a pattern begins with `~`. Secrets are masked in a trace.
fn fits(value: &str, wanted: &str) -> bool {
    let pattern = wanted.strip_prefix('~').map(|pattern| JavaRegex::new(pattern).unwrap());
    value == "******" || pattern.map_or_else(|| value == wanted, |pattern| pattern.finds(value))
}
