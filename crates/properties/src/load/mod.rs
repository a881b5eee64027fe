//! What Spring Boot does at start: files, profiles, imports, environment and arguments become one Environment.
//!
//! Two rounds, as in Boot: first everything that needs no profile, then, with the active profiles known, the documents and
//! files that do. An import lies above the document that asks for it, what a profile brings above both.

mod config_tree;
mod contributors;
mod files;
mod inputs;
mod profiles;

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;

use contributors::Contributors;

use crate::{Environment, Problem, PropertySource};

/// What an import comes back as.
pub type Imported<'a> = Pin<Box<dyn Future<Output = Result<Vec<PropertySource>, Problem>> + Send + 'a>>;

/// Something that `spring.config.import` can name by a scheme, such as `configserver:`.
///
/// It is asked twice: with profile `default` before the active profiles are known, then with those, unless none is active.
/// Both answers count, the second above the first. Imports and profile settings inside the answers are ignored.
pub trait Importer: Send + Sync {
    /// The scheme, without the colon.
    fn scheme(&self) -> &'static str;

    /// The sources at a location (what follows the scheme), highest precedence first. With `optional`, a source that
    /// cannot be had is an empty list.
    fn import<'a>(
        &'a self,
        location: &'a str,
        optional: bool,
        so_far: &'a Environment,
        profiles: &'a [String],
    ) -> Imported<'a>;
}

/// Collects what a start is given and loads it.
#[derive(Default)]
pub struct Loader<'i> {
    defaults: Vec<String>,
    config_path: Option<PathBuf>,
    directory: Option<PathBuf>,
    args: Vec<String>,
    vars: Vec<(String, String)>,
    importers: Vec<&'i dyn Importer>,
}

impl std::fmt::Debug for Loader<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Loader").field("config_path", &self.config_path).finish_non_exhaustive()
    }
}

impl<'i> Loader<'i> {
    /// Nothing given yet: no files are read but `./application.*`, `./config/application.*` and `./config/*/application.*`.
    pub fn new() -> Self {
        Self::default()
    }

    /// YAML below everything else; later calls lie above earlier ones.
    #[must_use]
    pub fn defaults(mut self, yaml: &str) -> Self {
        self.defaults.push(yaml.to_owned());
        self
    }

    /// `--config`: a file, or a directory with `application.*`, in place of the usual directories.
    #[must_use]
    pub fn config_path(mut self, path: Option<PathBuf>) -> Self {
        self.config_path = path;
        self
    }

    /// Where relative paths begin; the working directory if not said.
    #[must_use]
    pub fn directory(mut self, directory: PathBuf) -> Self {
        self.directory = Some(directory);
        self
    }

    /// Arguments: `--a.b=c`; others are left alone.
    #[must_use]
    pub fn args(mut self, args: Vec<String>) -> Self {
        self.args = args;
        self
    }

    /// The process environment, as pairs.
    #[must_use]
    pub fn vars(mut self, vars: Vec<(String, String)>) -> Self {
        self.vars = vars;
        self
    }

    /// Adds an importer for `spring.config.import`.
    #[must_use]
    pub fn importer(mut self, importer: &'i dyn Importer) -> Self {
        self.importers.push(importer);
        self
    }

    /// Reads everything.
    pub async fn load(self) -> Result<Environment, Problem> {
        let above = inputs::sources(&self.args, self.vars)?;
        let mut contributors = Contributors::new(above, self.importers, self.directory.unwrap_or_default());
        contributors.start(self.config_path.as_deref(), &self.defaults)?;
        contributors.import(None).await?;
        let profiles = contributors.profiles()?;
        contributors.import(Some(&profiles)).await?;
        Ok(contributors.environment(Some(&profiles)))
    }
}

#[cfg(test)]
mod tests;
