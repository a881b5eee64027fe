//! Secrets in HashiCorp Vault, key/value engines of both versions: `orders,dev`, `application,dev`, `orders`, `application`.
//!
//! Unless the settings sign in, each request is made with the token that the client sent along, and with no other.

mod client;
mod session;
mod settings;

use std::sync::Arc;

use futures_util::future::BoxFuture;
use tracing::warn;
use wellspring_properties::{Problem, flatten, yaml};

use super::{Found, Parts, Query, Repository};
use crate::error::Error;
use crate::sources::documents::Documents;
use crate::sources::search::{Location, Source};
use client::{Client, Trouble};
use session::Session;
use settings::{Access, Settings};

const CODE: &str = "WS-1432";
const DEFAULT_PROFILE: &str = "default";

#[derive(Debug)]
struct Vault {
    client: Arc<Client>,
    /// `None`: every request brings its own token.
    session: Option<Arc<Session>>,
    settings: Settings,
    default_label: String,
    documents: Arc<Documents>,
}

pub(super) fn build(parts: &Parts<'_>) -> Result<Arc<dyn Repository>, Problem> {
    let settings: Settings = super::settings(parts)?;
    let access = settings.access(parts.env(), &parts.prefix)?;
    let client = Arc::new(Client::new(&settings, parts.env(), &parts.prefix)?);
    let session = match access {
        Access::OfTheRequest => None,
        Access::SignedIn(method) => {
            Some(Session::new(Arc::clone(&client), method, parts.context.tasks.clone()))
        }
    };
    Ok(Arc::new(Vault {
        client,
        session,
        default_label: parts.settings.default_label.clone().unwrap_or_else(|| settings.default_label.clone()),
        settings,
        documents: Arc::clone(&parts.documents),
    }))
}

impl Vault {
    /// The key of an application and profile, below the engine.
    fn key(&self, application: &str, profile: &str, label: &str) -> String {
        let separator = &self.settings.profile_separator;
        if self.settings.enable_label {
            return format!("{application}{separator}{profile}{separator}{label}");
        }
        match profile {
            DEFAULT_PROFILE => application.to_owned(),
            profile => format!("{application}{separator}{profile}"),
        }
    }

    async fn read(&self, query: &Query, key: &str) -> Result<Option<String>, Error> {
        let path = self.settings.path(key);
        let answer = match &self.session {
            Some(session) => session.read(&path).await,
            None => {
                let token = query.token.as_ref().ok_or_else(|| {
                    Error::BadRequest("the header X-Config-Token with a token of Vault is missing".to_owned())
                })?;
                self.client.read(&path, token).await
            }
        };
        match answer {
            Ok(body) => Ok(body),
            Err(Trouble(cause)) => {
                warn!(key, cause, "vault cannot be asked");
                Err(Error::Internal(format!("vault: {cause}")))
            }
        }
    }

    /// What is below `data`, flat; keys in order of their texts.
    fn source(&self, key: &str, data: &str) -> Result<Option<Source>, Error> {
        let name = match self.settings.full_key_path {
            true => format!("vault:{}/{key}", self.settings.backend),
            false => format!("vault:{key}"),
        };
        let documents = yaml::parse_bytes(data.as_bytes(), &name)
            .map_err(|problem| Error::Internal(format!("{name} is not readable: {}", problem.message)))?;
        let mut entries = documents.first().map(flatten::document).unwrap_or_default();
        if entries.is_empty() {
            return Ok(None);
        }
        entries.sort_unstable_keys();
        entries.values_mut().for_each(|entry| entry.origin = None);
        let document = self.documents.of(entries, &name);
        Ok(Some(Source { name, document }))
    }
}

/// The default item and the others, the last first. Of equal ones the first counts.
fn ranked<'a>(list: &'a str, default: &'a str) -> Vec<&'a str> {
    let mut out: Vec<&str> = Vec::new();
    for item in std::iter::once(default).chain(list.split(',')) {
        if !item.is_empty() && !out.contains(&item) {
            out.push(item);
        }
    }
    out.reverse();
    out
}

impl Repository for Vault {
    fn find<'a>(&'a self, query: &'a Query) -> BoxFuture<'a, Result<Found, Error>> {
        Box::pin(async move {
            let label = query.label.as_deref().filter(|label| !label.is_empty());
            let label = label.unwrap_or(&self.default_label);
            let applications = ranked(&query.name, &self.settings.default_key);
            let mut sources = Vec::new();
            for profile in ranked(&query.profiles, DEFAULT_PROFILE) {
                for application in &applications {
                    let key = self.key(application, profile, label);
                    if let Some(data) = self.read(query, &key).await? {
                        sources.extend(self.source(&key, &data)?);
                    }
                }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_ranks_last_and_nothing_counts_twice() {
        assert_eq!(ranked("a,b,a", "application"), ["b", "a", "application"]);
        assert_eq!(ranked("application,a", "application"), ["a", "application"]);
        assert_eq!(ranked("a", ""), ["a"]);
    }
}
