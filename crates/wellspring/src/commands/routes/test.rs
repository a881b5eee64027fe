//! `routes test`: lines `GET /path -> route`.

use std::io::Write;

use serde_json::json;
use wellspring_gateway::Offline;
use wellspring_gateway::replay::record::{self, Recorded};

use crate::server::{Outcome, Output, write};

pub(super) fn run(routes: &Offline, lines: &str, form: Output, out: &mut dyn Write) -> Outcome {
    let mut cases = Vec::new();
    for (line, number) in lines.lines().zip(1..) {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let Some((request, wanted)) = line.rsplit_once("->") else {
            writeln!(out, "line {number}: no '->' in {line}")?;
            return Ok(false);
        };
        let read = record::read(request.trim()).into_iter().next();
        let Some(Recorded::Request(shown, described)) = read else {
            writeln!(out, "line {number}: no request: {request}")?;
            return Ok(false);
        };
        let found = match routes.trace(&described) {
            Ok(trace) => trace.route.unwrap_or_else(|| "404".to_owned()),
            Err(error) => error.to_string(),
        };
        cases.push((shown, wanted.trim().to_owned(), found));
    }
    let wrong = cases.iter().filter(|(_, wanted, found)| wanted != found).count();
    if form == Output::Table {
        for (shown, wanted, found) in cases.iter().filter(|(_, wanted, found)| wanted != found) {
            writeln!(out, "{shown}: wanted {wanted}, goes to {found}")?;
        }
        writeln!(out, "{} requests, {wrong} go elsewhere", cases.len())?;
    } else {
        let listed: Vec<_> = cases
            .iter()
            .map(|(shown, wanted, found)| json!({"request": shown, "wanted": wanted, "found": found, "ok": wanted == found}))
            .collect();
        write(form, &json!({"ok": wrong == 0, "requests": listed}), out)?;
    }
    Ok(wrong == 0)
}
