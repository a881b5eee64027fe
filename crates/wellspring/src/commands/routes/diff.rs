//! `routes diff`.

use std::io::Write;

use serde_json::Value;
use wellspring_daemon::admin::routes::RouteDiff;

use crate::server::{Outcome, Output, write};

pub(super) fn show(diff: &RouteDiff, form: Output, out: &mut dyn Write) -> Outcome {
    if form != Output::Table {
        write(form, &serde_json::to_value(diff)?, out)?;
        return Ok(diff.same);
    }
    diff.removed.iter().try_for_each(|route| writeln!(out, "- {route}"))?;
    diff.added.iter().try_for_each(|route| writeln!(out, "+ {route}"))?;
    for change in &diff.changed {
        writeln!(out, "~ {}", change.route)?;
        for member in &change.members {
            let text = |value: &Option<Value>| value.as_ref().map(ToString::to_string).unwrap_or_default();
            writeln!(out, "    {}: {} -> {}", member.member, text(&member.before), text(&member.after))?;
        }
    }
    if diff.reordered {
        writeln!(out, "the order in which routes are tried is another one")?;
    }
    if diff.same {
        writeln!(out, "no difference")?;
    }
    Ok(diff.same)
}
