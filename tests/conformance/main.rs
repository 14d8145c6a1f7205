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

use std::path::{Path, PathBuf};

/// Where these tests are.
fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance")
}

/// The folder below cargo's target folder that is kept between runs.
fn kept() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent();
    let kept = target
        .expect("it is `tmp` in the target folder")
        .join("conformance");
    std::fs::create_dir_all(&kept).unwrap();
    kept
}
