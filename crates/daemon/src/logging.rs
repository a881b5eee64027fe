//! `logging.*`: from settings to the process's logs.

use std::collections::HashMap;

use serde::Deserialize;
use wellspring_properties::{Environment, Problem};
use wellspring_telemetry::levels;
use wellspring_telemetry::logs::{self, Format, Logs, Service, Settings};

use crate::codes;

/// `logging`, as far as it has an effect here.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub(crate) struct Logging {
    level: HashMap<String, String>,
    group: HashMap<String, Vec<String>>,
    include_application_name: Option<bool>,
    structured: Structured,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct Structured {
    format: Formats,
    ecs: Ecs,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct Formats {
    console: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct Ecs {
    service: EcsService,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct EcsService {
    name: Option<String>,
    version: Option<String>,
    environment: Option<String>,
    node_name: Option<String>,
}

/// Installs the logs (the first application's format holds) and sets levels.
pub(crate) fn install(env: &Environment, application: &str, correlation: bool) -> Result<Logs, Problem> {
    let (logging, unknown) = env.bind_checked::<Logging>("logging");
    let logging = logging?;
    let Some(format) = Format::parse(&logging.structured.format.console) else {
        let key = "logging.structured.format.console";
        return Err(Problem::new(codes::LOG_FORMAT, format!("{key} names an unknown format"))
            .at(env.origin(key))
            .found(logging.structured.format.console)
            .hint("ecs or logstash; nothing for text"));
    };
    let EcsService { name, version, environment, node_name } = logging.structured.ecs.service;
    let logs = logs::install(Settings {
        format,
        application: application.to_owned(),
        hide_application: logging.include_application_name == Some(false),
        correlation,
        service: Service { name, version, environment, node_name },
    });
    for (name, members) in &logging.group {
        logs.levels().group(name, members);
    }
    for (flag, level) in [("debug", "debug"), ("trace", "trace")] {
        let on = env.get(flag).is_some_and(|text| !text.eq_ignore_ascii_case("false"));
        if on && let Some(level) = levels::parse(level) {
            logs.levels().set("wellspring", Some(level));
            logs.levels().set("web", Some(level));
        }
    }
    for (logger, text) in &logging.level {
        let Some(level) = levels::parse(text) else {
            let key = format!("logging.level.{logger}");
            return Err(Problem::new(codes::LOG_LEVEL, format!("{key} is not a log level"))
                .at(env.origin(&key))
                .found(text.clone())
                .hint("one of OFF, ERROR, WARN, INFO, DEBUG, TRACE"));
        };
        logs.levels().set(logger, Some(level));
    }
    crate::settings::report(&unknown);
    Ok(logs)
}
