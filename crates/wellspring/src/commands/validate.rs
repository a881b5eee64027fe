//! `validate`: a settings file read as the daemons read it, without starting one.
//!
//! The checks are the daemons' own: each crate binds and compiles what is below its prefixes. The file's documents are laid over
//! one another in the order of the file, those of a profile too: each must be right by itself.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde_json::json;
use wellspring_properties::{Environment, Problem, PropertySource, codes, flatten, java_properties, yaml};

use super::output;
use crate::server::{Outcome, Output, write};
use crate::settings::{self, keys};

/// What was found in a file.
struct Report {
    file: String,
    settings: usize,
    routes: usize,
    problems: Vec<Problem>,
    warnings: Vec<Problem>,
}

pub(super) fn run(
    files: &[PathBuf],
    properties: &[String],
    strict: bool,
    form: Output,
    out: &mut dyn Write,
) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let _inside = runtime.enter();
    let reports: Vec<Report> = files.iter().map(|file| report(file, properties)).collect();
    let fine =
        reports.iter().all(|report| report.problems.is_empty() && (!strict || report.warnings.is_empty()));
    match form {
        Output::Table => reports.iter().try_for_each(|report| print(report, out))?,
        Output::Json | Output::Yaml | Output::Ndjson => {
            let files = reports.iter().map(|report| {
                let list = |problems: &[Problem]| problems.iter().map(output::problem).collect::<Vec<_>>();
                json!({"file": report.file, "settings": report.settings, "routes": report.routes,
                       "problems": list(&report.problems), "warnings": list(&report.warnings)})
            });
            write(form, &json!({"ok": fine, "files": files.collect::<Vec<_>>()}), out)?;
        }
    }
    Ok(fine)
}

fn report(file: &Path, properties: &[String]) -> Report {
    let shown = file.display().to_string();
    let mut report =
        Report { file: shown, settings: 0, routes: 0, problems: Vec::new(), warnings: Vec::new() };
    let mut documents = match read(file, &report.file) {
        Ok(documents) => documents,
        Err(problem) => {
            report.problems.push(problem);
            return report;
        }
    };
    report.settings = documents.iter().map(|source| source.entries.len()).sum();
    documents.reverse();
    let pairs = properties.iter().filter_map(|word| word.strip_prefix("--")?.split_once('='));
    let given = PropertySource::of_pairs("command line", pairs);
    let vars = PropertySource::of_variables("environment", std::env::vars());
    let env = Environment::new([given, vars].into_iter().chain(documents).collect(), Vec::new());
    let (routes, found) = problems(&env);
    report.routes = routes;
    for problem in found {
        let list =
            if problem.code == codes::UNKNOWN_KEY { &mut report.warnings } else { &mut report.problems };
        if !list.contains(&problem) {
            list.push(problem);
        }
    }
    report
}

/// What the daemons say of settings, and how many routes are good. Wants a tokio runtime around it.
pub(super) fn problems(env: &Environment) -> (usize, Vec<Problem>) {
    let mut routes = 0;
    let mut found = wellspring_daemon::check(env);
    if env.contains("eureka.server") || env.contains("eureka.dashboard") {
        found.extend(wellspring_registry::Config::check(env));
    }
    if env.contains("spring.cloud.config.server") {
        found.extend(wellspring_config_server::check(env));
    }
    if ["spring.cloud.bus", "spring.rabbitmq", "wellspring.bus"].iter().any(|prefix| env.contains(prefix)) {
        found.extend(wellspring_bus::check(env));
    }
    if env.contains("spring.cloud.gateway") {
        let (compiled, problems) = wellspring_gateway::check(env);
        routes = compiled;
        found.extend(problems);
    }
    found.iter_mut().for_each(without_effect);
    (routes, found)
}

/// A setting of the originals that nothing reads is no slip of the pen: the table says why, and what to do.
fn without_effect(problem: &mut Problem) {
    let Some(key) = problem.message.strip_prefix("unknown setting ") else { return };
    if problem.code == codes::UNKNOWN_KEY
        && keys::is_known(key)
        && let Some(row) = settings::find(key)
    {
        problem.message = format!("{key} has no effect here: {}", row.remark);
        problem.hint = None;
    }
}

/// The documents of a settings file, in the order of the file.
pub(super) fn read(file: &Path, shown: &str) -> Result<Vec<PropertySource>, Problem> {
    let bytes = std::fs::read(file).map_err(|error| {
        let code = if error.kind() == io::ErrorKind::NotFound {
            codes::FILE_MISSING
        } else {
            codes::FILE_UNREADABLE
        };
        Problem::new(code, format!("cannot read {shown}: {error}"))
    })?;
    let documents: Vec<_> = match file.extension().and_then(|extension| extension.to_str()) {
        Some("properties") => java_properties::parse(&bytes, shown)?,
        _ => yaml::parse_bytes(&bytes, shown)?.iter().map(flatten::document).collect(),
    };
    let sources: Vec<_> = documents.into_iter().map(|entries| PropertySource::new(shown, entries)).collect();
    for source in &sources {
        if let Some(entry) = source.entries.get("spring.config.activate.on-profile") {
            let text = entry.value.to_string();
            wellspring_properties::profile::Expression::parse_list(&text)
                .map_err(|problem| problem.at(entry.origin.clone()))?;
        }
    }
    Ok(sources)
}

fn print(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    for problem in &report.problems {
        writeln!(out, "{problem}\n")?;
    }
    for warning in &report.warnings {
        writeln!(out, "{}\n", warning.to_string().replacen("error[", "warning[", 1))?;
    }
    let Report { file, settings, routes, problems, warnings } = report;
    let routes = if *routes > 0 { format!(", {routes} routes compiled") } else { String::new() };
    match (problems.len(), warnings.len()) {
        (0, 0) => writeln!(out, "{file}: fine, {settings} settings{routes}"),
        (problems, warnings) => {
            writeln!(out, "{file}: {problems} problems, {warnings} warnings, {settings} settings{routes}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn validate(text: &str, form: Output) -> (bool, String) {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("application.yml");
        std::fs::write(&file, text).unwrap();
        let mut out = Vec::new();
        let fine = run(&[file], &[], false, form, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        (fine, text.replace(&format!("{}/", directory.path().display()), ""))
    }

    #[test]
    fn a_good_file_is_fine() {
        let text = "server.port: 8080\nspring.cloud.gateway.routes:\n  - id: a\n    uri: lb://a\n    predicates: [Path=/a]\n";
        assert_eq!(
            validate(text, Output::Table),
            (true, "application.yml: fine, 4 settings, 1 routes compiled\n".into())
        );
    }

    #[test]
    fn problems_show_the_line_and_what_was_found() {
        let (fine, text) = validate("server:\n  port: many\n", Output::Table);
        assert!(!fine);
        assert!(text.contains("error[WS-1201]: server.port wants a whole number from 0 to 65535"), "{text}");
        assert!(text.contains("2 |   port: many") && text.contains("^^^^ got \"many\""), "{text}");
    }

    #[test]
    fn unknown_settings_are_warnings() {
        let (fine, text) = validate("eureka.server.enable-self-preservatio: true\n", Output::Table);
        assert!(fine, "{text}");
        assert!(
            text.contains("warning[WS-1202]")
                && text.contains("did you mean eureka.server.enable-self-preservation?"),
            "{text}"
        );
    }

    #[test]
    fn broken_yaml_is_a_problem_for_programs_too() {
        let (fine, text) = validate("a: b: c\n", Output::Json);
        assert!(!fine);
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(json["files"][0]["problems"][0]["code"], "WS-1001");
        assert_eq!(json["files"][0]["problems"][0]["where"], "application.yml:1:5");
        let (_, text) = validate("a: b: c\n", Output::Yaml);
        let yaml: serde_json::Value = serde_yaml::from_str(&text).unwrap();
        assert_eq!(yaml, json);
    }
}
