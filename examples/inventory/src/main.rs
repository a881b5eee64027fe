//! The inventory service as a program of its own.

use std::process::ExitCode;

fn main() -> ExitCode {
    inventory::app().main()
}
