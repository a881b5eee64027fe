//! Five hundred generated files, YAML and properties, against the original's recorded answers: byte for byte in every form.
//!
//! `cargo run -p wellspring-tests --example record_typing` makes the records anew from the running original.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod support;

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use support::Server;
use wellspring_test_support::http1::Request;

const V2: &str = "application/vnd.spring-cloud.config-server.v2+json";
/// Differences that are shown in full.
const SHOWN: usize = 25;

/// Two differences that are documented: binary values in properties, of which the original tells Java's identity (`[B@1f2e`),
/// and doubles for which older JVMs write more digits than the number needs.
fn is_explained(ours: &Value, original: &Value) -> bool {
    let (Some(ours), Some(original)) = (ours.as_str(), original.as_str()) else { return false };
    let words = |text: &str| -> Vec<String> {
        text.split_inclusive([' ', '\n', ':', ',', '}']).map(str::to_owned).collect()
    };
    let (ours, original) = (words(ours), words(original));
    ours.len() == original.len()
        && ours.iter().zip(&original).all(|(ours, original)| {
            let digits = |word: &str| word.trim_end_matches([' ', '\n', ',', '}']).parse::<f64>().ok();
            let same_double = digits(ours).is_some_and(|number| digits(original) == Some(number));
            ours == original || original.starts_with("[B@") || (original.contains('E') && same_double)
        })
}

#[tokio::test(flavor = "multi_thread")]
async fn generated_documents_are_answered_as_the_original_answers_them() {
    let folder = tempfile::tempdir().unwrap();
    let mut records: Vec<Value> = Vec::new();
    for part in 0..5 {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/typing/{part}.ndjson"));
        let text = fs::read_to_string(file).unwrap();
        records.extend(text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()));
    }
    assert_eq!(records.len(), 500);
    for record in &records {
        let (file, text) = (record["file"].as_str().unwrap(), record["text"].as_str().unwrap());
        let bytes = if file.ends_with(".yml") {
            text.as_bytes().to_vec()
        } else {
            // Properties are ISO-8859-1.
            text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect()
        };
        fs::write(folder.path().join(file), bytes).unwrap();
    }
    let place = folder.path().display().to_string();
    let server = Server::start(&[
        ("spring.profiles.active", "native"),
        ("spring.cloud.config.server.native.search-locations", &format!("file:{place}")),
        ("spring.cloud.config.server.native.add-label-locations", "false"),
    ])
    .await;
    let port = server.port();
    let differences = tokio::task::spawn_blocking(move || {
        let mut found = Vec::new();
        for record in &records {
            let name = record["file"].as_str().unwrap().split('.').next().unwrap().to_owned();
            let profiles = record["profiles"].as_str().unwrap();
            for (form, path, accept) in [
                ("v1", format!("/{name}/{profiles}"), "application/json"),
                ("v2", format!("/{name}/{profiles}"), V2),
                ("yml", format!("/{name}-{profiles}.yml"), "*/*"),
                ("properties", format!("/{name}-{profiles}.properties"), "*/*"),
                ("json", format!("/{name}-{profiles}.json"), "*/*"),
            ] {
                let reply = Request::new("GET", &path).header("Accept", accept).send(port).unwrap();
                let ours = if reply.status == 200 {
                    json!(reply.text().replace(&place, "DIR"))
                } else {
                    json!(reply.status)
                };
                if ours != record[form] && !is_explained(&ours, &record[form]) {
                    found.push(format!(
                        "{path} as {form}\n--- file\n{}\n--- original\n{}\n--- ours\n{ours}\n",
                        record["text"].as_str().unwrap(),
                        record[form]
                    ));
                }
            }
        }
        found
    })
    .await
    .unwrap();
    let shown = differences.iter().take(SHOWN).cloned().collect::<Vec<_>>().join("\n");
    assert!(differences.is_empty(), "{} differences; the first:\n{shown}", differences.len());
}
