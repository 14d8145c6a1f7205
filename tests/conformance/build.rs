//! The real binary, the shipped plugin, and listeners that do something wrong.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use serde_json::Value;

use crate::{here, kept};

/// The host's binary.
pub(crate) static HOST: LazyLock<PathBuf> = LazyLock::new(|| {
    let arguments = ["-p", "op-listener-host", "--bin", "op-listener"];
    of_workspace(&arguments, "op-listener")
});

/// The audit log's library.
pub(crate) static AUDIT_LOG: LazyLock<PathBuf> = LazyLock::new(|| {
    let arguments = ["-p", "op-listener-audit-log", "--lib"];
    of_workspace(&arguments, "op_listener_audit_log")
});

/// The listener in Rust that does what the environment says.
pub(crate) static MISCHIEF: LazyLock<PathBuf> = LazyLock::new(|| {
    // Apart from the workspace, as a third party's listener is.
    let target = kept().join("cargo");
    let folder = here().join("mischief");
    artifact(&folder, &target, &["--lib", "--locked"], "mischief")
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
    cargo.arg("--target-dir").arg(target_folder);
    let done = cargo.current_dir(folder).stderr(Stdio::inherit()).output();
    let done = done.unwrap_or_else(|error| panic!("{cargo:?}: {error}"));
    assert!(done.status.success(), "{cargo:?}: {}", done.status);
    let messages = String::from_utf8(done.stdout).unwrap();
    let messages = messages
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let of_target = |message: &Value| {
        message["reason"] == "compiler-artifact" && message["target"]["name"] == name
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

/// Compiles the listener in C with these options into a file of that name.
pub(crate) fn in_c(name: &str, options: &[&str]) -> PathBuf {
    compile(&here().join("mischief.c"), name, options)
}

/// The example in C that comes with the interface.
pub(crate) fn example_in_c() -> PathBuf {
    let example = here().join("../../plugin-api/examples/c/sign_in_counter.c");
    compile(&example, "sign_in_counter", &["-O2"])
}

/// Compiles with the system's C compiler (`cc`, or what the environment variable `CC` names).
fn compile(source: &Path, name: &str, options: &[&str]) -> PathBuf {
    let file = kept().join(format!("lib{name}.so"));
    let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
    let mut compile = Command::new(compiler);
    compile
        .args([
            "-std=c11", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-s",
        ])
        .args(["-fvisibility=hidden", "-I"])
        .arg(here().join("../../plugin-api/include"))
        .arg("-o")
        .args([&file, source])
        .args(options)
        .current_dir(kept());
    let done = compile.output();
    let done = done.unwrap_or_else(|error| panic!("{compile:?}: {error}"));
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{compile:?}: {said}");
    file
}
