//! Real peers judge what the real binary's listeners produce: independent libraries verify what
//! they sign and refuse a Security Event Token where an ID token is asked for, and validate the
//! records that they write. Nothing here knows of the host but its command line, and of its
//! listeners but their files.
//!
//! The peers come into the target folder by themselves, see `install`. A peer that cannot be had is
//! a failure where `CI=true`; elsewhere its test says on standard error that it did not run.

#![expect(
    clippy::unwrap_used,
    reason = "all of it is tests, which end where they cannot go on"
)]

mod audit_records;
mod build;
mod case;
mod install;
mod keys;
mod signed_tokens;

use std::path::{Path, PathBuf};

/// Where these tests are.
fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("peers")
}
