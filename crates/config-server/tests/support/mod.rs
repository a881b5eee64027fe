//! A config server in this process.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

use serde_json::Value;
use wellspring_daemon::Running;
use wellspring_daemon::app::Options;
use wellspring_test_support::http1;

pub struct Server {
    running: Running,
}

impl Server {
    /// With properties, `name=value` each.
    pub async fn start(properties: &[(&str, &str)]) -> Self {
        Self::try_start(properties).await.expect("the server starts")
    }

    pub async fn try_start(properties: &[(&str, &str)]) -> Result<Self, String> {
        let base = Options::local().with("spring.cloud.bus.enabled", false);
        let options = properties.iter().fold(base, |options, (name, value)| options.with(name, value));
        let running =
            wellspring_config_server::app().start(options).await.map_err(|error| error.to_string())?;
        Ok(Self { running })
    }

    pub fn port(&self) -> u16 {
        self.running.local_addr().port()
    }

    pub async fn get(&self, path: &str) -> http1::Reply {
        self.send(http1::Request::new("GET", path)).await
    }

    pub async fn send(&self, request: http1::Request) -> http1::Reply {
        let port = self.port();
        tokio::task::spawn_blocking(move || request.send(port)).await.unwrap().unwrap()
    }

    pub async fn json(&self, path: &str) -> Value {
        let reply = self.get(path).await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
        reply.json()
    }

    /// A value of the first source that has the key.
    pub async fn value(&self, path: &str, key: &str) -> Value {
        let environment = self.json(path).await;
        let sources = environment["propertySources"].as_array().unwrap().clone();
        sources.iter().find_map(|source| source["source"].get(key).cloned()).unwrap_or(Value::Null)
    }
}
