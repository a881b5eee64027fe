//! `routes replay`.

use std::cell::RefCell;
use std::io::Write;

use wellspring_daemon::admin::routes::{Replay, ReplayOutcome};
use wellspring_gateway::Offline;
use wellspring_gateway::replay::{compare, record};
use wellspring_gateway::trace::Described;

use crate::server::{self, Form, Output, Progress, write};

pub(super) fn run(
    before: &Offline,
    after: &Offline,
    requests: &str,
    form: &Form,
    out: &mut dyn Write,
) -> server::Outcome {
    let requests = record::read(requests);
    let progress = RefCell::new((Progress::new("replay", requests.len() as u128, form), 0));
    let traced = |asked: &Described| {
        let (bar, done) = &mut *progress.borrow_mut();
        *done += 1;
        bar.at(*done);
        before.trace(asked)
    };
    let report = compare(requests, traced, |asked| after.trace(asked));
    progress.into_inner().0.end();
    show(&report, form.output, out)
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
