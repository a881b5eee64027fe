//! Replays what Resilience4j did, step by step, and compares. `WELLSPRING_VECTORS` names another folder of vectors.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::cast_possible_truncation,
    reason = "a test"
)]

mod breaker;
mod composite;
mod limits;
mod outcome;
mod retries;
mod settings;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// Load-balancing vectors may lie in the same folder; `wellspring-lb-client` replays those.
const ELSEWHERE: [&str; 3] = ["loadbalancer", "lb-retry", "lb-uri"];

fn folder() -> PathBuf {
    std::env::var("WELLSPRING_VECTORS")
        .map_or_else(|_| Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors"), PathBuf::from)
}

/// What one object answers to the steps of its sequence, in the shape of the vectors.
pub(crate) trait Subject {
    fn step(&mut self, step: &Value) -> Value;
}

fn subject(kind: &str, sequence: &Value) -> Option<Box<dyn Subject>> {
    let config = &sequence["config"];
    Some(match kind {
        "circuitbreaker" => Box::new(breaker::Breaker::new(config, sequence)),
        "ratelimiter" => Box::new(limits::Limiter::new(config, sequence)),
        "bulkhead" => Box::new(limits::Permits::new(config)),
        "threadpool-bulkhead" => Box::new(limits::Tasks::new(config)),
        "timelimiter" => Box::new(limits::Time::new(config)),
        "cache" => Box::new(limits::Answers::new()),
        "retry" => Box::new(retries::Retries::new(config)),
        "interval" => Box::new(retries::Waits::new(config)),
        "composite" => Box::new(composite::Stack::new(config)),
        "config-error" => Box::new(settings::Checker),
        _ => return None,
    })
}

/// Whether `actual` has everything of `wanted`; numbers as single-precision floats.
fn same(actual: &Value, wanted: &Value) -> bool {
    match (actual, wanted) {
        (Value::Number(a), Value::Number(w)) => (a.as_f64().unwrap() - w.as_f64().unwrap()).abs() <= 1e-4,
        (Value::Array(a), Value::Array(w)) => a.len() == w.len() && a.iter().zip(w).all(|(a, w)| same(a, w)),
        (Value::Object(a), Value::Object(w)) => {
            w.iter().all(|(key, w)| a.get(key).is_some_and(|a| same(a, w)))
        }
        _ => actual == wanted,
    }
}

#[test]
fn every_step_answers_as_the_original_did() {
    replay(&folder());
}

#[test]
#[should_panic(expected = "nothing here replays vectors of kind teleporter")]
fn a_kind_that_nothing_replays_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let file = r#"{"format": 1, "kind": "teleporter", "sequences": [{"name": "x", "steps": []}]}"#;
    fs::write(folder.path().join("new.json"), file).unwrap();
    replay(folder.path());
}

fn replay(folder: &Path) {
    let mut failures = Vec::new();
    let mut steps = 0;
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "no vectors in {}", folder.display());
    for path in files {
        let file: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        for sequence in file["sequences"].as_array().unwrap() {
            let kind = sequence.get("kind").unwrap_or(&file["kind"]).as_str().unwrap();
            if ELSEWHERE.contains(&kind) {
                continue;
            }
            let Some(mut subject) = subject(kind, sequence) else {
                panic!("{name}: nothing here replays vectors of kind {kind}");
            };
            for (number, step) in sequence["steps"].as_array().unwrap().iter().enumerate() {
                steps += 1;
                let actual = subject.step(step);
                if !same(&actual, &step["expect"]) {
                    let mut given = step.clone();
                    given.as_object_mut().unwrap().remove("expect");
                    failures.push(format!(
                        "{name} / {} / step {number} {given}\n  wanted {}\n  got    {actual}",
                        sequence["name"], step["expect"]
                    ));
                    break;
                }
            }
        }
    }
    assert!(failures.is_empty(), "{} of {steps} steps differ:\n{}", failures.len(), failures.join("\n"));
}
