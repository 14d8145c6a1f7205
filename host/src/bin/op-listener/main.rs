//! The `op-listener` command.
fn main() {}
