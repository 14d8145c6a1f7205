//! Builds with cargo, below the target directory of the project, each thing once per run.

#![allow(clippy::missing_panics_doc, reason = "a test that cannot build fails")]

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The root of the project's sources.
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("this crate lies in a folder of the repository")
}

/// The target directory in which this test binary lies.
pub fn target_dir() -> PathBuf {
    let this = env::current_exe().expect("a process knows its executable");
    // Cargo marks it, at whatever level `--target` and profiles have put the binary: with the tag if it
    // has made the directory, with what it knows of the compiler always.
    let marked = |dir: &&Path| {
        let marks = ["CACHEDIR.TAG", ".rustc_info.json"];
        marks.iter().any(|mark| dir.join(mark).is_file())
    };
    this.ancestors()
        .find(marked)
        .expect("cargo builds tests into a target directory")
        .to_owned()
}

/// A directory below the target directory for what the tests derive and build.
pub fn work_dir() -> PathBuf {
    let dir = target_dir().join("fixtures");
    fs::create_dir_all(&dir).expect("the target directory can be written to");
    dir
}

/// Runs cargo in `dir` with a target directory, waiting for other test processes that do.
/// No test can go on without what it builds, so it panics with all that cargo says.
pub fn cargo(dir: &Path, target: &Path, arguments: &[&str]) {
    cargo_with(dir, target, arguments, &[]);
}

/// As [`cargo`], with more in its environment.
pub(crate) fn cargo_with(
    dir: &Path,
    target: &Path,
    arguments: &[&str],
    environment: &[(&str, &Path)],
) {
    let lock = File::create(work_dir().join(".lock")).expect("the lock file can be made");
    lock.lock().expect("a file can be locked");
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command
        .args(arguments)
        .current_dir(dir)
        .env("CARGO_TARGET_DIR", target)
        .envs(environment.iter().copied());
    if target == work_dir() {
        // One profile for all, whatever a package says, so that they share their dependencies.
        command
            .env("CARGO_PROFILE_DEV_DEBUG", "0")
            .env("CARGO_INCREMENTAL", "0");
    }
    // What cargo sets for the test itself must not look like a change to what is built here.
    for (name, _) in env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST") {
            command.env_remove(&*name);
        }
    }
    let output = command.output().expect("cargo can be run");
    assert!(
        output.status.success(),
        "cargo {arguments:?} in {dir:?}:\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
