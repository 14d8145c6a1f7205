//! The peers: Python packages and an npm package, in exactly the versions that are written down,
//! installed once and kept below the target folder until what is written down changes.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{here, kept};

const INTERPRETER: &str = if cfg!(windows) {
    "Scripts/python.exe"
} else {
    "bin/python"
};
const NPM: &str = if cfg!(windows) { "npm.cmd" } else { "npm" };

/// Why a peer cannot be had on this machine.
#[derive(Debug)]
pub(crate) struct Unavailable(String);

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unavailable {}

/// The peer, or nothing, which is then said on standard error; a failure where `CI=true`.
pub(crate) fn or_say<T>(test: &str, peer: Result<T, Unavailable>) -> Option<T> {
    match peer {
        Ok(peer) => Some(peer),
        Err(why) if std::env::var_os("CI").is_some_and(|ci| ci == "true") => {
            panic!("{test}: {why}")
        }
        Err(why) => {
            say_not_run(test, &why);
            None
        }
    }
}

/// Past the capture of the test harness, which keeps the output of tests that pass to itself.
pub(crate) fn say_not_run(test: &str, why: &Unavailable) {
    // At once, so that no line of another thread falls between.
    let line = format!("NOT RUN: {test}: {why}\n");
    let _ = io::stderr().write_all(line.as_bytes());
}

/// Whether a program that is no library of ours to install is on this machine.
pub(crate) fn on_this_machine(program: &str, version: &str) -> Result<(), Unavailable> {
    run(Command::new(program).arg(version)).map(drop)
}

/// The Python interpreter of an environment that has the packages of `requirements.txt`.
pub(crate) fn python() -> Result<PathBuf, Unavailable> {
    let requirements = here().join("requirements.txt");
    let version = run(Command::new("python3").arg("--version"))?;
    let directory = kept().join("python");
    let interpreter = directory.join(INTERPRETER);
    let written_down = read(&requirements);
    installed(&directory, &[&version, &written_down], || {
        run(Command::new("python3").args(["-m", "venv"]).arg(&directory))?;
        let pip = ["-m", "pip", "install", "--quiet", "--require-hashes", "-r"];
        run(Command::new(&interpreter).args(pip).arg(&requirements))
    })?;
    Ok(interpreter)
}

/// The folder whose `node_modules` has the packages of `package-lock.json`: scripts that import
/// them must lie in it.
pub(crate) fn node_folder() -> Result<PathBuf, Unavailable> {
    let files = ["package.json", "package-lock.json"];
    let version = run(Command::new("node").arg("--version"))?;
    let directory = kept().join("npm");
    let written_down = files.map(|file| read(&here().join(file)));
    installed(
        &directory,
        &[&version, &written_down[0], &written_down[1]],
        || {
            for file in files {
                fs::copy(here().join(file), directory.join(file)).unwrap();
            }
            let npm = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"];
            run(Command::new(NPM).args(npm).current_dir(&directory))
        },
    )?;
    Ok(directory)
}

/// Installs into an empty folder unless it holds just that already: then a stamp beside it says
/// all of what it was made from.
fn installed(
    directory: &Path,
    made_from: &[&str],
    install: impl FnOnce() -> Result<String, Unavailable>,
) -> Result<(), Unavailable> {
    fs::create_dir_all(kept()).unwrap();
    // Tests run at the same time, in this process and in others.
    let lock = File::create(directory.with_extension("lock")).unwrap();
    lock.lock().unwrap();
    // An environment does not survive being moved.
    let stamp = format!("{}\n{}", directory.display(), made_from.join("\n"));
    let stamp_file = directory.with_extension("stamp");
    if fs::read_to_string(&stamp_file).is_ok_and(|found| found == stamp) {
        return Ok(());
    }
    for gone in [fs::remove_file(&stamp_file), fs::remove_dir_all(directory)] {
        assert!(gone.is_ok() || gone.is_err_and(|error| error.kind() == io::ErrorKind::NotFound));
    }
    fs::create_dir(directory).unwrap();
    install()?;
    fs::write(&stamp_file, stamp).unwrap();
    Ok(())
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// What a command prints.
fn run(command: &mut Command) -> Result<String, Unavailable> {
    let program = command.get_program().to_string_lossy().into_owned();
    let done = command
        .output()
        .map_err(|error| Unavailable(format!("`{program}` does not run: {error}")))?;
    if done.status.success() {
        return Ok(String::from_utf8_lossy(&done.stdout).into_owned());
    }
    Err(Unavailable(format!(
        "{command:?}: {}\n{}{}",
        done.status,
        String::from_utf8_lossy(&done.stdout),
        String::from_utf8_lossy(&done.stderr),
    )))
}

#[test]
fn all_that_is_installed_is_pinned_and_no_registry_is_named() {
    let requirements = read(&here().join("requirements.txt"));
    let lines = requirements.lines().filter(|line| !line.starts_with('#'));
    for line in lines {
        let hash = line.strip_prefix("    --hash=sha256:");
        assert!(hash.is_some() || line.contains("=="), "{line}");
    }
    let lock = read(&here().join("package-lock.json"));
    assert!(!lock.contains("\"resolved\""), "see README.md");
    for text in [&requirements, &lock] {
        assert!(text.contains("sha256:") || text.contains("\"integrity\""));
        assert!(!text.contains("index-url"), "see README.md");
    }
}
