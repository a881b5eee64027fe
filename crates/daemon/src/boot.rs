//! From files, profiles, environment and arguments to one `Environment`.

use wellspring_properties::{Environment, Loader, Problem};

use crate::{App, Options};

const FRAME_DEFAULTS: &str = include_str!("defaults.yml");

/// Everything the application is configured with, imports included.
pub(crate) async fn load(app: &App, options: &Options) -> Result<Environment, Problem> {
    let mut loader = Loader::new()
        .config_path(options.config.clone())
        .args(options.args.clone())
        .vars(options.vars.clone());
    loader = loader.defaults(FRAME_DEFAULTS);
    for text in &app.defaults {
        loader = loader.defaults(text);
    }
    loader.load().await
}
