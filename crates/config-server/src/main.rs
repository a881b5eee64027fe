//! The config server as a process.

use std::process::ExitCode;

fn main() -> ExitCode {
    wellspring_config_server::app().main()
}
