//! The bus daemon.

fn main() {}
