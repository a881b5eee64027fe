//! Routes kept in Redis (`redis-route-definition-repository.enabled`), under the original's keys: `routedefinition_<id>` holds
//! the definition as JSON, so that gateways of both kinds may share them.

use serde_json::Value;
use wellspring_redis::{FromRedisValue, Redis};

use crate::route::Definition;
use crate::tree::Tree;

const PREFIX: &str = "routedefinition_";
/// Definitions that one gateway takes.
const MOST: usize = 10_000;

/// Reads and writes definitions. Cloning shares the connection.
#[derive(Debug, Clone)]
pub struct Routes(Redis);

impl Routes {
    #[must_use]
    pub fn new(redis: Redis) -> Self {
        Self(redis)
    }

    /// All definitions, by id. One that cannot be read is left out and told, as in the original.
    pub async fn all(&self) -> Result<Vec<Definition>, String> {
        let mut keys: Vec<String> = Vec::new();
        let mut cursor = "0".to_owned();
        loop {
            let pattern = format!("{PREFIX}*");
            let page = ["SCAN", &cursor, "MATCH", &pattern, "COUNT", "500"];
            let (next, found): (String, Vec<String>) = self.ask(&page).await?;
            keys.extend(found);
            cursor = next;
            if cursor == "0" || keys.len() > MOST {
                break;
            }
        }
        keys.sort();
        keys.dedup();
        let mut definitions = Vec::new();
        for chunk in keys.chunks(200) {
            let words: Vec<&str> = ["MGET"].into_iter().chain(chunk.iter().map(String::as_str)).collect();
            let values: Vec<Option<String>> = self.ask(&words).await?;
            for (key, value) in chunk.iter().zip(values) {
                // Deleted between the two questions: not there.
                let Some(json) = value else { continue };
                let read = serde_json::from_str::<Value>(&json).map_err(|error| error.to_string()).and_then(
                    |value| Definition::read(&Tree::from_json(&value)).map_err(|problem| problem.line()),
                );
                match read {
                    Ok(definition) => definitions.push(definition),
                    Err(error) => tracing::error!(key, error, "a route in redis cannot be read"),
                }
            }
        }
        Ok(definitions)
    }

    pub async fn put(&self, definition: &Definition) -> Result<(), String> {
        let key = format!("{PREFIX}{}", definition.id);
        self.ask(&["SET", &key, &definition.to_json().to_string()]).await
    }

    /// `false` when there is none of that id.
    pub async fn remove(&self, id: &str) -> Result<bool, String> {
        let removed: u64 = self.ask(&["DEL", &format!("{PREFIX}{id}")]).await?;
        Ok(removed == 1)
    }

    async fn ask<T: FromRedisValue>(&self, words: &[&str]) -> Result<T, String> {
        self.0.ask(words).await.map_err(|failure| failure.to_string())
    }
}
