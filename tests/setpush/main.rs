//! SET push from end to end: the real host with the real plugin, and a receiver that verifies what it
//! gets with the npm package `jose` and what the host publishes of its keys. In between, connections
//! that are cut, delayed and corrupted.
//!
//! The receiver's package comes into the target folder by itself, see `op_listener_tests::peers`. Where
//! it cannot be had that is a failure where `CI=true`; elsewhere the tests say on standard error that
//! they did not run.

#![expect(
    clippy::unwrap_used,
    reason = "all of it is tests, which end where they cannot go on"
)]

mod bad_connections;
mod between;
mod guard;
mod killed;
mod polling;
mod pushing;
mod receiver;
mod refusals;
mod stage;
mod tls;
mod verifying;

use std::path::{Path, PathBuf};

/// Where the receiver's sources are.
fn receiver_sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("setpush/receiver")
}

#[test]
fn the_receivers_packages_are_pinned_and_no_registry_is_named() {
    op_listener_tests::peers::assert_locked(&receiver_sources().join("package-lock.json"));
}
