//! The real binary and the listeners, built as the tests themselves are.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use op_listener_tests::peers::kept;
use serde_json::Value;

use crate::here;

/// The host's binary.
pub(crate) static HOST: LazyLock<PathBuf> = LazyLock::new(|| {
    of_workspace(
        &["-p", "op-listener-host", "--bin", "op-listener"],
        "op-listener",
    )
});

/// The audit log's library.
pub(crate) static AUDIT_LOG: LazyLock<PathBuf> = LazyLock::new(|| {
    of_workspace(
        &["-p", "op-listener-audit-log", "--lib"],
        "op_listener_audit_log",
    )
});

/// The listener that signs, `set-listener`.
pub(crate) static SET_LISTENER: LazyLock<PathBuf> = LazyLock::new(|| {
    // Apart from the workspace, as a third party's listener is.
    let target = kept().join("cargo");
    let crate_folder = here().join("set-listener");
    artifact(
        &crate_folder,
        &target,
        &["--lib", "--locked"],
        "set_listener",
    )
});

fn of_workspace(arguments: &[&str], name: &str) -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let workspace = tests.parent().expect("it is in the workspace");
    let kept = kept();
    let target = kept.parent().expect("it lies in the target folder");
    artifact(workspace, target, arguments, name)
}

/// Builds what `arguments` say and gives the file of the target of that name.
fn artifact(folder: &Path, target_folder: &Path, arguments: &[&str], name: &str) -> PathBuf {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.arg("build").args(arguments);
    cargo.args(["--message-format", "json-render-diagnostics"]);
    if !cfg!(debug_assertions) {
        cargo.arg("--release");
    }
    cargo.arg("--target-dir").arg(target_folder);
    let done = cargo.current_dir(folder).stderr(Stdio::inherit()).output();
    let done = done.unwrap_or_else(|error| panic!("{cargo:?}: {error}"));
    assert!(done.status.success(), "{cargo:?}: {}", done.status);
    let messages = String::from_utf8(done.stdout).unwrap();
    let messages = messages
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let of_target = |message: &Value| {
        message["reason"] == "compiler-artifact"
            && message["target"]["name"]
                .as_str()
                .map(|name| name.replace('-', "_"))
                == Some(name.replace('-', "_"))
    };
    let file = messages.filter(of_target).find_map(|message| {
        let library = |file: &Value| {
            let file = PathBuf::from(file.as_str()?);
            let suffix = Some(std::env::consts::DLL_EXTENSION);
            (file.extension()?.to_str() == suffix).then_some(file)
        };
        match message["executable"].as_str() {
            Some(executable) => Some(executable.into()),
            None => message["filenames"].as_array()?.iter().find_map(library),
        }
    });
    file.unwrap_or_else(|| panic!("{cargo:?} made no {name}"))
}
