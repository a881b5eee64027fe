//! Settings that stand below our prefixes and have no effect are named once, at the start – or when a file is checked.

use wellspring_properties::{Environment, Problem};

use crate::logging::Logging;
use crate::serve::Server;
use crate::tracing_settings::Tracing;

pub(crate) fn report(unknown: &[Problem]) {
    for problem in unknown {
        tracing::warn!("{}", problem.line());
    }
}

/// What is wrong, or without effect, below the frame's prefixes `server`, `logging` and `management.tracing`.
pub fn check(env: &Environment) -> Vec<Problem> {
    let (server, mut problems) = env.bind_checked::<Server>("server");
    let (logging, more) = env.bind_checked::<Logging>("logging");
    let (tracing, yet_more) = env.bind_checked::<Tracing>("management.tracing");
    problems.extend(more.into_iter().chain(yet_more));
    problems.extend([server.err(), logging.err(), tracing.err()].into_iter().flatten());
    problems
}
