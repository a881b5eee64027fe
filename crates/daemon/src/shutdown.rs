//! The signals that ask a process to stop.

use tokio::signal::unix::{SignalKind, signal};

/// Returns when SIGTERM or SIGINT arrives. A second one ends the process at once, for an impatient operator.
pub async fn requested() -> &'static str {
    let (Ok(mut term), Ok(mut int)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        // Without handlers the default action of the signals ends the process, which is a stop as well.
        return std::future::pending().await;
    };
    let name = tokio::select! {
        _ = term.recv() => "SIGTERM",
        _ = int.recv() => "SIGINT",
    };
    tokio::spawn(async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
        std::process::exit(130);
    });
    name
}
