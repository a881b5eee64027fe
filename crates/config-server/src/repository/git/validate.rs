//! Is a new commit fit to be served? A branch whose newest commit has a configuration file that does not parse stays where it is.
//!
//! Only what changed since the last good commit is read, and only files that can be sources: those of the root and of the search paths.

use std::path::Path;

use git2::{Delta, DiffOptions, Oid, Repository};
use wellspring_pattern::star;

use crate::sources::documents::{Documents, Kind, Unreadable};

/// Search paths with stars for placeholders; the root is always searched.
pub(crate) fn patterns(search_paths: &[String]) -> Vec<String> {
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

/// `Err`: the first complaint, in one line with file, line and column.
pub(crate) fn check(
    git: &Path,
    documents: &Documents,
    patterns: &[String],
    good: Oid,
    new: Oid,
) -> Result<Result<(), String>, git2::Error> {
    let repository = Repository::open(git)?;
    let tree = |id: Oid| repository.find_object(id, None)?.peel_to_tree();
    // A last good commit that is gone leaves nothing to compare with: everything counts as new.
    let old = tree(good).ok();
    let diff = repository.diff_tree_to_tree(
        old.as_ref(),
        Some(&tree(new)?),
        Some(DiffOptions::new().context_lines(0)),
    )?;
    for delta in diff.deltas().filter(|delta| delta.status() != Delta::Deleted) {
        let file = delta.new_file();
        let Some(path) = file.path().and_then(Path::to_str) else { continue };
        let Some(kind) = kind(path).filter(|_| is_searched(path, patterns)) else { continue };
        // Links and submodules are no sources by themselves.
        let Ok(blob) = repository.find_blob(file.id()) else { continue };
        if let Err(Unreadable::Syntax(problem) | Unreadable::Refused(problem)) =
            documents.parse(kind, blob.content(), path)
        {
            return Ok(Err(problem.line()));
        }
    }
    Ok(Ok(()))
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
