//! `spring.config.import: [optional:]configserver:[http://host:8888[,…]]`.
//!
//! The loader asks twice: for profile `default`, then for the active profiles once they are known.

use std::sync::Arc;

use indexmap::IndexMap;
use parking_lot::Mutex;
use tracing::warn;
use wellspring_properties::load::Imported;
use wellspring_properties::{Entry, Environment, Origin, Problem, PropertySource, Scalar};
use wellspring_wire::config::{self, Value};

use super::decrypt::Key;
use super::fetch::{FetchError, fetch};
use super::last_good::LastGood;
use super::locate::locate;
use super::retry::waits;
use super::settings::ConfigSettings;
use crate::codes;
use crate::http::{Options, client};

/// The importer of `configserver:`. One for the life of a process: it remembers the server's state.
#[derive(Debug, Default)]
pub struct Importer {
    last: Mutex<Last>,
}

#[derive(Debug, Default)]
struct Last {
    state: Option<String>,
    sources: Option<Arc<[String]>>,
}

impl Importer {
    /// An importer that has not asked yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Names of the sources that the last import gave, for the health component `clientConfigServer`; `None` when no
    /// server gave any.
    pub fn sources(&self) -> Option<Arc<[String]>> {
        self.last.lock().sources.clone()
    }

    async fn run(
        &self,
        location: &str,
        optional: bool,
        env: &Environment,
        profiles: &[String],
    ) -> Result<Vec<PropertySource>, Problem> {
        let mut settings = ConfigSettings::from_env(env, location)?;
        if !settings.enabled {
            return Ok(Vec::new());
        }
        let profiles = settings.profile.clone().unwrap_or_else(|| profiles.join(","));
        let profiles = if profiles.is_empty() { "default" } else { &*profiles };
        let asked =
            [settings.names().to_owned(), profiles.to_owned(), settings.label.clone().unwrap_or_default()];
        let kept = LastGood::from_env(env, location, &asked.each_ref().map(String::as_str));
        match self.attempts(&mut settings, env, profiles).await {
            Ok(environment) => {
                if let Some(kept) = &kept {
                    kept.keep(&environment);
                }
                self.take(environment, env)
            }
            Err(problem)
                if let Some((file, set)) = kept.and_then(|kept| Some((kept.file(), kept.read()?))) =>
            {
                warn!(problem = problem.line(), file = %file.display(), "the last good configuration is used");
                self.take(set, env)
            }
            Err(problem) if optional && !settings.fail_fast => {
                self.last.lock().sources = None;
                warn!(problem = problem.line(), "starting without the config server");
                Ok(Vec::new())
            }
            Err(problem) => Err(problem),
        }
    }

    async fn attempts(
        &self,
        settings: &mut ConfigSettings,
        env: &Environment,
        profiles: &str,
    ) -> Result<config::Environment, Problem> {
        let options = Options {
            connect_timeout: settings.request_connect_timeout,
            read_timeout: Some(settings.request_read_timeout),
            ..Options::default()
        };
        let http = client(options).map_err(|error| Problem::new(codes::HTTP_CLIENT, error.to_string()))?;
        let mut waits = waits(&settings.retry);
        let fail_fast = settings.fail_fast;
        loop {
            let problem = match self.once(&http, settings, env, profiles).await {
                Ok(environment) => return Ok(environment),
                Err((problem, false)) => return Err(problem),
                Err((problem, true)) => problem,
            };
            // Only a start that must not fail lightly waits for the server.
            let Some(wait) = waits.next().filter(|_| fail_fast) else { return Err(problem) };
            warn!(problem = problem.line(), again_in = ?wait, "config server asked in vain");
            tokio::time::sleep(wait).await;
        }
    }

    /// The flag of an error says whether another attempt may help.
    async fn once(
        &self,
        http: &reqwest::Client,
        settings: &mut ConfigSettings,
        env: &Environment,
        profiles: &str,
    ) -> Result<config::Environment, (Problem, bool)> {
        if settings.discovery.enabled {
            settings.uri = locate(env, settings).await.map_err(|problem| (problem, true))?;
        }
        let state = self.last.lock().state.clone();
        fetch(http, settings, profiles, state.as_deref()).await.map_err(|error| match error {
            FetchError::Settings(problem) => (*problem, false),
            FetchError::Connection(message) | FetchError::Answer(message) => {
                let hint = "check spring.cloud.config.uri; optional:configserver: starts without it";
                (Problem::new(codes::CONFIG_SERVER, format!("no configuration: {message}")).hint(hint), true)
            }
        })
    }

    fn take(&self, set: config::Environment, env: &Environment) -> Result<Vec<PropertySource>, Problem> {
        let mut sources = self.accept(set);
        if let Some(key) = Key::from_env(env)? {
            sources.iter_mut().try_for_each(|source| key.decrypt(source))?;
        }
        Ok(sources)
    }

    fn accept(&self, environment: config::Environment) -> Vec<PropertySource> {
        let own = own_source(&environment);
        let sources: Vec<PropertySource> = environment.property_sources.into_iter().map(source).collect();
        let mut last = self.last.lock();
        last.state = environment.state.filter(|state| !state.is_empty());
        last.sources = Some(sources.iter().map(|source| source.name.clone()).collect());
        drop(last);
        own.into_iter().chain(sources).collect()
    }
}

impl wellspring_properties::Importer for Importer {
    fn scheme(&self) -> &'static str {
        "configserver"
    }

    fn import<'a>(
        &'a self,
        location: &'a str,
        optional: bool,
        so_far: &'a Environment,
        profiles: &'a [String],
    ) -> Imported<'a> {
        Box::pin(self.run(location, optional, so_far, profiles))
    }
}

/// Version and state, as Spring's client shows them; a refresh reports a new version as a changed key.
fn own_source(environment: &config::Environment) -> Option<PropertySource> {
    let pairs =
        [("config.client.state", &environment.state), ("config.client.version", &environment.version)];
    let present = pairs.into_iter().filter_map(|(key, value)| {
        value.as_ref().filter(|value| !value.is_empty()).map(|value| (key, value.clone()))
    });
    let source = PropertySource::of_pairs("configClient", present);
    (!source.entries.is_empty()).then_some(source)
}

fn source(sent: config::PropertySource) -> PropertySource {
    let name = format!("configserver:{}", sent.name);
    let file: Arc<str> = Arc::from(&*name);
    let entries: IndexMap<String, Entry> = sent
        .source
        .into_iter()
        .map(|(key, property)| {
            let place = property.origin.as_deref().and_then(|origin| origin.split_once(':'));
            let place = place.and_then(|(line, column)| Some((line.parse().ok()?, column.parse().ok()?)));
            let origin = match place {
                Some((line, column)) => Origin::new(&file, line, column),
                None => Origin::named(&name),
            };
            (key, Entry { value: scalar(property.value), origin: Some(origin) })
        })
        .collect();
    PropertySource::new(name, entries)
}

fn scalar(value: Value) -> Scalar {
    match value {
        Value::Null => Scalar::Text(String::new()),
        Value::Bool(value) => Scalar::Bool(value),
        Value::Text(text) => Scalar::Text(text),
        Value::Number(text) => match text.parse() {
            Ok(number) => Scalar::Int(number),
            Err(_) if text.contains(['.', 'e', 'E']) => {
                text.parse().map_or(Scalar::Text(text), Scalar::Float)
            }
            Err(_) => Scalar::BigInt(text),
        },
    }
}
