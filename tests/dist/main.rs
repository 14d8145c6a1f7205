//! What is handed out beside the program: metrics with the dashboard and the alerts that are made of
//! them, the unit, packages, the image, man pages and completions; each judged by the very program
//! that it is for, as far as one is on this machine. Where one is missing the test says on standard
//! error that it did not run, and fails where `CI=true`.

#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    reason = "all of it is tests, which end where they cannot go on"
)]

mod alerts;
mod exposition;
mod image;
mod manual;
mod packages;
mod prometheus;
mod promql;
mod scene;
mod unit;

use std::path::PathBuf;

use op_listener_tests::repository;

/// A file of `host/dist`.
fn dist(file: &str) -> PathBuf {
    repository().join("host/dist").join(file)
}

/// The text of a file of `host/dist`.
fn read(file: &str) -> String {
    let path = dist(file);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path:?}: {error}"))
}
