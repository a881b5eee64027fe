//! Directories on disk. Labels are directories too.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::future::BoxFuture;
use tracing::warn;
use wellspring_properties::Problem;

use super::{Found, Parts, Query, Repository, expand};
use crate::config::Native as Settings;
use crate::error::Error;
use crate::sources::disk::{Disk, Links};
use crate::sources::documents::Documents;
use crate::sources::search::{self, Failure, Location, Naming};

/// What the original searches by default, without the class path, which we do not have.
const DEFAULT_LOCATIONS: [&str; 2] = ["file:./", "file:./config"];

#[derive(Debug)]
pub(crate) struct Native {
    settings: Settings,
    default_label: String,
    documents: Arc<Documents>,
    /// Relative locations start here.
    home: PathBuf,
}

pub(crate) fn build(parts: &Parts<'_>) -> Result<Arc<dyn Repository>, Problem> {
    let mut settings: Settings = parts.env().bind(&parts.prefix)?;
    if settings.search_locations.is_empty() {
        settings.search_locations = DEFAULT_LOCATIONS.map(str::to_owned).to_vec();
    }
    for location in settings.search_locations.extract_if(.., |location| location.starts_with("classpath:")) {
        warn!(location, "search location left out: there is no class path; use file:");
    }
    let default_label =
        parts.settings.default_label.clone().unwrap_or_else(|| settings.default_label.clone());
    let home = std::env::current_dir()
        .map_err(|error| Problem::new("WS-1411", format!("the working directory cannot be read: {error}")))?;
    Ok(Arc::new(Native { settings, default_label, documents: Arc::clone(&parts.documents), home }))
}

impl Native {
    fn search(&self, query: &Query) -> Vec<Location> {
        let label = query.label.as_deref().filter(|label| !label.is_empty()).unwrap_or(&self.default_label);
        let mut out: Vec<Location> = Vec::new();
        for location in &self.settings.search_locations {
            for expanded in expand(location, query, Some(label)) {
                // What names and profiles put into a location must not lead out of it.
                if climbs(location) || !climbs(&expanded) {
                    self.add(&mut out, &expanded);
                }
            }
        }
        if self.settings.add_label_locations {
            for location in self.settings.search_locations.iter().filter(|location| !location.contains('{')) {
                let slash = if location.ends_with('/') { "" } else { "/" };
                for label in
                    label.split(',').rev().map(str::trim).filter(|label| !label.is_empty() && !climbs(label))
                {
                    self.add(&mut out, &format!("{location}{slash}{label}"));
                }
            }
        }
        out
    }

    fn add(&self, out: &mut Vec<Location>, location: &str) {
        let location = location.strip_prefix("optional:").unwrap_or(location);
        let path = location.strip_prefix("file:").unwrap_or(location);
        let path = path.strip_prefix("//").filter(|rest| rest.starts_with('/')).unwrap_or(path);
        let root = clean(&self.home.join(path));
        let slash = if location.ends_with('/') { "" } else { "/" };
        let location: Arc<str> = format!("{location}{slash}").into();
        let known = out
            .iter()
            .any(|known| matches!(&known.naming, Naming::Native { location: known } if *known == location));
        if !known {
            out.push(Location {
                files: Arc::new(Disk::new(root, Links::Followed)),
                directory: String::new(),
                naming: Naming::Native { location },
            });
        }
    }
}

fn climbs(location: &str) -> bool {
    location.split('/').any(|part| part == "..")
}

/// Without `.` and with `..` resolved by name alone.
fn clean(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::CurDir => {}
            std::path::Component::ParentDir => {
                out.pop();
            }
            other => out.push(other),
        }
    }
    out
}

impl Repository for Native {
    fn find<'a>(&'a self, query: &'a Query) -> BoxFuture<'a, Result<Found, Error>> {
        Box::pin(async move {
            if let Some(profile) = query.invalid_profile() {
                return Err(Error::Internal(format!("profile `{profile}` is not valid")));
            }
            let locations = self.search(query);
            let sources =
                search::search(&self.documents, &locations, &query.applications(), &query.profiles())
                    .map_err(|failure| match failure {
                        Failure::Syntax(problem) | Failure::Refused(problem) => {
                            Error::Internal(problem.line())
                        }
                        Failure::Other(error) => error,
                    })?;
            Ok(Found { version: self.settings.version.clone(), sources, ..Found::default() })
        })
    }

    fn locations<'a>(&'a self, query: &'a Query) -> BoxFuture<'a, Result<Vec<Location>, Error>> {
        Box::pin(async move {
            if let Some(profile) = query.invalid_profile() {
                return Err(Error::NotFound(format!("profile `{profile}` is not valid")));
            }
            Ok(self.search(query))
        })
    }
}
