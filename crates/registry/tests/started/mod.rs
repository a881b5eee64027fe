//! A registry started in the test's process, and calls on it.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests; not every file uses everything"
)]

use std::fmt::Display;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use wellspring_daemon::{Options, Running};
use wellspring_lb_client::http;

pub(crate) struct Started {
    pub(crate) running: Running,
    pub(crate) http: reqwest::Client,
}

/// Longest wait for something that should happen at once.
const DEADLINE: Duration = Duration::from_secs(90);

impl Started {
    pub(crate) async fn with(settings: &[(&str, &dyn Display)]) -> Self {
        Self::start(Options::local(), settings).await
    }

    pub(crate) async fn with_config(path: &str, settings: &[(&str, &dyn Display)]) -> Self {
        Self::start(Options { config: Some(path.into()), ..Options::local() }, settings).await
    }

    async fn start(mut options: Options, settings: &[(&str, &dyn Display)]) -> Self {
        for (name, value) in settings {
            options.args.retain(|known| !known.starts_with(&format!("--{name}=")));
            options = options.with(name, value);
        }
        let running = wellspring_registry::app().start(options).await.unwrap();
        Self { running, http: http::client(http::Options::default()).unwrap() }
    }

    pub(crate) async fn plain() -> Self {
        Self::with(&[]).await
    }

    pub(crate) fn base(&self) -> String {
        format!("http://{}/eureka", self.running.local_addr())
    }

    pub(crate) fn get(&self, path: &str) -> reqwest::RequestBuilder {
        self.http.get(format!("{}/{path}", self.base())).header("accept", "application/json")
    }

    pub(crate) fn put(&self, path: &str) -> reqwest::RequestBuilder {
        self.http.put(format!("{}/{path}", self.base()))
    }

    pub(crate) fn delete(&self, path: &str) -> reqwest::RequestBuilder {
        self.http.delete(format!("{}/{path}", self.base()))
    }

    pub(crate) fn post(&self, path: &str, body: String) -> reqwest::RequestBuilder {
        self.http
            .post(format!("{}/{path}", self.base()))
            .header("content-type", "application/json")
            .header("accept", "application/json")
            .body(body)
    }

    pub(crate) async fn register(&self, instance: Value) {
        let app = instance["app"].as_str().unwrap().to_owned();
        let answer = self
            .post(&format!("apps/{app}"), json!({ "instance": instance }).to_string())
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 204, "{}", answer.text().await.unwrap());
    }

    pub(crate) async fn json(&self, path: &str) -> Value {
        let answer = self.get(path).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap()
    }

    pub(crate) async fn status(&self, path: &str) -> u16 {
        self.get(path).send().await.unwrap().status().as_u16()
    }

    /// `field` of an instance, once it is `expected`.
    pub(crate) async fn eventually(&self, path: &str, field: &str, expected: &str) {
        self.until(&format!("{path} {field} {expected}"), async || {
            let answer = self.get(path).send().await.unwrap();
            let body: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or_default();
            body["instance"][field] == expected
        })
        .await;
    }

    pub(crate) async fn eventually_status(&self, path: &str, expected: u16) {
        self.until(&format!("{path} {expected}"), async || self.status(path).await == expected).await;
    }

    pub(crate) async fn until(&self, what: &str, holds: impl AsyncFn() -> bool) {
        let begun = Instant::now();
        while !holds().await {
            assert!(begun.elapsed() < DEADLINE, "never came: {what}");
            sleep(Duration::from_millis(5)).await;
        }
    }
}

pub(crate) fn instance(app: &str, id: &str) -> Value {
    json!({
        "instanceId": id, "hostName": "node1.example", "app": app, "ipAddr": "10.0.0.1", "status": "UP",
        "port": {"$": 8080, "@enabled": "true"}, "vipAddress": app.to_lowercase(),
        "dataCenterInfo": {"@class": "com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo", "name": "MyOwn"},
        "leaseInfo": {"renewalIntervalInSecs": 30, "durationInSecs": 90},
        "lastDirtyTimestamp": "1700000000000",
    })
}
