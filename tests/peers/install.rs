//! The peers: Python packages and an npm package, in exactly the versions that are written down.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use op_listener_tests::peers::{Unavailable, assert_locked, installed, kept, npm_packages, run};

use crate::here;

const INTERPRETER: &str = if cfg!(windows) {
    "Scripts/python.exe"
} else {
    "bin/python"
};

/// The Python interpreter of an environment that has the packages of `requirements.txt`.
pub(crate) fn python() -> Result<PathBuf, Unavailable> {
    let requirements = here().join("requirements.txt");
    let version = run(Command::new("python3").arg("--version"))?;
    let directory = kept().join("python");
    let interpreter = directory.join(INTERPRETER);
    let written_down = fs::read_to_string(&requirements).unwrap();
    installed(&directory, &[&version, &written_down], || {
        run(Command::new("python3").args(["-m", "venv"]).arg(&directory))?;
        let pip = ["-m", "pip", "install", "--quiet", "--require-hashes", "-r"];
        run(Command::new(&interpreter).args(pip).arg(&requirements))
    })?;
    Ok(interpreter)
}

/// The folder whose `node_modules` has the packages of `package-lock.json`.
pub(crate) fn node_folder() -> Result<PathBuf, Unavailable> {
    npm_packages("npm", &here())
}

#[test]
fn all_that_is_installed_is_pinned_and_no_registry_is_named() {
    let requirements = fs::read_to_string(here().join("requirements.txt")).unwrap();
    let lines = requirements.lines().filter(|line| !line.starts_with('#'));
    for line in lines {
        let hash = line.strip_prefix("    --hash=sha256:");
        assert!(hash.is_some() || line.contains("=="), "{line}");
    }
    assert!(requirements.contains("sha256:"));
    assert!(!requirements.contains("index-url"), "see README.md");
    assert_locked(&here().join("package-lock.json"));
}
