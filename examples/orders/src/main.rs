//! The orders service as a program of its own.

use std::process::ExitCode;

fn main() -> ExitCode {
    orders::app().main()
}
