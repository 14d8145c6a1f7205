//! What the tests load and run: the host's binary, and libraries of all kinds.

#![allow(clippy::missing_panics_doc, reason = "a test that cannot build fails")]

use std::env::consts::{DLL_PREFIX, DLL_SUFFIX, EXE_SUFFIX};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use tempfile::TempPath;

use crate::building::{cargo, repository, target_dir, work_dir};

/// The `op-listener` command, built from the tree.
pub fn host_binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();

    BINARY.get_or_init(|| {
        let target = target_dir();
        let package = ["build", "-p", "op-listener-host", "--bin", "op-listener"];
        cargo(repository(), &target, &package);
        target.join(format!("debug/op-listener{EXE_SUFFIX}"))
    })
}

/// A library that the tests build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Library {
    /// Does what its configuration says, in all three SPIs; id `puppet`.
    Puppet,
    /// Two types in three exports; id `chorus`.
    Chorus,
    /// Asks for interface 2.0.
    OtherMajor,
    /// Asks for interface 1.90.
    NewerMinor,
    /// Built with `panic = "abort"`.
    Aborting,
    /// No plugin at all.
    Support,
    /// Does the one thing wrong that the environment variable `MISCHIEF` says; id `mischief`.
    Mischief,
    /// Pushes each event into a delivery queue whose sink does what a script says; id `courier`.
    Courier,
}

impl Library {
    /// The package's name as that of a library.
    const fn name(self) -> &'static str {
        match self {
            Self::Puppet => "op_listener_puppet",
            Self::Chorus => "op_listener_chorus_of_two",
            Self::OtherMajor => "op_listener_other_major",
            Self::NewerMinor => "op_listener_newer_minor",
            Self::Aborting => "op_listener_aborting",
            Self::Support => "op_listener_support",
            Self::Mischief => "op_listener_mischief",
            Self::Courier => "op_listener_courier",
        }
    }

    /// The file, built if need be.
    pub fn file(self) -> PathBuf {
        static BUILT: OnceLock<()> = OnceLock::new();

        let target = work_dir();
        BUILT.get_or_init(|| {
            let workspace = repository().join("tests/fixtures");
            let all_but = ["--exclude", "op-listener-aborting"];
            cargo(
                &workspace,
                &target,
                &[&["build", "--locked", "--workspace"], &all_but[..]].concat(),
            );
            // As a profile would have it, but without building all dependencies a second time.
            let aborting = ["rustc", "--locked", "-p", "op-listener-aborting"];
            cargo(
                &workspace,
                &target,
                &[&aborting[..], &["--", "-C", "panic=abort"]].concat(),
            );
        });
        target.join(format!("debug/{DLL_PREFIX}{}{DLL_SUFFIX}", self.name()))
    }
}

/// The listener in C, with parts of it changed by macros (see the source): `name` tells the variants
/// apart.
pub fn library_in_c(name: &str, defines: &[&str]) -> PathBuf {
    compile("odd", name, defines)
}

/// The listener in C that writes down each call, changed likewise.
pub fn tally(name: &str, defines: &[&str]) -> PathBuf {
    compile("tally", name, defines)
}

/// The listener in C that reads two members of each event and adds to a counter; id `counter`.
pub fn counter_in_c() -> PathBuf {
    compile("counter", "counter", &[])
}

fn compile(source: &str, name: &str, defines: &[&str]) -> PathBuf {
    let dir = work_dir().join("c");
    fs::create_dir_all(&dir).expect("the target directory can be written to");
    let library = dir.join(format!("{name}{DLL_SUFFIX}"));
    let new = beside(&library);
    let output = Command::new("cc")
        .args([
            "-std=gnu11",
            "-Wall",
            "-Wextra",
            "-Werror",
            "-O2",
            "-shared",
            "-fPIC",
            "-o",
        ])
        .arg(&new)
        .arg("-I")
        .arg(repository().join("plugin-api/include"))
        .args(defines.iter().map(|define| format!("-D{define}")))
        .arg(repository().join(format!("tests/fixtures/{source}.c")))
        .output()
        .expect("there is a C compiler");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    new.persist(&library).expect("a file can be renamed");
    library
}

/// Where a file is made before it takes its place as a whole: another test may be reading what is there.
pub fn beside(file: &Path) -> TempPath {
    let dir = file.parent().expect("a file is in a directory");
    let new = tempfile::NamedTempFile::new_in(dir);
    new.expect("the target directory can be written to")
        .into_temp_path()
}

/// The audit log's library and its verifier, built from the tree.
pub fn audit_log() -> (PathBuf, PathBuf) {
    static BUILT: OnceLock<()> = OnceLock::new();

    let target = target_dir();
    BUILT.get_or_init(|| {
        let package = ["build", "-p", "op-listener-audit-log", "--lib", "--bins"];
        cargo(repository(), &target, &package);
    });
    let file = |name: &str| target.join("debug").join(name);
    (
        file(&format!("{DLL_PREFIX}op_listener_audit_log{DLL_SUFFIX}")),
        file(&format!("op-listener-audit-verify{EXE_SUFFIX}")),
    )
}

/// The library of SET push, built from the tree.
pub fn set_push() -> PathBuf {
    static BUILT: OnceLock<()> = OnceLock::new();

    let target = target_dir();
    BUILT.get_or_init(|| {
        let package = ["build", "-p", "op-listener-set-push", "--lib"];
        cargo(repository(), &target, &package);
    });
    target.join(format!(
        "debug/{DLL_PREFIX}op_listener_set_push{DLL_SUFFIX}"
    ))
}

/// The SQS publisher's library, built from the tree.
pub fn sqs_publisher() -> PathBuf {
    static BUILT: OnceLock<()> = OnceLock::new();

    let target = target_dir();
    BUILT.get_or_init(|| {
        let package = ["build", "-p", "op-listener-sqs", "--lib"];
        cargo(repository(), &target, &package);
    });
    target.join(format!("debug/{DLL_PREFIX}op_listener_sqs{DLL_SUFFIX}"))
}
