//! From files, profiles, environment, arguments and imports to one `Environment`; the same again at a refresh.

use std::sync::Arc;

use wellspring_lb_client::config::Importer;
use wellspring_properties::{Environment, Loader, Problem, load};

use crate::{App, Options, scope};

const FRAME_DEFAULTS: &str = include_str!("defaults.yml");

/// All that a start is given. Cloning shares it.
#[derive(Clone)]
pub(crate) struct Boot(Arc<Inner>);

struct Inner {
    defaults: Vec<String>,
    options: Options,
    /// Remembers the config server's state between loads.
    importer: Importer,
}

impl Boot {
    pub(crate) fn new(app: &App, options: Options) -> Self {
        // A JSON string is a YAML string, whatever the name contains.
        let name = serde_json::Value::from(app.name.as_str());
        let mut defaults = vec![FRAME_DEFAULTS.to_owned(), format!("spring.application.name: {name}\n")];
        defaults.extend(app.defaults.iter().cloned());
        Self(Arc::new(Inner { defaults, options, importer: Importer::new() }))
    }

    pub(crate) async fn load(&self) -> Result<Environment, Problem> {
        self.load_with(&self.0.importer).await
    }

    /// The settings of this machine alone: no config server is asked.
    pub(crate) async fn own(&self) -> Result<Environment, Problem> {
        self.load_with(&Nothing).await
    }

    async fn load_with(&self, importer: &dyn load::Importer) -> Result<Environment, Problem> {
        let Inner { defaults, options, .. } = &*self.0;
        let mut loader = Loader::new()
            .config_path(options.config.clone())
            .args(options.args.clone())
            .vars(options.vars.clone())
            .importer(importer);
        for text in defaults {
            loader = loader.defaults(text);
        }
        let env = loader.load().await?;
        Ok(match &options.scope {
            Some(scope) => scope::lay_over(&env, scope),
            None => env,
        })
    }

    /// How a setting of this application is written: `wellspring.<scope>.server.port` in a process with others.
    pub(crate) fn key(&self, key: &str) -> String {
        let prefix = self.0.options.scope.as_deref().map(scope::prefix).unwrap_or_default();
        format!("{prefix}{key}")
    }

    /// What the operator sees, when the process shares it.
    pub(crate) fn admin(&self) -> Option<wellspring_admin::Admin> {
        self.0.options.admin.clone()
    }

    /// Names of the sources that a config server gave.
    pub(crate) fn imported(&self) -> Option<Arc<[String]>> {
        self.0.importer.sources()
    }
}

/// Stands where a config server would be asked, and has nothing to say.
struct Nothing;

impl load::Importer for Nothing {
    fn scheme(&self) -> &'static str {
        "configserver"
    }

    fn import<'a>(
        &'a self,
        _location: &'a str,
        _optional: bool,
        _so_far: &'a Environment,
        _profiles: &'a [String],
    ) -> load::Imported<'a> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }
}
