//! The bus daemon.

use std::process::ExitCode;

fn main() -> ExitCode {
    wellspring_bus::app().main()
}
