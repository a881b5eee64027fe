//! Is a new commit fit to be served? Files that can be sources must parse, what is encrypted must decrypt, and where the repository
//! has a schema for an application its effective values must fit.
//!
//! Only what changed since the last good commit is read, and only files of the root and of the search paths. A value that could not be
//! decrypted before either is no reason to refuse: it would keep everything else from being served.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use git2::{Delta, DiffOptions, Oid, Repository};
use wellspring_pattern::star;
use wellspring_properties::Problem;

use super::schema;
use super::store::Store;
use crate::sources::documents::{Documents, Kind, Unreadable};

/// What commits are measured by.
#[derive(Debug)]
pub(crate) struct Rules {
    documents: Arc<Documents>,
    /// As in the settings.
    search_paths: Vec<String>,
    /// The same with stars for placeholders; the root is always searched.
    patterns: Vec<String>,
    /// `{application}` stands for the name.
    schema_path: String,
}

impl Rules {
    pub(crate) fn new(documents: &Arc<Documents>, search_paths: &[String], schema_path: &str) -> Self {
        Self {
            documents: Arc::clone(documents),
            search_paths: search_paths.to_vec(),
            patterns: patterns(search_paths),
            schema_path: schema_path.to_owned(),
        }
    }
}

fn patterns(search_paths: &[String]) -> Vec<String> {
    let mut patterns = vec![String::new()];
    for path in search_paths {
        let mut pattern = path.trim().trim_matches('/').to_owned();
        for placeholder in ["{application}", "{profile}", "{label}", "?"] {
            pattern = pattern.replace(placeholder, "*");
        }
        patterns.push(pattern);
    }
    patterns
}

/// What is wrong with `new`, which may be nothing.
pub(crate) fn check(
    git: &Path,
    store: &Arc<Store>,
    rules: &Rules,
    good: Oid,
    new: Oid,
) -> Result<Vec<Problem>, git2::Error> {
    let repository = Repository::open(git)?;
    let tree = |id: Oid| repository.find_object(id, None)?.peel_to_tree();
    // A tag may name a single file.
    let Ok(fresh) = tree(new) else { return Ok(Vec::new()) };
    // A last good commit that is gone leaves nothing to compare with: everything counts as new.
    let old = tree(good).ok();
    let diff = repository.diff_tree_to_tree(
        old.as_ref(),
        Some(&fresh),
        Some(DiffOptions::new().context_lines(0)),
    )?;
    let mut problems = Vec::new();
    for delta in diff.deltas().filter(|delta| delta.status() != Delta::Deleted) {
        let file = delta.new_file();
        let Some(path) = file.path().and_then(Path::to_str) else { continue };
        let Some(kind) = kind(path).filter(|_| is_searched(path, &rules.patterns)) else { continue };
        // Links and submodules are no sources by themselves.
        let Ok(blob) = repository.find_blob(file.id()) else { continue };
        let before = repository.find_blob(delta.old_file().id()).ok();
        problems.extend(rules.file(kind, path, blob.content(), before.as_ref().map(git2::Blob::content)));
    }
    // What does not parse has no effective values.
    if problems.is_empty() {
        problems = schema::check(
            &repository,
            store,
            &rules.documents,
            &rules.search_paths,
            &rules.schema_path,
            new,
        )?;
    }
    Ok(problems)
}

impl Rules {
    fn file(&self, kind: Kind, path: &str, content: &[u8], before: Option<&[u8]>) -> Vec<Problem> {
        if let Err(Unreadable::Syntax(problem) | Unreadable::Refused(problem)) =
            self.documents.parse(kind, content, path)
        {
            return vec![*problem];
        }
        let faults = self.documents.undecryptable(kind, content, path);
        if faults.is_empty() {
            return Vec::new();
        }
        let known: HashSet<(String, String)> = before
            .map(|before| self.documents.undecryptable(kind, before, path))
            .unwrap_or_default()
            .into_iter()
            .map(|fault| (fault.key, fault.cipher))
            .collect();
        faults
            .into_iter()
            .filter(|fault| !known.contains(&(fault.key.clone(), fault.cipher.clone())))
            .map(|fault| fault.problem)
            .collect()
    }
}

fn kind(path: &str) -> Option<Kind> {
    match path.rsplit_once('.')?.1 {
        "yml" | "yaml" => Some(Kind::Yaml),
        "properties" => Some(Kind::Properties),
        _ => None,
    }
}

fn is_searched(path: &str, patterns: &[String]) -> bool {
    let directory = path.rsplit_once('/').map_or("", |(directory, _)| directory);
    patterns.iter().any(|pattern| star::matches(pattern, directory))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_be_a_source_is_read() {
        let patterns = patterns(&["{application}/conf".to_owned(), "shared?".to_owned()]);
        for (path, expected) in [
            ("a.yml", true),
            ("orders/conf/a.yml", true),
            ("shared1/a.yml", true),
            ("charts/templates/a.yml", false),
        ] {
            assert_eq!(is_searched(path, &patterns), expected, "{path}");
        }
        assert!(kind("a.txt").is_none() && kind("a").is_none());
    }
}
