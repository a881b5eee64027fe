//! The program tells the story that its header promises.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::process::Command;

#[test]
fn the_breaker_opens_spares_the_service_and_closes() {
    let output = Command::new(env!("CARGO_BIN_EXE_guarded")).output().unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{told}");
    let mut lines = told.lines();
    // In this order, with other lines in between.
    for wanted in [
        "call 1: answer 1",
        "call 2: the service is not well",
        "the breaker goes from CLOSED to OPEN",
        "CircuitBreaker 'service' is OPEN and does not permit further calls",
        "the breaker goes from OPEN to HALF_OPEN",
        "the breaker goes from HALF_OPEN to OPEN",
        "the breaker goes from HALF_OPEN to CLOSED",
        ": answer ",
        "calls, the service was asked 13 times",
    ] {
        assert!(lines.any(|line| line.contains(wanted)), "no {wanted:?} where it should be:\n{told}");
    }
}
