//! Records what the original config server makes of generated documents: `cargo run -p wellspring-tests --example record_typing`.
//!
//! Five hundred files from a fixed seed are served by the real Spring Cloud Config Server (native backend); its answers, byte
//! for byte, are written to `crates/config-server/tests/typing/`, where the test of that name replays them without a JVM.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a tool of the tests"
)]
#![allow(clippy::print_stdout, reason = "says what it did")]

mod flat;
mod nested;
mod scalars;

use std::fs;

use fastrand::Rng;
use serde_json::{Value, json};
use wellspring_test_support::http1::Request;
use wellspring_test_support::{spring, tools};

const SEED: u64 = 0x5EED_2025;
const DOCUMENTS: usize = 500;
const PER_FILE: usize = 100;
const V2: &str = "application/vnd.spring-cloud.config-server.v2+json";

/// A file to be served and what it is asked with.
pub(crate) struct Document {
    pub(crate) extension: &'static str,
    pub(crate) text: String,
    pub(crate) profiles: &'static str,
}

impl Document {
    pub(crate) fn yaml(text: String) -> Self {
        Self { extension: "yml", text, profiles: "default" }
    }
}

fn document(rng: &mut Rng, number: usize) -> Document {
    match number % 50 {
        0..=9 => scalars::table(rng),
        10..=17 => nested::tree(rng),
        18..=22 => scalars::blocks(rng),
        23..=26 => nested::anchors(rng),
        27..=31 => nested::odd_keys(rng),
        32..=36 => nested::documents(rng),
        37..=40 => nested::tagged(rng),
        41..=43 => nested::broken(rng),
        _ => flat::properties(rng),
    }
}

fn main() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut rng = Rng::with_seed(SEED);
    let documents: Vec<Document> = (0..DOCUMENTS).map(|number| document(&mut rng, number)).collect();
    for (number, document) in documents.iter().enumerate() {
        let bytes = match document.extension {
            "yml" => document.text.clone().into_bytes(),
            // Properties are read as ISO-8859-1; every character of the generated ones fits.
            _ => document.text.chars().map(|c| u8::try_from(u32::from(c)).expect("latin 1")).collect(),
        };
        fs::write(folder.path().join(format!("d{number}.{}", document.extension)), bytes).expect("a file");
    }
    let place = folder.path().display().to_string();
    let server = spring::launch(&spring::jar_of("tests/originals/config", "config"))
        .var("SPRING_PROFILES_ACTIVE", "native")
        .var("SPRING_CLOUD_CONFIG_SERVER_NATIVE_SEARCHLOCATIONS", format!("file:{place}"))
        .var("SPRING_CLOUD_CONFIG_SERVER_NATIVE_ADDLABELLOCATIONS", "false")
        .start();
    let ask = |path: &str, accept: &str| -> Value {
        let reply =
            Request::new("GET", path).header("Accept", accept).send(server.port()).expect("an answer");
        if reply.status == 200 { json!(reply.text().replace(&place, "DIR")) } else { json!(reply.status) }
    };
    let target = tools::root().join("crates/config-server/tests/typing");
    for (part, documents) in documents.chunks(PER_FILE).enumerate() {
        let mut lines = String::new();
        for (at, document) in documents.iter().enumerate() {
            let (name, profiles) = (format!("d{}", part * PER_FILE + at), document.profiles);
            let flat = |extension: &str| ask(&format!("/{name}-{profiles}.{extension}"), "*/*");
            let line = json!({
                "file": format!("{name}.{}", document.extension),
                "profiles": profiles,
                "text": document.text,
                "v1": ask(&format!("/{name}/{profiles}"), "application/json"),
                "v2": ask(&format!("/{name}/{profiles}"), V2),
                "yml": flat("yml"),
                "properties": flat("properties"),
                "json": flat("json"),
            });
            lines.push_str(&line.to_string());
            lines.push('\n');
        }
        fs::write(target.join(format!("{part}.ndjson")), lines).expect("the record");
    }
    println!("{DOCUMENTS} documents recorded in {}", target.display());
}
