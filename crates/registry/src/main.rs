use std::process::ExitCode;

fn main() -> ExitCode {
    wellspring_registry::app().main()
}
