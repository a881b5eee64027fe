//! What an operator changed on a running gateway: routes in the place of the configuration's, switches of single routes. With
//! `wellspring.gateway.changes-file` it outlives a restart.
//!
//! Routes that were applied are meant against the configuration of their time: when its own routes are others at the next
//! start, they are not taken up again.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use wellspring_properties::relaxed::canonical;
use wellspring_properties::{Environment, Problem, PropertySource};
use wellspring_wire::Millis;

use crate::config::{PREFIX, with_both_prefixes};
use crate::problem::BAD_SETTING;
use crate::replay;

/// What of a settings file can be applied.
const APPLICABLE: [&str; 2] = ["routes", "default-filters"];
const SETTING: &str = "wellspring.gateway.changes-file";

/// Routes in the place of those of the configuration.
#[derive(Debug)]
pub struct Applied {
    /// Only routes and default filters are in it.
    pub settings: Environment,
    /// As they were sent.
    pub text: String,
    pub by: String,
    pub at: Millis,
}

/// A route that somebody switched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Switch {
    pub enabled: bool,
    pub by: String,
    pub at: Millis,
}

/// Both, as they are in force.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    pub applied: Option<Arc<Applied>>,
    pub switched: BTreeMap<String, Switch>,
}

/// As it is written.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Written {
    applied: Option<WrittenRoutes>,
    switched: BTreeMap<String, Switch>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct WrittenRoutes {
    routes: String,
    by: String,
    at: Millis,
    /// The configuration's own routes when these were applied.
    instead_of: Vec<Value>,
}

/// What was found at a start.
#[derive(Debug, Default)]
pub struct Found {
    pub changes: Changes,
    /// Why applied routes are not taken up again.
    pub dropped: Option<String>,
}

/// Where changes are kept.
#[derive(Debug, Default)]
pub struct File(Option<PathBuf>);

impl Changes {
    #[must_use]
    pub fn same(&self, other: &Self) -> bool {
        let applied = match (&self.applied, &other.applied) {
            (Some(one), Some(two)) => Arc::ptr_eq(one, two),
            (one, two) => one.is_none() && two.is_none(),
        };
        applied && self.switched == other.switched
    }
}

impl File {
    #[must_use]
    pub fn read(env: &Environment) -> Self {
        Self(env.get(SETTING).filter(|path| !path.is_empty()).map(PathBuf::from))
    }

    #[must_use]
    pub fn is_named(&self) -> bool {
        self.0.is_some()
    }

    /// What was kept. `own`: the configuration's own routes now.
    pub fn load(&self, env: &Environment, own: &[Value]) -> Result<Found, Problem> {
        let Some(path) = &self.0 else { return Ok(Found::default()) };
        let broken = |cause: String| {
            Problem::new(BAD_SETTING, format!("{SETTING}: {} cannot be read: {cause}", path.display()))
                .at(env.origin(SETTING))
                .hint("mend the file, or remove it: the routes are then those of the configuration")
        };
        let written: Written = match fs::read(path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| broken(error.to_string()))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::default()),
            Err(error) => return Err(broken(error.to_string())),
        };
        let mut found = Found::default();
        found.changes.switched = written.switched;
        if let Some(WrittenRoutes { routes, by, at, instead_of }) = written.applied {
            if instead_of == own {
                let (_, theirs) = replay::proposed(env, &routes)?;
                let settings = applicable(&theirs).0;
                found.changes.applied = Some(Arc::new(Applied { settings, text: routes, by, at }));
            } else {
                let why = "the configuration's own routes are others since";
                found.dropped = Some(format!("routes applied by {by} are not in force again: {why}"));
            }
        }
        Ok(found)
    }

    /// Whether changes are kept now; written whole, readable by its owner only.
    pub fn keep(&self, changes: &Changes, own: Vec<Value>) -> bool {
        let Some(path) = &self.0 else { return false };
        let applied = changes.applied.as_deref().map(|applied| WrittenRoutes {
            routes: applied.text.clone(),
            by: applied.by.clone(),
            at: applied.at,
            instead_of: own,
        });
        let written = Written { applied, switched: changes.switched.clone() };
        let new = path.with_extension("new");
        let replaced = || -> io::Result<()> {
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder)?;
            }
            let mut open = fs::OpenOptions::new();
            let mut file = open.write(true).create(true).truncate(true).mode(0o600).open(&new)?;
            file.write_all(&serde_json::to_vec_pretty(&written)?)?;
            file.sync_all()?;
            fs::rename(&new, path)
        };
        match replaced() {
            Ok(()) => true,
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "a restart would forget what an operator changed");
                false
            }
        }
    }
}

/// The part of settings that can be applied, and the keys that cannot.
pub(crate) fn applicable(own: &Environment) -> (Environment, Vec<String>) {
    let prefixes: Vec<String> = [PREFIX, "spring.cloud.gateway"]
        .iter()
        .flat_map(|prefix| APPLICABLE.map(|name| canonical(&format!("{prefix}.{name}")).into_owned()))
        .collect();
    let (mut sources, mut ignored) = (Vec::new(), Vec::new());
    for source in own.sources() {
        let mut kept = PropertySource::new("applied", indexmap::IndexMap::new());
        for (key, entry) in &source.entries {
            let form = canonical(key);
            let below = |prefix: &String| {
                let rest = form.strip_prefix(prefix.as_str());
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['[', '.']))
            };
            if prefixes.iter().any(below) {
                kept.entries.insert(key.clone(), entry.clone());
            } else if !ignored.contains(key) {
                ignored.push(key.clone());
            }
        }
        sources.push(kept);
    }
    (with_both_prefixes(&Environment::new(sources, Vec::new())), ignored)
}
