//! `prices` as a program of its own.

fn main() -> std::process::ExitCode {
    grpc::prices().main()
}
