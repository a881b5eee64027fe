//! `routes trace`.

use std::io::Write;

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
    if form != Output::Table {
        write(form, &serde_json::to_value(&trace)?, out)?;
        return Ok(trace.route.is_some());
    }
    for tried in &trace.tried {
        match &tried.failed {
            Some(failed) => writeln!(out, "  not {}: {failed}", tried.route)?,
            None => writeln!(out, "route {}", tried.route)?,
        }
    }
    for step in &trace.steps {
        if step.not_run {
            writeln!(out, "  {}: not run here", step.filter)?;
        }
        for change in &step.changes {
            writeln!(out, "  {}: {change}", step.filter)?;
        }
    }
    for (label, text) in
        [("to", &trace.target), ("instance", &trace.instance), ("ends with", &trace.ends_with)]
    {
        if let Some(text) = text {
            writeln!(out, "{label} {text}")?;
        }
    }
    Ok(trace.route.is_some())
}
