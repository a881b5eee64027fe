//! Which files make an environment, from lowest to highest precedence: first those without a profile, then those of
//! each profile; within both by location, name, extension.

use std::fmt;
use std::sync::Arc;

use tracing::error;
use wellspring_properties::Problem;

use super::documents::{Document, Documents, Kind, Parsed, Unreadable};
use super::files::{Files, Stamp};
use crate::error::Error;

/// Lowest precedence first.
const EXTENSIONS: [(&str, Kind); 4] =
    [(".yaml", Kind::Yaml), (".yml", Kind::Yaml), (".xml", Kind::Xml), (".properties", Kind::Properties)];

/// A directory that is searched.
#[derive(Debug, Clone)]
pub(crate) struct Location {
    pub(crate) files: Arc<dyn Files>,
    /// Below the root of `files`; empty, or `a/b/`.
    pub(crate) directory: String,
    pub(crate) naming: Naming,
}

/// How sources are called.
#[derive(Debug, Clone)]
pub(crate) enum Naming {
    Git { uri: Arc<str> },
    Native { location: Arc<str> },
}

/// One property source of the answer.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    pub(crate) name: String,
    pub(crate) document: Arc<Document>,
}

/// A file that keeps the environment from being served.
#[derive(Debug, Clone)]
pub(crate) enum Failure {
    Syntax(Box<Problem>),
    Refused(Box<Problem>),
    Other(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax(problem) | Self::Refused(problem) => problem.fmt(f),
            Self::Other(error) => error.fmt(f),
        }
    }
}

struct Read<'l> {
    location: &'l Location,
    path: String,
    parsed: Arc<Parsed>,
}

/// The sources of an environment, highest precedence first. `applications` and `profiles` as requested.
pub(crate) fn search(
    documents: &Documents,
    locations: &[Location],
    applications: &[&str],
    profiles: &[&str],
) -> Result<Vec<Source>, Failure> {
    let names = names(applications);
    let requested = unique(profiles);
    let mut files = Vec::new();
    read_all(documents, locations, &names, None, &mut files)?;
    let mut active: Vec<String> = included(&files, &requested);
    active.extend(requested);
    for profile in &active {
        read_all(documents, locations, &names, Some(profile), &mut files)?;
    }
    let mut sources = Vec::with_capacity(files.len());
    for file in files.iter().rev() {
        for document in file.parsed.documents.iter().rev() {
            if document.activation.holds(&active) {
                let name = file.location.source_name(&file.path, document.number);
                sources.push(Source { name, document: Arc::clone(document) });
            }
        }
    }
    Ok(sources)
}

/// `application` and the requested ones; of equal names the last one counts.
fn names<'a>(applications: &[&'a str]) -> Vec<&'a str> {
    let mut names = vec!["application"];
    for name in applications {
        names.retain(|known| known != name);
        names.push(name);
    }
    names
}

/// Paths of all files that the applications would get from a directory, of one profile or of none.
pub(crate) fn candidates(directory: &str, applications: &[&str], profile: Option<&str>) -> Vec<String> {
    let suffix = profile.map(|profile| format!("-{profile}")).unwrap_or_default();
    let names = names(applications);
    let stems = names.iter().filter(|name| !name.is_empty()).map(|name| format!("{directory}{name}{suffix}"));
    stems.flat_map(|stem| EXTENSIONS.map(|(extension, _)| format!("{stem}{extension}"))).collect()
}

fn unique(profiles: &[&str]) -> Vec<String> {
    let mut out: Vec<String> = Vec::with_capacity(profiles.len());
    for profile in profiles.iter().map(|profile| profile.trim()).filter(|profile| !profile.is_empty()) {
        if out.iter().all(|known| known != profile) {
            out.push(profile.to_owned());
        }
    }
    if out.is_empty() {
        out.push("default".to_owned());
    }
    out
}

/// Profiles that files add; they rank below the requested ones.
fn included(files: &[Read<'_>], requested: &[String]) -> Vec<String> {
    if requested.iter().any(|profile| profile == "default") {
        return Vec::new();
    }
    let mut out = Vec::new();
    for document in files.iter().rev().flat_map(|file| file.parsed.documents.iter().rev()) {
        if !document.includes.is_empty() && document.activation.holds(requested) {
            for profile in &document.includes {
                if !out.contains(profile) && !requested.contains(profile) {
                    out.push(profile.clone());
                }
            }
        }
    }
    out
}

fn read_all<'l>(
    documents: &Documents,
    locations: &'l [Location],
    names: &[&str],
    profile: Option<&str>,
    out: &mut Vec<Read<'l>>,
) -> Result<(), Failure> {
    let mut path = String::with_capacity(64);
    for location in locations {
        for name in names.iter().filter(|name| !name.is_empty()) {
            path.clear();
            path.push_str(&location.directory);
            path.push_str(name);
            if let Some(profile) = profile {
                path.push('-');
                path.push_str(profile);
            }
            let stem = path.len();
            for (extension, kind) in EXTENSIONS {
                path.truncate(stem);
                path.push_str(extension);
                if let Some(stamp) = location.files.find(&path)? {
                    let parsed = read(documents, &*location.files, &path, stamp, kind)?;
                    out.push(Read { location, path: path.clone(), parsed });
                }
            }
        }
    }
    Ok(())
}

/// One file, parsed; from memory when its content is known.
pub(crate) fn read(
    documents: &Documents,
    files: &dyn Files,
    path: &str,
    stamp: Stamp,
    kind: Kind,
) -> Result<Arc<Parsed>, Failure> {
    let parsed = match documents.cached(stamp, kind) {
        Some(parsed) => parsed,
        None => {
            let bytes = files.read(path, &stamp)?;
            let parsed = documents.load(stamp, kind, &bytes, &files.shown(path));
            if let Err(Unreadable::Syntax(problem) | Unreadable::Refused(problem)) = &parsed {
                error!(problem = problem.line(), "configuration file cannot be served");
            }
            parsed
        }
    };
    parsed.map_err(|unreadable| match unreadable {
        Unreadable::Syntax(problem) => Failure::Syntax(problem),
        Unreadable::Refused(problem) => Failure::Refused(problem),
    })
}

impl Location {
    fn source_name(&self, path: &str, number: Option<usize>) -> String {
        // The original takes the names from Spring Boot and cuts what it knows; of several documents it knows too little.
        match (&self.naming, number) {
            (Naming::Git { uri }, None) => format!("{uri}/{path}"),
            (Naming::Git { uri }, Some(number)) => {
                let (shown, directory) = (self.files.shown(path), &self.directory);
                format!(
                    "{uri}/Config resource 'file [{shown}' via location '{directory}' (document #{number})"
                )
            }
            (Naming::Native { .. }, None) => format!("file:{}", self.files.shown(path)),
            (Naming::Native { location }, Some(number)) => {
                let shown = self.files.shown(path);
                format!("Config resource 'file [{shown}]' via location '{location}' (document #{number})")
            }
        }
    }
}
