//! The shipped plugin, and listeners that do something wrong.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use op_listener_tests::{Library, audit_log, beside, repository, set_push, sqs_publisher};

use crate::kept;

/// The audit log's library.
pub(crate) static AUDIT_LOG: LazyLock<PathBuf> = LazyLock::new(|| audit_log().0);

/// SET push's library.
pub(crate) static SET_PUSH: LazyLock<PathBuf> = LazyLock::new(set_push);

/// The SQS publisher's library.
pub(crate) static SQS: LazyLock<PathBuf> = LazyLock::new(sqs_publisher);

/// The listener in Rust that does what the environment says.
pub(crate) static MISCHIEF: LazyLock<PathBuf> = LazyLock::new(|| Library::Mischief.file());

/// The sources of the listener in C, and where its header is.
pub(crate) fn source() -> PathBuf {
    repository().join("tests/fixtures/mischief.c")
}

pub(crate) fn header() -> PathBuf {
    repository().join("plugin-api/include")
}

/// Compiles the listener in C with these options into a file of that name.
pub(crate) fn in_c(name: &str, options: &[&str]) -> PathBuf {
    compile(&source(), name, options)
}

/// The example in C that comes with the interface.
pub(crate) fn example_in_c() -> PathBuf {
    let example = repository().join("plugin-api/examples/c/sign_in_counter.c");
    compile(&example, "sign_in_counter", &["-O2"])
}

/// Compiles with the system's C compiler (`cc`, or what the environment variable `CC` names).
fn compile(source: &Path, name: &str, options: &[&str]) -> PathBuf {
    let file = kept().join(format!("lib{name}.so"));
    let new = beside(&file);
    let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
    let mut compile = Command::new(compiler);
    compile
        .args([
            "-std=c11", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-s",
        ])
        .args(["-fvisibility=hidden", "-I"])
        .arg(header())
        .arg("-o")
        .args([&*new, source])
        .args(options)
        .current_dir(kept());
    let done = compile.output();
    let done = done.unwrap_or_else(|error| panic!("{compile:?}: {error}"));
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{compile:?}: {said}");
    new.persist(&file).unwrap();
    file
}
