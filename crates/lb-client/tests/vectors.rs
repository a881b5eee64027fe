//! Replays what Spring Cloud LoadBalancer did: instance choice, retry over instances, addresses.
//!
//! Reads `tests/vectors`, or the folder named by `WELLSPRING_VECTORS`. A kind that neither this crate nor
//! `wellspring-resilience` knows is an error.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::Value;
use wellspring_lb_client::discovery::{Book, Listing};
use wellspring_lb_client::http::real_address;
use wellspring_lb_client::http::retry::{Attempts, Failure, Next, RetryPolicy};
use wellspring_lb_client::pick::{Request, RoundRobin};
use wellspring_lb_client::supplier::{
    DEFAULT_COOKIE, DEFAULT_SIZE, Hint, RetryAware, SameInstance, StickyCookie, Subset, Supplier, Weighted,
    ZonePreference,
};
use wellspring_lb_client::{Balancer, Instance, Metadata};

/// Kinds that `wellspring-resilience` replays.
const OF_RESILIENCE: [&str; 10] = [
    "circuitbreaker",
    "ratelimiter",
    "retry",
    "interval",
    "bulkhead",
    "threadpool-bulkhead",
    "timelimiter",
    "cache",
    "composite",
    "config-error",
];

#[test]
fn vectors() {
    // The one variable that the suite is told by.
    let folder = std::env::vars().find(|(name, _)| name == "WELLSPRING_VECTORS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors"),
        |(_, v)| PathBuf::from(v),
    );
    let replayed = replay(&folder);
    println!("{replayed} sequences");
    assert!(
        replayed > 0 || std::env::vars().any(|(name, _)| name == "WELLSPRING_VECTORS"),
        "nothing to replay"
    );
}

#[test]
#[should_panic(expected = "unknown kind `teleporter`")]
fn a_kind_that_nothing_replays_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let file = r#"{"format": 1, "kind": "teleporter", "sequences": [{"name": "x", "steps": []}]}"#;
    std::fs::write(folder.path().join("new.json"), file).unwrap();
    replay(folder.path());
}

/// How many sequences were replayed.
fn replay(folder: &Path) -> usize {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    files.sort();
    let (mut replayed, mut failures) = (0, Vec::new());
    for path in &files {
        let file: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        assert_eq!(file["format"], 1, "{}", path.display());
        for sequence in file["sequences"].as_array().unwrap() {
            let kind = sequence["kind"].as_str().or(file["kind"].as_str()).unwrap();
            let outcome = match kind {
                "loadbalancer" => select(sequence),
                "lb-retry" => retry(sequence),
                "lb-uri" => uris(sequence),
                other if OF_RESILIENCE.contains(&other) => continue,
                other => panic!("{}: unknown kind `{other}`", path.display()),
            };
            replayed += 1;
            if let Err(error) = outcome {
                failures.push(format!("{} / {}: {error}", path.display(), sequence["name"]));
            }
        }
    }
    assert!(
        failures.is_empty(),
        "{} of {replayed} sequences differ:\n{}",
        failures.len(),
        failures.join("\n")
    );
    replayed
}

fn instances(list: &Value) -> Vec<Instance> {
    list.as_array().map(|all| all.iter().map(instance).collect()).unwrap_or_default()
}

fn instance(value: &Value) -> Instance {
    let id = value["id"].as_str().unwrap();
    let metadata: Metadata = value["metadata"]
        .as_object()
        .map(|map| map.iter().map(|(key, value)| (key.clone(), value.as_str().unwrap().to_owned())).collect())
        .unwrap_or_default();
    let port = value["port"].as_i64().map_or(Some(8080), |port| u16::try_from(port).ok());
    let instance = Instance::new("orders", id, value["host"].as_str().unwrap_or(id), port)
        .with_secure(value["secure"].as_bool().unwrap_or_default())
        .with_metadata(metadata);
    match value["scheme"].as_str() {
        Some(scheme) => instance.with_scheme(scheme),
        None => instance,
    }
}

struct Bench {
    listing: Arc<Listing>,
    balancer: Balancer,
}

fn bench(sequence: &Value) -> Bench {
    let config = &sequence["config"];
    let text = |key: &str| config[key].as_str().map(str::to_owned);
    let steps = config["suppliers"].as_array().map(Vec::as_slice).unwrap_or_default();
    let steps: Vec<Box<dyn Supplier>> = steps
        .iter()
        .map(|name| -> Box<dyn Supplier> {
            match name.as_str().unwrap() {
                "zone-preference" => Box::new(ZonePreference::new(text("zone"))),
                "hint" => Box::new(Hint::new(
                    text("hintHeaderName").unwrap_or_else(|| "X-SC-LB-Hint".to_owned()),
                    Some("default".to_owned()),
                )),
                "weighted" => Box::new(Weighted),
                "subset" => {
                    let size = config["subsetSize"]
                        .as_u64()
                        .map_or(DEFAULT_SIZE, |size| usize::try_from(size).unwrap());
                    Box::new(Subset::new(&text("subsetInstanceId").unwrap_or_default(), size))
                }
                "same-instance" => Box::new(SameInstance::default()),
                "sticky-cookie" => Box::new(StickyCookie::new(
                    text("cookieName").unwrap_or_else(|| DEFAULT_COOKIE.to_owned()),
                )),
                "retry-aware" => Box::new(RetryAware),
                other => panic!("unknown supplier `{other}`"),
            }
        })
        .collect();
    let listing = Book::default().listing("orders");
    listing.replace(instances(&sequence["instances"]));
    let seed = config["seedPosition"].as_u64().unwrap_or_default();
    let picker = RoundRobin::starting_after(u32::try_from(seed).unwrap());
    Bench { balancer: Balancer::new("orders", Arc::clone(&listing), steps, Box::new(picker)), listing }
}

fn select(sequence: &Value) -> Result<(), String> {
    let bench = bench(sequence);
    for (number, step) in sequence["steps"].as_array().unwrap().iter().enumerate() {
        let expect = &step["expect"];
        match step["op"].as_str().unwrap() {
            "instances" => {
                bench.listing.replace(instances(&step["instances"]));
            }
            "choose" => {
                let headers = headers(step);
                let all = bench.listing.instances();
                let previous = step["previous"].as_str().map(|id| {
                    let listed = all.iter().find(|instance| instance.instance_id() == id);
                    listed.cloned().unwrap_or_else(|| Instance::new("orders", id, id, 8080))
                });
                let request = Request {
                    headers: Some(&headers),
                    previous: previous.as_ref(),
                    hint: step["hint"].as_str(),
                    key: None,
                };
                let ids = |list: &[Instance]| -> Vec<Value> {
                    list.iter().map(|instance| Value::from(instance.instance_id())).collect()
                };
                if !expect["candidates"].is_null() {
                    let candidates = Value::from(ids(&bench.balancer.candidates(&request)));
                    compare(number, "candidates", &candidates, &expect["candidates"])?;
                }
                let chosen: Vec<Value> = (0..step["times"].as_u64().unwrap_or(1))
                    .map(|_| {
                        bench
                            .balancer
                            .choose(&request)
                            .map_or(Value::Null, |chosen| chosen.instance_id().into())
                    })
                    .collect();
                compare(number, "chosen", &Value::from(chosen), &expect["chosen"])?;
            }
            other => panic!("unknown step `{other}`"),
        }
    }
    Ok(())
}

fn headers(step: &Value) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in step["headers"].as_object().into_iter().flatten() {
        let name = HeaderName::try_from(name.as_str()).unwrap();
        headers.append(name, HeaderValue::from_str(value.as_str().unwrap()).unwrap());
    }
    let cookies: Vec<String> = step["cookies"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| format!("{name}={}", value.as_str().unwrap()))
        .collect();
    if !cookies.is_empty() {
        headers.insert(http::header::COOKIE, HeaderValue::from_str(&cookies.join("; ")).unwrap());
    }
    headers
}

fn policy(config: &Value) -> RetryPolicy {
    let mut policy = RetryPolicy::default();
    for (key, value) in config.as_object().into_iter().flatten() {
        let number = || u32::try_from(value.as_u64().unwrap()).unwrap();
        let flag = || value.as_bool().unwrap();
        match key.as_str() {
            "enabled" => policy.enabled = flag(),
            "maxRetriesOnSameServiceInstance" => policy.max_retries_on_same_service_instance = number(),
            "maxRetriesOnNextServiceInstance" => policy.max_retries_on_next_service_instance = number(),
            "retryOnAllOperations" => policy.retry_on_all_operations = flag(),
            "retryOnAllExceptions" => policy.retry_on_all_exceptions = flag(),
            "avoidPreviousInstance" => policy.avoid_previous_instance = flag(),
            "retryableStatusCodes" => {
                policy.retryable_status_codes = serde_json::from_value(value.clone()).unwrap()
            }
            other => panic!("unknown retry setting `{other}`"),
        }
    }
    policy
}

fn retry(sequence: &Value) -> Result<(), String> {
    let bench = bench(sequence);
    let policy = policy(&sequence["config"]["retry"]);
    for (number, step) in sequence["steps"].as_array().unwrap().iter().enumerate() {
        assert_eq!(step["op"], "call");
        let method = Method::from_bytes(step["method"].as_str().unwrap_or("GET").as_bytes()).unwrap();
        let mut outcomes = step["outcomes"].as_array().unwrap().iter();
        let mut outcome = "";
        let mut attempts = Attempts::new(&policy, &method);
        let (mut made, mut previous, mut next) = (Vec::new(), None::<Instance>, Next::Other);
        while next != Next::Stop {
            let instance = match (previous.take(), next) {
                (Some(same), Next::Same) => same,
                (failed, _) => {
                    let previous = failed.as_ref().filter(|_| policy.avoid_previous_instance);
                    bench.balancer.choose(&Request { previous, ..Request::default() }).unwrap()
                }
            };
            made.push(Value::from(instance.instance_id()));
            outcome = outcomes.next().map_or(outcome, |value| value.as_str().unwrap());
            let failure = match outcome {
                "error:io" | "error:timeout" => Failure::Connection,
                error if error.starts_with("error:") => Failure::Other,
                status => Failure::Status(status.parse().unwrap()),
            };
            next = attempts.failed(failure);
            previous = Some(instance);
        }
        compare(number, "attempts", &Value::from(made), &step["expect"]["attempts"])?;
        compare(number, "final", &Value::from(outcome), &step["expect"]["final"])?;
    }
    Ok(())
}

fn uris(sequence: &Value) -> Result<(), String> {
    for (number, step) in sequence["steps"].as_array().unwrap().iter().enumerate() {
        assert_eq!(step["op"], "uri");
        let real = real_address(step["original"].as_str().unwrap(), &instance(&step["instance"]));
        compare(
            number,
            "uri",
            &Value::from(real.map_err(|error| error.to_string())?),
            &step["expect"]["uri"],
        )?;
    }
    Ok(())
}

fn compare(step: usize, what: &str, ours: &Value, theirs: &Value) -> Result<(), String> {
    if ours == theirs {
        Ok(())
    } else {
        Err(format!("step {step}: {what} is {ours}, the original has {theirs}"))
    }
}
