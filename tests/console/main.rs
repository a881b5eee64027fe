//! The console in Debian's Chromium, before a whole platform with something wrong of every kind: what each page must say, what
//! its actions do to the real daemons, that it is quiet under its content security policy, usable by keyboard, by ear, on a
//! narrow screen, in light and dark, and small.
//!
//! `CONSOLE_PICTURES=1` writes the pictures of `docs/console/`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests"
)]

mod acts;
mod budget;
mod pages;
mod platform;
mod view;

use wellspring_test_support::tools;

/// Whether there is a browser; says so when there is none.
fn browser_is_there(test: &str) -> bool {
    tools::present(test, &["browser", "node"])
}
