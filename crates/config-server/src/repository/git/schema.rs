//! JSON schemas that a repository keeps for its applications: `.wellspring/schema/orders.json`.
//!
//! What is measured is what clients get: the effective values of the application with each profile that has a file, unflattened,
//! placeholders replaced. Properties files know only text, so a text that reads as the wanted type will do.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use git2::{ObjectType, Oid, Repository};
use jsonschema::error::ValidationErrorKind;
use serde_json::Value;
use wellspring_properties::{Origin, Problem};

use super::locate;
use super::store::Store;
use super::tree::CommitFiles;
use crate::render::tree::Tree;
use crate::render::{json, merge, placeholders};
use crate::repository::{Found, Query, expand};
use crate::server::lookup;
use crate::sources::documents::Documents;
use crate::sources::files::Files;
use crate::sources::search::{self, Location, Naming};

/// Complaints about one environment.
const TOLD: usize = 10;
const NAME: &str = "{application}";

/// What does not fit in commit `new`.
pub(super) fn check(
    repository: &Repository,
    store: &Arc<Store>,
    documents: &Documents,
    search_paths: &[String],
    schema_path: &str,
    new: Oid,
) -> Result<Vec<Problem>, git2::Error> {
    let tree = repository.find_object(new, None)?.peel_to_tree()?;
    let Some((directory, prefix, suffix)) = parts(schema_path) else { return Ok(Vec::new()) };
    let Some(directory) = subtree(repository, &tree, directory) else { return Ok(Vec::new()) };
    let Ok(Some(commit)) = store.commit(new) else { return Ok(Vec::new()) };
    let files: Arc<dyn Files> = Arc::new(CommitFiles::new(Arc::clone(store), commit, Arc::from("")));
    let mut problems = Vec::new();
    for entry in &directory {
        let Some(name) = entry.name().ok().and_then(|name| name.strip_prefix(prefix)?.strip_suffix(suffix))
        else {
            continue;
        };
        let Ok(blob) = repository.find_blob(entry.id()) else { continue };
        let file = schema_path.replace(NAME, name);
        match compiled(blob.content(), &file) {
            Err(problem) => problems.push(problem),
            Ok(schema) => {
                let profiles = profiles(repository, &tree, &files, search_paths, name);
                for profile in profiles {
                    measure(&schema, documents, &files, search_paths, (name, &profile), &mut problems);
                }
            }
        }
    }
    problems.dedup_by_key(|problem| problem.line());
    Ok(problems)
}

/// Directory, and what stands around the name in the file's name.
fn parts(path: &str) -> Option<(&str, &str, &str)> {
    let (directory, file) = path.rsplit_once('/').unwrap_or(("", path));
    let (prefix, suffix) = file.split_once(NAME)?;
    Some((directory, prefix, suffix))
}

fn subtree<'r>(repository: &'r Repository, tree: &git2::Tree<'r>, directory: &str) -> Option<git2::Tree<'r>> {
    let directory = directory.trim_matches('/');
    if directory.is_empty() {
        return Some(tree.clone());
    }
    let entry = tree.get_path(Path::new(directory)).ok()?;
    (entry.kind() == Some(ObjectType::Tree)).then(|| repository.find_tree(entry.id()).ok())?
}

fn compiled(content: &[u8], file: &str) -> Result<jsonschema::Validator, Problem> {
    let wrong = |message: String, place: Origin| Problem::new("WS-1461", message).at(Some(place));
    let schema: Value = serde_json::from_slice(content).map_err(|error| {
        let [line, column] = [error.line(), error.column()].map(|n| u32::try_from(n).unwrap_or(0));
        wrong("schema is no JSON".to_owned(), Origin { file: file.into(), line, column })
    })?;
    jsonschema::validator_for(&schema).map_err(|error| {
        let place = Origin { file: file.into(), line: 0, column: 0 };
        wrong(format!("schema cannot be used: {error}"), place)
    })
}

/// `default` and each profile for which the application, or all of them, have a file.
fn profiles(
    repository: &Repository,
    tree: &git2::Tree<'_>,
    files: &Arc<dyn Files>,
    search_paths: &[String],
    application: &str,
) -> BTreeSet<String> {
    let mut profiles = BTreeSet::from(["default".to_owned()]);
    let query = query(application, "default");
    for location in locations(files, search_paths, &query) {
        let Some(directory) = subtree(repository, tree, &location.directory) else { continue };
        for entry in &directory {
            let Ok(name) = entry.name() else { continue };
            let Some((stem, "yml" | "yaml" | "properties")) = name.rsplit_once('.') else { continue };
            let profile = [application, "application"]
                .iter()
                .find_map(|name| stem.strip_prefix(*name)?.strip_prefix('-'))
                .filter(|profile| !profile.is_empty());
            profiles.extend(profile.map(str::to_owned));
        }
    }
    profiles
}

fn query(application: &str, profile: &str) -> Query {
    Query { name: application.to_owned(), profiles: profile.to_owned(), ..Query::default() }
}

fn locations(files: &Arc<dyn Files>, search_paths: &[String], query: &Query) -> Vec<Location> {
    let mut directories = vec![String::new()];
    for path in search_paths {
        for expanded in expand(path.trim(), query, None) {
            directories.extend(locate::directories(&**files, &expanded).unwrap_or_default());
        }
    }
    let naming = Naming::Git { uri: Arc::from("") };
    let mut seen = BTreeSet::new();
    directories.retain(|directory| seen.insert(directory.clone()));
    directories
        .into_iter()
        .map(|directory| Location { files: Arc::clone(files), directory, naming: naming.clone() })
        .collect()
}

fn measure(
    schema: &jsonschema::Validator,
    documents: &Documents,
    files: &Arc<dyn Files>,
    search_paths: &[String],
    (application, profile): (&str, &str),
    problems: &mut Vec<Problem>,
) {
    let query = query(application, profile);
    let locations = locations(files, search_paths, &query);
    // What cannot be read was told before, or is in a file that did not change.
    let Ok(sources) = search::search(documents, &locations, &query.applications(), &query.profiles()) else {
        return;
    };
    let found = Found { sources, ..Found::default() };
    let merged = merge::merge(found.sources.iter().map(|source| &source.document.entries));
    let Ok(tree) = Tree::unflatten(&merged) else { return };
    let text = json::dump(&tree);
    let resolved = placeholders::resolve(&text, &|key| lookup(&found, key)).unwrap_or_else(|_| text.clone());
    let Ok(value) = serde_json::from_str::<Value>(&resolved).or_else(|_| serde_json::from_str(&text)) else {
        return;
    };
    for error in schema.iter_errors(&value).filter(|error| !is_text_of_type(error)).take(TOLD) {
        let key = key(error.instance_path().as_str());
        let origin = found.sources.iter().find_map(|source| {
            let entries = &source.document.entries;
            let entry = entries.get(&key).or_else(|| {
                let below = format!("{key}.");
                entries.iter().find(|(other, _)| other.starts_with(&below)).map(|(_, entry)| entry)
            });
            entry.and_then(|entry| entry.origin.clone())
        });
        let about = if key.is_empty() { "the whole".to_owned() } else { format!("`{key}`") };
        let message = format!(
            "{about} of {application} with profile {profile} does not fit its schema: {}",
            rule(&error)
        );
        problems.push(Problem::new("WS-1460", message).at(origin));
    }
}

/// The rule that is broken, without the value, which may be a secret.
fn rule(error: &jsonschema::ValidationError<'_>) -> String {
    match error.kind() {
        ValidationErrorKind::Required { property } => {
            format!("{} is missing", property.as_str().unwrap_or_default())
        }
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            format!("it must not have {}", unexpected.join(", "))
        }
        ValidationErrorKind::Enum { options } => format!("it must be one of {options}"),
        _ => {
            let masked = error.masked_with("the value").to_string();
            format!("{masked} ({})", error.schema_path())
        }
    }
}

/// A text where another type is wanted, which reads as that type.
fn is_text_of_type(error: &jsonschema::ValidationError<'_>) -> bool {
    let (ValidationErrorKind::Type { .. }, Value::String(text)) = (error.kind(), &**error.instance()) else {
        return false;
    };
    let wanted = error.to_string();
    let wants = |name: &str| wanted.contains(&format!("\"{name}\""));
    (wants("integer") && text.parse::<i64>().is_ok())
        || (wants("number") && text.parse::<f64>().is_ok())
        || (wants("boolean") && text.parse::<bool>().is_ok())
}

/// `/server/ports/0` → `server.ports[0]`
fn key(pointer: &str) -> String {
    let mut key = String::new();
    for part in pointer.split('/').filter(|part| !part.is_empty()) {
        let part = part.replace("~1", "/").replace("~0", "~");
        if part.bytes().all(|b| b.is_ascii_digit()) {
            key.push_str(&format!("[{part}]"));
        } else {
            if !key.is_empty() {
                key.push('.');
            }
            key.push_str(&part);
        }
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers_are_keys_and_paths_have_parts() {
        assert_eq!(key("/server/ports/0/name"), "server.ports[0].name");
        assert_eq!(key(""), "");
        assert_eq!(parts(".wellspring/schema/{application}.json"), Some((".wellspring/schema", "", ".json")));
        assert_eq!(parts("schema.json"), None);
    }
}
