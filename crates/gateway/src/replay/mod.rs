//! Recorded requests against other routes: which would go elsewhere, and how.

pub mod record;

use serde::{Deserialize, Serialize};
use wellspring_properties::{Environment, PropertySource, flatten, yaml};

use crate::config::with_both_prefixes;
use crate::offline::Offline;
use crate::proxy::Proxy;
use crate::trace::{self, Trace, Unreadable};
use record::Recorded;

/// Requests that one replay takes.
const MOST: usize = 100_000;
/// Kinds of difference that are listed.
const MOST_KINDS: usize = 1000;

/// What is to be replayed.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Asked {
    /// A settings file in YAML whose routes take the place of those in force.
    pub routes: String,
    /// Lines of an access log, `METHOD /path` lines, or a HAR file.
    pub requests: String,
}

/// What came out.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    pub requests: usize,
    /// Lines that are no requests, by number.
    pub unread: Vec<String>,
    pub same: usize,
    pub different: usize,
    /// Each kind of difference once, with an example and how often.
    pub differences: Vec<Difference>,
}

/// Requests that would go elsewhere.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Difference {
    pub example: String,
    pub times: usize,
    pub before: Outcome,
    pub after: Outcome,
}

/// Where a request goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Headers that filters change.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ends_with: Option<String>,
}

impl From<Trace> for Outcome {
    fn from(trace: Trace) -> Self {
        let changes = trace.steps.into_iter().flat_map(|step| step.changes);
        Self {
            route: trace.route,
            target: trace.target.or(trace.instance),
            // The path is part of the target.
            changes: changes.filter(|change| !change.starts_with("path ")).collect(),
            ends_with: trace.ends_with,
        }
    }
}

/// Replays against the routes in force and those that are proposed.
pub fn replay(proxy: &Proxy, env: &Environment, asked: &Asked) -> Result<Report, Unreadable> {
    let documents =
        yaml::parse(&asked.routes, "proposed").map_err(|problem| Unreadable::new(problem.line()))?;
    let sources =
        documents.iter().rev().map(|document| PropertySource::new("proposed", flatten::document(document)));
    // In both prefixes by itself: the settings in force have the new one already, which would win.
    let own = with_both_prefixes(&Environment::new(sources.collect(), Vec::new()));
    let mut proposed = env.clone();
    for source in own.sources().iter().rev() {
        proposed = proposed.with_first(source.clone());
    }
    let after = Offline::with(&proposed, proxy.platform.client.clone())
        .map_err(|problem| Unreadable::new(problem.line()))?;
    if let Some(problem) = after.problems.first() {
        return Err(Unreadable::new(problem.line()));
    }
    Ok(compare(
        &asked.requests,
        |described| trace::trace(proxy, described),
        |described| after.trace(described),
    ))
}

/// Compares two sets of routes over recorded requests.
pub fn compare(
    requests: &str,
    before: impl Fn(&trace::Described) -> Result<Trace, Unreadable>,
    after: impl Fn(&trace::Described) -> Result<Trace, Unreadable>,
) -> Report {
    let mut report = Report::default();
    for recorded in record::read(requests).into_iter().take(MOST) {
        let (shown, described) = match recorded {
            Recorded::Request(shown, described) => (shown, described),
            Recorded::Unread(line) => {
                report.unread.push(line);
                continue;
            }
        };
        let (Ok(before), Ok(after)) = (before(&described), after(&described)) else {
            report.unread.push(shown);
            continue;
        };
        report.requests += 1;
        let (before, after) = (Outcome::from(before), Outcome::from(after));
        if before == after {
            report.same += 1;
            continue;
        }
        report.different += 1;
        let full = report.differences.len() >= MOST_KINDS;
        // One example of each way from route to route; where only details differ, each is shown.
        let known = report.differences.iter_mut().find(|known| {
            let same_way = known.before.route == before.route && known.after.route == after.route;
            same_way && (before.route != after.route || (known.before == before && known.after == after))
        });
        match known {
            Some(known) => known.times += 1,
            None if full => {}
            None => report.differences.push(Difference { example: shown, times: 1, before, after }),
        }
    }
    report
}
