//! `routes trace`.

use std::io::Write;

use wellspring_daemon::admin::routes::RouteTrace;
use wellspring_gateway::Offline;
use wellspring_gateway::trace::{Described, Values};

use crate::server::{Outcome, Output, write};

pub(super) fn run(
    routes: &Offline,
    method: &str,
    path: &str,
    headers: &[String],
    form: Output,
    out: &mut dyn Write,
) -> Outcome {
    let mut described =
        Described { method: method.to_ascii_uppercase(), path: path.to_owned(), ..Described::default() };
    for header in headers {
        let Some((name, value)) = header.split_once(':') else {
            writeln!(out, "no header: {header}; write Name: value")?;
            return Ok(false);
        };
        described
            .headers
            .entry(name.trim().to_ascii_lowercase())
            .and_modify(|values| {
                let before = std::mem::replace(values, Values::Many(Vec::new()));
                let mut all = match before {
                    Values::One(one) => vec![one],
                    Values::Many(many) => many,
                };
                all.push(value.trim().to_owned());
                *values = Values::Many(all);
            })
            .or_insert_with(|| Values::One(value.trim().to_owned()));
    }
    let trace = match routes.trace(&described) {
        Ok(trace) => trace,
        Err(error) => {
            writeln!(out, "{error}")?;
            return Ok(false);
        }
    };
    show(&trace, form, out)
}

pub(super) fn show(trace: &RouteTrace, form: Output, out: &mut dyn Write) -> Outcome {
    if form != Output::Table {
        write(form, &serde_json::to_value(trace)?, out)?;
        return Ok(trace.route.is_some());
    }
    let at = |place: &Option<String>| place.as_ref().map(|place| format!("  ({place})")).unwrap_or_default();
    for tried in &trace.tried {
        match &tried.failed {
            Some(failed) => writeln!(out, "  not {}: {failed}{}", tried.id, at(&tried.place))?,
            None => writeln!(out, "route {}{}", tried.id, at(&tried.place))?,
        }
    }
    for filter in &trace.filters {
        if filter.not_run {
            writeln!(out, "  {}: not run here{}", filter.name, at(&filter.place))?;
        }
        for change in &filter.changes {
            writeln!(out, "  {}: {change}{}", filter.name, at(&filter.place))?;
        }
    }
    let instance = trace.instance.as_ref().map(|one| format!("{} {}", one.id, one.address));
    for (label, text) in [
        ("to", &trace.target),
        ("instance", &instance),
        ("because", &trace.why),
        ("ends with", &trace.ends_with),
    ] {
        if let Some(text) = text {
            writeln!(out, "{label} {text}")?;
        }
    }
    Ok(trace.route.is_some())
}
