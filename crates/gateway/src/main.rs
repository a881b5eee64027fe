//! `wellspring-gateway`.

use std::process::ExitCode;

fn main() -> ExitCode {
    wellspring_gateway::app().main()
}
