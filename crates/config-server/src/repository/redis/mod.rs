//! Hashes in Redis, `orders-dev` and `orders`: one per profile and one of the application.
//!
//! No hash is shared by all applications, and a hash that is not there is an empty source, as in the original.

mod address;
mod connection;
mod resp;

use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde::Deserialize;
use serde::de::IgnoredAny;
use tracing::warn;
use wellspring_daemon::health::{Component, Status};
use wellspring_properties::{Entry, Problem};

use super::{Found, Parts, Query, Repository};
use crate::error::Error;
use crate::sources::documents::Documents;
use crate::sources::search::{Location, Source};
use address::Address;
use connection::Connection;
use resp::Answer;

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
    connection: Connection,
    documents: Arc<Documents>,
}

pub(super) fn build(parts: &Parts<'_>) -> Result<Arc<dyn Repository>, Problem> {
    let _: Settings = super::settings(parts)?;
    let address = Address::read(parts.env())?;
    let redis =
        Arc::new(Redis { connection: Connection::new(address), documents: Arc::clone(&parts.documents) });
    let asked = Arc::clone(&redis);
    parts.context.health.add("redis", move || {
        let redis = Arc::clone(&asked);
        async move { redis.health().await }
    });
    Ok(redis)
}

impl Redis {
    async fn health(&self) -> Component {
        match self.connection.ask(&[&["INFO", "server"]]).await.as_deref() {
            Ok([Answer::Text(text)]) => {
                let version = text.lines().find_map(|line| line.strip_prefix("redis_version:"));
                Component::up().detail("version", version.unwrap_or("unknown").trim())
            }
            Ok(_) => Component::up(),
            Err(cause) => Component::new(Status::DOWN).detail("error", cause.as_str()),
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
            let answers = self.connection.ask(&commands).await.map_err(|cause| {
                warn!(address = %self.connection.address(), cause, "redis cannot be asked");
                Error::Internal("redis cannot be asked".to_owned())
            })?;
            let mut sources = Vec::with_capacity(keys.len());
            for (key, answer) in keys.into_iter().zip(answers) {
                let name = format!("redis:{key}");
                let entries = match answer {
                    Answer::List(items) => pairs(items),
                    Answer::Error(message) => {
                        warn!(key, message, "redis refuses");
                        return Err(Error::Internal(format!("redis refuses {key}")));
                    }
                    Answer::Text(_) | Answer::Number(_) | Answer::Null => Vec::new(),
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
fn pairs(items: Vec<Answer>) -> Vec<(String, Entry)> {
    let mut out = Vec::with_capacity(items.len() / 2);
    let mut items = items.into_iter();
    while let (Some(Answer::Text(field)), Some(Answer::Text(value))) = (items.next(), items.next()) {
        out.push((field, Entry::text(value)));
    }
    out
}
