//! `/actuator/threaddump`: the threads of the system, as JSON or as text. Tasks are not threads and are not listed.

use std::fmt::Write as _;

use http::header::ACCEPT;
use serde_json::{Value, json};

use super::endpoint::{Endpoint, Reply};
use crate::process::{Thread, all_threads};

pub(super) fn endpoint() -> Endpoint {
    let produced =
        [super::negotiate::V3, super::negotiate::V2, super::negotiate::JSON, "text/plain;charset=UTF-8"];
    Endpoint::new("threaddump").read_as("", &produced, |call| {
        let accept = call.headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let threads = all_threads();
        std::future::ready(if accept.starts_with("text/plain") {
            Reply::text("text/plain;charset=UTF-8", text(&threads))
        } else {
            let threads: Vec<_> = threads.iter().map(describe).collect();
            Reply::json(&json!({ "threads": threads }))
        })
    })
}

fn state(thread: &Thread) -> &'static str {
    match thread.state {
        'R' => "RUNNABLE",
        'D' => "BLOCKED",
        'Z' | 'X' => "TERMINATED",
        _ => "WAITING",
    }
}

fn describe(thread: &Thread) -> Value {
    json!({
        "threadName": thread.name, "threadId": thread.id, "blockedTime": -1, "blockedCount": 0,
        "waitedTime": -1, "waitedCount": 0, "lockOwnerId": -1, "daemon": true, "inNative": true,
        "suspended": thread.state == 'T', "threadState": state(thread), "priority": 5,
        "stackTrace": [], "lockedMonitors": [], "lockedSynchronizers": []
    })
}

fn text(threads: &[Thread]) -> String {
    let mut out = String::from("Full thread dump\n\n");
    for thread in threads {
        let written =
            write!(out, "\"{}\" - Thread t@{}\n   state: {}\n\n", thread.name, thread.id, state(thread));
        debug_assert!(written.is_ok(), "writing to a string cannot fail");
    }
    out
}
