//! The server itself: a backend, and what is put around its answers.

use std::borrow::Cow;
use std::sync::Arc;

use percent_encoding::percent_decode_str;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use wellspring_properties::Scalar;

use crate::clients::Clients;
use crate::config::Settings;
use crate::encryption::values::Decryptor;
use crate::error::Error;
use crate::monitor::Notifications;
use crate::policy::Policy;
use crate::repository::{Found, Query, Repository};
use crate::sources::files::is_git_directory;
use crate::sources::search::Source;

#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) settings: Settings,
    pub(crate) policy: Arc<Policy>,
    pub(crate) repository: Arc<dyn Repository>,
    pub(crate) notifications: Notifications,
    pub(crate) overrides: Option<Source>,
    pub(crate) decryptor: Arc<Decryptor>,
    pub(crate) clients: Arc<Clients>,
    /// Rings when a mirror has news.
    pub(crate) bell: watch::Sender<u64>,
    /// The stop has begun: endless answers end.
    pub(crate) draining: CancellationToken,
}

impl Server {
    /// A query from the parts of a path; traversals and fragments are refused.
    pub(crate) fn query(&self, name: &str, profiles: &str, label: Option<&str>) -> Result<Query, Error> {
        for (what, text) in [("name", Some(name)), ("label", label)] {
            if text.is_some_and(is_suspect) {
                return Err(Error::BadRequest(format!("{what} is not valid: {}", text.unwrap_or_default())));
            }
        }
        let parts =
            [name, profiles, label.unwrap_or_default()].into_iter().flat_map(|text| text.split(['/', ',']));
        if parts.flat_map(|part| part.split("(_)")).any(is_git_directory) {
            return Err(Error::NotFound("nothing below .git is served".to_owned()));
        }
        Ok(Query {
            name: name.replace("(_)", "/"),
            profiles: profiles.to_owned(),
            label: label.map(|label| label.replace("(_)", "/")),
            token: None,
        })
    }

    pub(crate) async fn find(&self, query: &Query) -> Result<Found, Error> {
        let found = self.find_any(query).await?;
        if found.sources.is_empty() && !self.settings.accept_empty {
            return Err(Error::NotFound(format!("nothing for {} {}", query.name, query.profiles)));
        }
        Ok(found)
    }

    /// Also when there is nothing.
    pub(crate) async fn find_any(&self, query: &Query) -> Result<Found, Error> {
        let mut found = self.repository.find(query).await?;
        if let Some(overrides) = &self.overrides {
            found.sources.insert(0, overrides.clone());
        }
        Ok(found)
    }

    /// Ciphers inside a configuration file that is served as text, where the settings want that.
    pub(crate) fn decrypt_text(&self, path: &str, text: String) -> String {
        let switches = &self.settings.encrypt;
        let is_configuration =
            [".yml", ".yaml", ".json", ".properties"].iter().any(|ext| path.ends_with(ext));
        if switches.enabled && switches.plain_text_encrypt && is_configuration {
            return self.decryptor.decrypt_inside(path, &text);
        }
        text
    }
}

fn is_suspect(text: &str) -> bool {
    let decoded = percent_decode_str(text).decode_utf8_lossy();
    [text, &decoded].iter().any(|text| text.contains("..") || text.contains('#') || text.starts_with("(_)"))
}

/// A key's text in an environment, highest source first.
pub(crate) fn lookup<'f>(found: &'f Found, key: &str) -> Option<Cow<'f, str>> {
    let entry = found.sources.iter().find_map(|source| source.document.entries.get(key))?;
    Some(match &entry.value {
        Scalar::Text(text) | Scalar::BigInt(text) => Cow::Borrowed(text),
        Scalar::Null | Scalar::Bool(_) | Scalar::Int(_) | Scalar::Float(_) | Scalar::Binary(_) => {
            Cow::Owned(entry.value.to_string())
        }
    })
}
