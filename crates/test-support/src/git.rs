//! Git repositories for the config server: written by git2, at fixed dates, so that commit ids repeat.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use git2::build::CheckoutBuilder;
use git2::{IndexAddOption, Oid, RepositoryInitOptions, Signature, Time};
use tempfile::TempDir;

/// A repository with a working tree, in a temporary directory when it is ours; branch `main`.
pub struct Repository {
    scratch: Option<TempDir>,
    git: git2::Repository,
    commits: i64,
}

impl std::fmt::Debug for Repository {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Repository").field(&self.path()).finish()
    }
}

impl Repository {
    pub fn new() -> Result<Self> {
        let scratch = tempfile::Builder::new().prefix("wellspring-git-").tempdir()?;
        let git = git2::Repository::init_opts(
            scratch.path().join("repo"),
            RepositoryInitOptions::new().initial_head("main").mkpath(true),
        )?;
        Ok(Self { scratch: Some(scratch), git, commits: 0 })
    }

    /// One that is there already.
    pub fn open(path: &Path) -> Result<Self> {
        Ok(Self { scratch: None, git: git2::Repository::open(path)?, commits: 0 })
    }

    /// With files and one commit.
    pub fn with(files: &[(&str, &str)]) -> Result<Self> {
        let mut repository = Self::new()?;
        for (path, text) in files {
            repository.write(path, text)?;
        }
        repository.commit("initial")?;
        Ok(repository)
    }

    pub fn path(&self) -> &Path {
        self.git.workdir().unwrap_or_else(|| self.git.path())
    }

    /// As `spring.cloud.config.server.git.uri` takes it.
    pub fn uri(&self) -> String {
        format!("file://{}", self.path().display().to_string().trim_end_matches('/'))
    }

    pub fn write(&self, path: &str, text: impl AsRef<[u8]>) -> Result<()> {
        let file = self.path().join(path);
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(&file, text).with_context(|| format!("writing {}", file.display()))
    }

    pub fn remove(&self, path: &str) -> Result<()> {
        Ok(fs::remove_file(self.path().join(path))?)
    }

    /// Commits the working tree as it is and gives the id.
    pub fn commit(&mut self, message: &str) -> Result<String> {
        let mut index = self.git.index()?;
        index.add_all(["*"], IndexAddOption::DEFAULT, None)?;
        index.update_all(["*"], None)?;
        index.write()?;
        let tree = self.git.find_tree(index.write_tree()?)?;
        self.commits += 1;
        let time = Time::new(1_704_110_400 + self.commits * 86_400, 0);
        let author = Signature::new("tester", "tester@example.org", &time)?;
        let parent = self.git.head().ok().and_then(|head| head.peel_to_commit().ok());
        let parents: Vec<&git2::Commit<'_>> = parent.iter().collect();
        let id = self.git.commit(Some("HEAD"), &author, &author, message, &tree, &parents)?;
        Ok(id.to_string())
    }

    /// Writes one file and commits it.
    pub fn put(&mut self, path: &str, text: &str) -> Result<String> {
        self.write(path, text)?;
        self.commit(&format!("put {path}"))
    }

    /// Makes a branch at HEAD and switches to it.
    pub fn branch(&self, name: &str) -> Result<()> {
        self.git.branch(name, &self.git.head()?.peel_to_commit()?, false)?;
        self.checkout(name)
    }

    pub fn checkout(&self, branch: &str) -> Result<()> {
        self.git.set_head(&format!("refs/heads/{branch}"))?;
        Ok(self.git.checkout_head(Some(CheckoutBuilder::new().force().remove_untracked(true)))?)
    }

    pub fn tag(&self, name: &str) -> Result<()> {
        let head = self.git.head()?.peel(git2::ObjectType::Commit)?;
        self.git.tag_lightweight(name, &head, true)?;
        Ok(())
    }

    /// Moves the current branch to an older commit and the working tree with it, as a force-push would.
    pub fn reset(&self, commit: &str) -> Result<()> {
        let commit = self.git.find_object(Oid::from_str(commit)?, None)?;
        Ok(self.git.reset(&commit, git2::ResetType::Hard, None)?)
    }

    /// A bare copy beside it, as a hosting service would hold it.
    pub fn publish(&self) -> Result<PathBuf> {
        let folder = self.scratch.as_ref().context("only a repository made here can be published")?;
        let bare = folder.path().join("published.git");
        if bare.exists() {
            fs::remove_dir_all(&bare)?;
        }
        git2::build::RepoBuilder::new().bare(true).clone(&self.uri(), &bare)?;
        Ok(bare)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn branches_tags_and_copies() {
        let mut repository =
            Repository::with(&[("application.yml", "a: 1\n"), ("sub/x.yml", "b: 1\n")]).unwrap();
        repository.tag("v1").unwrap();
        repository.branch("feature/login").unwrap();
        repository.remove("sub/x.yml").unwrap();
        let second = repository.put("application.yml", "a: 2\n").unwrap();
        repository.checkout("main").unwrap();
        assert_eq!(fs::read_to_string(repository.path().join("application.yml")).unwrap(), "a: 1\n");
        assert!(repository.path().join("sub/x.yml").exists());
        let bare = git2::Repository::open(repository.publish().unwrap()).unwrap();
        assert_eq!(
            bare.revparse_single("feature/login")
                .or(bare.revparse_single("origin/feature/login"))
                .unwrap()
                .id()
                .to_string(),
            second
        );
    }

    #[test]
    fn the_same_files_have_the_same_commit_id() {
        let id = || Repository::new().and_then(|mut r| r.put("a.yml", "x: 1\n")).unwrap();
        assert_eq!(id(), id());
    }
}
