//! `management.tracing.*`, `management.zipkin.tracing.*`, `management.otlp.tracing.*`.

use std::collections::HashMap;
use std::time::Duration;

use http::HeaderName;
use serde::Deserialize;
use wellspring_lb_client::http::{self as outbound, Options};
use wellspring_properties::{Environment, Problem, value};
use wellspring_telemetry::Meters;
use wellspring_telemetry::traces::{Exporter, Format, Propagation, Targets, Tracer};

use crate::{Tasks, codes};

#[derive(Debug, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub(crate) struct Tracing {
    enabled: bool,
    sampling: Sampling,
    propagation: PropagationSettings,
    baggage: Baggage,
}

#[derive(Debug, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct Sampling {
    probability: f64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct PropagationSettings {
    r#type: Vec<String>,
    produce: Vec<String>,
    consume: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct Baggage {
    enabled: bool,
    remote_fields: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct Zipkin {
    endpoint: Option<String>,
    #[serde(with = "value::duration_millis")]
    connect_timeout: Duration,
    #[serde(with = "value::duration_millis")]
    read_timeout: Duration,
    export: Export,
}

#[derive(Debug, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct Otlp {
    endpoint: Option<String>,
    transport: String,
    headers: HashMap<String, String>,
    #[serde(with = "value::duration_millis")]
    timeout: Duration,
    export: Export,
}

#[derive(Debug, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct Export {
    enabled: bool,
}

impl Default for Tracing {
    fn default() -> Self {
        let (sampling, propagation, baggage) = Default::default();
        Self { enabled: true, sampling, propagation, baggage }
    }
}

impl Default for Sampling {
    fn default() -> Self {
        Self { probability: 0.10 }
    }
}

impl Default for Baggage {
    fn default() -> Self {
        Self { enabled: true, remote_fields: Vec::new() }
    }
}

impl Default for Zipkin {
    fn default() -> Self {
        let (connect_timeout, read_timeout) = (Duration::from_secs(1), Duration::from_secs(10));
        Self { endpoint: None, connect_timeout, read_timeout, export: Export::default() }
    }
}

impl Default for Otlp {
    fn default() -> Self {
        Self {
            endpoint: None,
            transport: "http".to_owned(),
            headers: HashMap::new(),
            timeout: Duration::from_secs(10),
            export: Export::default(),
        }
    }
}

impl Default for Export {
    fn default() -> Self {
        Self { enabled: true }
    }
}

/// The tracer that the settings describe. With a collector, the task that feeds it runs until the application has stopped.
pub(crate) fn tracer(
    env: &Environment,
    service: &str,
    meters: &Meters,
    tasks: &Tasks,
) -> Result<Tracer, Problem> {
    let (tracing, unknown) = env.bind_checked::<Tracing>("management.tracing");
    let tracing = tracing?;
    crate::settings::report(&unknown);
    let probability = tracing.sampling.probability;
    if !(0.0..=1.0).contains(&probability) {
        let key = "management.tracing.sampling.probability";
        return Err(Problem::new(codes::TRACING, format!("{key} is outside of its range"))
            .at(env.origin(key))
            .found(probability.to_string())
            .hint("a number from 0.0 to 1.0"));
    }
    let propagation = propagation(env, &tracing)?;
    // As in the original: switched off, nothing is read from headers and nothing written to them.
    let propagation = if tracing.enabled { propagation } else { Propagation::none() };
    let targets = if tracing.enabled { targets(env)? } else { None };
    let exporter = match targets {
        Some((targets, options)) => Some(exporter(targets, options, service, meters, tasks)?),
        None => None,
    };
    Ok(Tracer::new(propagation, probability, exporter))
}

/// Whether spans are exported: log lines then keep a column for them.
pub(crate) fn exports(env: &Environment) -> bool {
    targets(env).is_ok_and(|targets| targets.is_some())
}

fn propagation(env: &Environment, tracing: &Tracing) -> Result<Propagation, Problem> {
    let formats = |key: &str, names: &[String]| -> Result<Vec<Format>, Problem> {
        let parse = |name: &String| {
            let key = format!("management.tracing.propagation.{key}");
            Format::parse(name).ok_or_else(|| {
                Problem::new(codes::TRACING, format!("{key} names an unknown propagation"))
                    .at(env.origin(&key))
                    .found(name.clone())
                    .hint("W3C, B3 or B3_MULTI")
            })
        };
        names.iter().map(parse).collect()
    };
    let PropagationSettings { r#type, produce, consume } = &tracing.propagation;
    let both = formats("type", r#type)?;
    let (produce, consume) = (formats("produce", produce)?, formats("consume", consume)?);
    let mut propagation = if both.is_empty() { Propagation::default() } else { Propagation::both(both) };
    if r#type.is_empty() && !produce.is_empty() {
        propagation.produce = produce;
    }
    if r#type.is_empty() && !consume.is_empty() {
        propagation.consume = consume;
    }
    propagation.baggage = tracing.baggage.enabled;
    for field in &tracing.baggage.remote_fields {
        let name = field.parse::<HeaderName>().map_err(|_| {
            Problem::new(
                codes::TRACING,
                "management.tracing.baggage.remote-fields has a name that is no header",
            )
            .found(field.clone())
        })?;
        propagation.remote_fields.push(name);
    }
    Ok(propagation)
}

fn targets(env: &Environment) -> Result<Option<(Targets, Options)>, Problem> {
    let zipkin: Zipkin = env.bind("management.zipkin.tracing")?;
    let otlp: Otlp = env.bind("management.otlp.tracing")?;
    if !otlp.transport.eq_ignore_ascii_case("http") {
        let key = "management.otlp.tracing.transport";
        return Err(Problem::new(codes::TRACING, format!("{key} is not supported"))
            .at(env.origin(key))
            .found(otlp.transport)
            .hint("http, and an endpoint such as http://collector:4318/v1/traces"));
    }
    let options = Options {
        connect_timeout: zipkin.connect_timeout,
        read_timeout: Some(zipkin.read_timeout),
        ..Options::default()
    };
    let targets = Targets {
        zipkin: zipkin.endpoint.filter(|_| zipkin.export.enabled),
        otlp: otlp.endpoint.filter(|_| otlp.export.enabled),
        otlp_headers: otlp.headers.into_iter().collect(),
        otlp_timeout: Some(otlp.timeout),
    };
    for (key, endpoint) in [("zipkin", &targets.zipkin), ("otlp", &targets.otlp)] {
        let usable = |url: &String| url.parse::<http::Uri>().is_ok_and(|uri| uri.scheme().is_some());
        if let Some(url) = endpoint
            && !usable(url)
        {
            let key = format!("management.{key}.tracing.endpoint");
            return Err(Problem::new(codes::TRACING, format!("{key} is not a URL"))
                .at(env.origin(&key))
                .found(url.clone())
                .hint("http://host:port/path"));
        }
    }
    Ok((targets.zipkin.is_some() || targets.otlp.is_some()).then_some((targets, options)))
}

fn exporter(
    targets: Targets,
    options: Options,
    service: &str,
    meters: &Meters,
    tasks: &Tasks,
) -> Result<Exporter, Problem> {
    let unusable = |error: String| Problem::new(codes::TRACING, format!("spans cannot be exported: {error}"));
    let http = outbound::client(options).map_err(|error| unusable(error.to_string()))?;
    let stop = tasks.token().cancelled_owned();
    let (exporter, run) = Exporter::new(targets, service, http, meters, stop).map_err(unusable)?;
    tasks.spawn_to_end(run);
    Ok(exporter)
}
