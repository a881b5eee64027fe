//! `cargo xtask check`: everything that must hold before a change lands; `cargo xtask docs`: pages that follow the code.

use crate::command::{cargo, succeeds};
use crate::{dependencies, machine, tidy};

/// True when all hold; every check runs, so that one round shows all there is to mend.
pub(crate) fn run() -> bool {
    let mut docs = cargo(&["doc", "--workspace", "--no-deps", "--quiet"]);
    docs.env("RUSTDOCFLAGS", "-D warnings");
    let mut results = vec![
        ("formatting", succeeds(cargo(&["fmt", "--all", "--check"]))),
        (
            "clippy",
            succeeds(cargo(&["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"])),
        ),
        ("tests", succeeds(cargo(&["test", "--workspace", "--exclude", "wellspring-tests", "--quiet"]))),
        ("documentation", succeeds(docs)),
        ("tidy", tidy::run()),
        ("dependencies", dependencies::check()),
    ];
    if machine::find("cargo-deny").is_some() {
        let deny = cargo(&["deny", "--offline", "check", "bans", "licenses", "sources"]);
        results.push(("cargo deny", succeeds(deny)));
    } else {
        println!(
            "\nskipped: cargo deny is not installed; its rules on licences, bans and sources were checked without it"
        );
    }
    println!();
    for (name, ok) in &results {
        println!("{name:<14} {}", if *ok { "ok" } else { "FAILED" });
    }
    results.iter().all(|(_, ok)| *ok)
}

/// Pages that are made of tables in the code are written anew by the test that compares them.
pub(crate) fn docs() -> bool {
    let mut test = cargo(&["test", "--quiet", "--package", "wellspring", "--lib", "reference"]);
    test.env("UPDATE", "1");
    succeeds(test)
}
