//! `routes replay`.

use std::io::Write;

use wellspring_daemon::admin::routes::{Replay, ReplayOutcome};
use wellspring_gateway::Offline;
use wellspring_gateway::replay::{compare, record};

use crate::server::{self, Output, write};

pub(super) fn run(
    before: &Offline,
    after: &Offline,
    requests: &str,
    form: Output,
    out: &mut dyn Write,
) -> server::Outcome {
    let report = compare(record::read(requests), |asked| before.trace(asked), |asked| after.trace(asked));
    show(&report, form, out)
}

pub(super) fn show(report: &Replay, form: Output, out: &mut dyn Write) -> server::Outcome {
    if form != Output::Table {
        write(form, &serde_json::to_value(report)?, out)?;
        return Ok(report.different == 0);
    }
    let shown = |outcome: &ReplayOutcome| {
        let route = outcome.route.as_deref().unwrap_or("no route");
        let end = outcome.target.as_deref().or(outcome.ends_with.as_deref()).unwrap_or_default();
        format!("{route} {end}").trim_end().to_owned()
    };
    for difference in &report.differences {
        writeln!(out, "{} ({} times)", difference.example, difference.times)?;
        writeln!(out, "  before: {}", shown(&difference.before))?;
        writeln!(out, "  after:  {}", shown(&difference.after))?;
        if difference.before.changes != difference.after.changes {
            for (label, changes) in [("-", &difference.before.changes), ("+", &difference.after.changes)] {
                changes.iter().try_for_each(|change| writeln!(out, "  {label} {change}"))?;
            }
        }
    }
    for line in &report.unread {
        writeln!(out, "not a request: {line}")?;
    }
    writeln!(
        out,
        "{} requests, {} the same, {} different, {} lines not read",
        report.requests,
        report.same,
        report.different,
        report.unread.len()
    )?;
    Ok(report.different == 0)
}
