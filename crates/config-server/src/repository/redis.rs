//! Hashes in Redis, `orders-dev` and `orders`: one per profile and one of the application.
//!
//! No hash is shared by all applications, and a hash that is not there is an empty source, as in the original.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde::Deserialize;
use serde::de::IgnoredAny;
use tracing::warn;
use wellspring_daemon::health::{Component, Status};
use wellspring_properties::{Entry, Problem};
use wellspring_redis::{Failure, Value};

use super::{Found, Parts, Query, Repository};
use crate::error::Error;
use crate::sources::documents::Documents;
use crate::sources::search::{Location, Source};

/// For an answer, unless the settings say; the original waits a minute.
const PATIENCE: Duration = Duration::from_secs(5);

/// `spring.cloud.config.server.redis`; where Redis is stands in `spring.data.redis`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct Settings {
    order: Option<i32>,
    #[serde(rename = "type")]
    kind: IgnoredAny,
}

#[derive(Debug)]
struct Redis {
    redis: wellspring_redis::Redis,
    documents: Arc<Documents>,
}

pub(super) fn build(parts: &Parts<'_>) -> Result<Arc<dyn Repository>, Problem> {
    let _: Settings = super::settings(parts)?;
    let redis = wellspring_redis::Redis::read(parts.env(), PATIENCE)?;
    let redis = Arc::new(Redis { redis, documents: Arc::clone(&parts.documents) });
    let asked = Arc::clone(&redis);
    parts.context.health.add("redis", move || {
        let redis = Arc::clone(&asked);
        async move { redis.health().await }
    });
    Ok(redis)
}

impl Redis {
    async fn health(&self) -> Component {
        match self.redis.ask::<String>(&["INFO", "server"]).await {
            Ok(text) => {
                let version = text.lines().find_map(|line| line.strip_prefix("redis_version:"));
                Component::up().detail("version", version.unwrap_or("unknown").trim())
            }
            // It answers, so it is there.
            Err(Failure::Refused(_)) => Component::up(),
            Err(Failure::Away(cause)) => Component::new(Status::DOWN).detail("error", cause),
        }
    }
}

impl Repository for Redis {
    fn find<'a>(&'a self, query: &'a Query) -> BoxFuture<'a, Result<Found, Error>> {
        Box::pin(async move {
            // The name is not a list here: `a,b` is a key like any other.
            let mut keys: Vec<String> = query
                .profiles
                .split(',')
                .filter(|_| !query.profiles.is_empty())
                .map(|profile| format!("{}-{profile}", query.name))
                .collect();
            keys.reverse();
            keys.push(query.name.clone());
            let commands: Vec<[&str; 2]> = keys.iter().map(|key| ["HGETALL", key]).collect();
            let commands: Vec<&[&str]> = commands.iter().map(|command| &command[..]).collect();
            let answers = self.redis.ask_all::<Value>(&commands).await.map_err(|failure| {
                warn!(address = %self.redis.address(), %failure, "no values from redis");
                Error::Internal("redis cannot be asked".to_owned())
            })?;
            let mut sources = Vec::with_capacity(keys.len());
            for (key, answer) in keys.into_iter().zip(answers) {
                let name = format!("redis:{key}");
                let entries = match answer {
                    Value::ServerError(error) => {
                        warn!(key, %error, "redis refuses");
                        return Err(Error::Internal(format!("redis refuses {key}")));
                    }
                    hash => pairs(hash),
                };
                let document = self.documents.of(entries.into_iter().collect(), &name);
                sources.push(Source { name, document });
            }
            Ok(Found { sources, ..Found::default() })
        })
    }

    fn locations<'a>(&'a self, _: &'a Query) -> BoxFuture<'a, Result<Vec<Location>, Error>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn has_files(&self) -> bool {
        false
    }
}

/// Fields and values come in turn.
fn pairs(hash: Value) -> Vec<(String, Entry)> {
    let Value::Array(items) = hash else { return Vec::new() };
    let mut texts = items.into_iter().map(|item| match item {
        Value::BulkString(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        _ => String::new(),
    });
    let mut out = Vec::new();
    while let (Some(field), Some(value)) = (texts.next(), texts.next()) {
        out.push((field, Entry::text(value)));
    }
    out
}
