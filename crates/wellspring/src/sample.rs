//! The Git repository that the config server serves when none is configured.
//!
//! It is made once in the state directory and then belongs to the user: a second start only looks whether it is there.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use git2::{IndexAddOption, Repository, RepositoryInitOptions, Signature};

const FILES: [(&str, &str); 4] = [
    ("README.md", include_str!("../sample-config/README.md")),
    ("application.yml", include_str!("../sample-config/application.yml")),
    ("inventory.yml", include_str!("../sample-config/inventory.yml")),
    ("orders.yml", include_str!("../sample-config/orders.yml")),
];

/// Makes the sample repository at `dir`, on branch `main` with one commit, unless a repository is there already.
///
/// # Errors
/// When the directory cannot be written, or holds something that is no repository.
pub(crate) fn create(dir: &Path) -> Result<()> {
    if Repository::open(dir).is_ok_and(|repository| repository.head().is_ok()) {
        return Ok(());
    }
    fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
    for (name, text) in FILES {
        let file = dir.join(name);
        // A start that was cut short may have left files behind; what the user wrote into them stays.
        if !file.exists() {
            fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
        }
    }
    commit_all(dir).with_context(|| format!("cannot make a Git repository of {}", dir.display()))
}

fn commit_all(dir: &Path) -> Result<(), git2::Error> {
    let repository = Repository::init_opts(dir, RepositoryInitOptions::new().initial_head("main"))?;
    let mut index = repository.index()?;
    index.add_all(["*"], IndexAddOption::DEFAULT, None)?;
    index.write()?;
    let tree = repository.find_tree(index.write_tree()?)?;
    let author = Signature::now("Wellspring", "wellspring@localhost")?;
    repository.commit(Some("HEAD"), &author, &author, "Sample configuration", &tree, &[])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_start_keeps_what_the_user_committed() {
        let dir = tempfile::tempdir().unwrap();
        create(dir.path()).unwrap();
        fs::write(dir.path().join("orders.yml"), "orders.currency: USD\n").unwrap();
        let head = |path: &Path| Repository::open(path).unwrap().head().unwrap().target();
        let first = head(dir.path());

        create(dir.path()).unwrap();

        assert_eq!(head(dir.path()), first);
        assert_eq!(fs::read_to_string(dir.path().join("orders.yml")).unwrap(), "orders.currency: USD\n");
    }

    #[test]
    fn a_start_that_was_cut_short_is_finished_by_the_next() {
        let dir = tempfile::tempdir().unwrap();
        Repository::init(dir.path()).unwrap();

        create(dir.path()).unwrap();

        let repository = Repository::open(dir.path()).unwrap();
        let tree = repository.head().unwrap().peel_to_tree().unwrap();
        assert!(FILES.iter().all(|(name, _)| tree.get_name(name).is_some()));
    }
}
