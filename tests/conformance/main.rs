//! `op-listener check`, the real binary, on real libraries: the shipped plugin passes, and each
//! check fails for a listener that does the very thing wrong that the check is about, and for that
//! reason. A check that cannot fail shows nothing.

#![cfg(target_os = "linux")]
#![expect(
    clippy::unwrap_used,
    reason = "all of it is tests, which end where they cannot go on"
)]

mod build;
mod command_line;
mod in_c;
mod in_rust;
mod run;
mod shipped;

use std::path::PathBuf;

use op_listener_tests::work_dir;

/// Where libraries are compiled to.
fn kept() -> PathBuf {
    let kept = work_dir().join("conformance");
    std::fs::create_dir_all(&kept).unwrap();
    kept
}
