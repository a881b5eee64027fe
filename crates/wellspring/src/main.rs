//! `wellspring`: the whole platform in one process, one daemon of it, or a question about its files.

use std::process::ExitCode;

fn main() -> ExitCode {
    wellspring::cli::main(std::env::args().skip(1).collect())
}
