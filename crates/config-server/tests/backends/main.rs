//! The backends beside git and native, each on the real server. What is expected was seen on Spring Cloud Config 4.3.1 with the same
//! contents, unless `docs/deviations.md` says otherwise.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod composite;
mod jdbc;
mod redis;
#[path = "../support/mod.rs"]
mod support;
mod svn;
mod vault;
mod vault_server;

use serde_json::{Value, json};
use support::Server;
use wellspring_test_support::http1::Request;

/// Names of the sources, highest first.
fn names(environment: &Value) -> Vec<&str> {
    let sources = environment["propertySources"].as_array().unwrap();
    sources.iter().map(|source| source["name"].as_str().unwrap()).collect()
}

/// The status of health component `name`, and the component.
async fn health(server: &Server, name: &str) -> (String, Value) {
    let all = server.get("/actuator/health").await.json();
    let component = all["components"][name].clone();
    (component["status"].as_str().unwrap_or_default().to_owned(), component)
}

/// Settings that every server of these tests has.
const SHOWN: (&str, &str) = ("management.endpoint.health.show-details", "always");

/// No text is served by a backend without files: the endpoint is not there, and the error is an ordinary one.
async fn has_no_files(server: &Server) {
    let reply = server.get("/orders/dev/main/x.txt").await;
    assert_eq!((reply.status, &reply.json()["error"]), (404, &json!("Not Found")));
}

async fn post(server: &Server, path: &str, body: &str) -> String {
    let request = Request::new("POST", path).header("Content-Type", "text/plain").body(body);
    let reply = server.send(request).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.text()
}
