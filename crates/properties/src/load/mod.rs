//! What Spring Boot does at start: files, profiles, imports, environment and arguments become one Environment.

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;

use crate::{Environment, Problem, PropertySource, flatten, yaml};

/// What an import comes back as.
pub type Imported<'a> = Pin<Box<dyn Future<Output = Result<Vec<PropertySource>, Problem>> + Send + 'a>>;

/// Something that `spring.config.import` can name by a scheme, such as `configserver:`.
pub trait Importer: Send + Sync {
    /// The scheme, without the colon.
    fn scheme(&self) -> &'static str;

    /// The sources at a location (what follows the scheme), highest precedence first.
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
    /// Nothing given yet: no files are read but `./application.*` and `./config/application.*`.
    pub fn new() -> Self {
        Self::default()
    }

    /// YAML below everything else; later calls lie above earlier ones.
    #[must_use]
    pub fn defaults(mut self, yaml: &str) -> Self {
        self.defaults.push(yaml.to_owned());
        self
    }

    /// `--config`: a file, or a directory with `application.*`.
    #[must_use]
    pub fn config_path(mut self, path: Option<PathBuf>) -> Self {
        self.config_path = path;
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
    #[expect(clippy::unused_async, reason = "importers are asked here")]
    pub async fn load(self) -> Result<Environment, Problem> {
        let mut sources = Vec::new();
        let args = self.args.iter().filter_map(|arg| arg.strip_prefix("--")?.split_once('='));
        sources.push(PropertySource::of_pairs("commandLineArgs", args));
        sources.push(PropertySource::of_variables("systemEnvironment", self.vars));
        if let Some(path) = &self.config_path {
            let bytes = std::fs::read(path)
                .map_err(|e| Problem::new(crate::codes::FILE_UNREADABLE, e.to_string()))?;
            let name = path.display().to_string();
            for document in yaml::parse_bytes(&bytes, &name)?.iter().rev() {
                sources.push(PropertySource::new(name.clone(), flatten::document(document)));
            }
        }
        for text in self.defaults.iter().rev() {
            for document in yaml::parse(text, "defaults")?.iter().rev() {
                sources.push(PropertySource::new("defaults", flatten::document(document)));
            }
        }
        Ok(Environment::new(sources, Vec::new()))
    }
}
