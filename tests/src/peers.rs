//! Programs of others that tests run against: libraries in exactly the versions that are written
//! down, installed once and kept below the target folder until what is written down changes.

#![allow(
    clippy::missing_panics_doc,
    reason = "a test that cannot write to the target folder fails"
)]

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::building::target_dir;
use crate::needed::{Unavailable, output_of};

const INTERPRETER: &str = if cfg!(windows) {
    "Scripts/python.exe"
} else {
    "bin/python"
};
const NPM: &str = if cfg!(windows) { "npm.cmd" } else { "npm" };

/// The folder below cargo's target folder that is kept between runs.
pub fn kept() -> PathBuf {
    target_dir().join("peers")
}

/// The folder of that name whose `node_modules` has the packages of the `package.json` and
/// `package-lock.json` in `sources`: scripts that import them must lie in it.
///
/// # Errors
///
/// Node.js or npm does not run, or the packages cannot be had.
pub fn npm_packages(name: &str, sources: &Path) -> Result<PathBuf, Unavailable> {
    let files = ["package.json", "package-lock.json"];
    let version = output_of(Command::new("node").arg("--version"))?;
    let directory = kept().join(name);
    let written_down = files.map(|file| read(&sources.join(file)));
    installed(
        &directory,
        &[&version, &written_down[0], &written_down[1]],
        || {
            for file in files {
                fs::copy(sources.join(file), directory.join(file)).expect("it is a new folder");
            }
            let npm = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"];
            output_of(Command::new(NPM).args(npm).current_dir(&directory))
        },
    )?;
    Ok(directory)
}

/// The interpreter of the Python environment of that name, which has the packages of a
/// `requirements.txt` with hashes.
///
/// # Errors
///
/// Python does not run, or the packages cannot be had.
pub fn python_packages(name: &str, requirements: &Path) -> Result<PathBuf, Unavailable> {
    let version = output_of(Command::new("python3").arg("--version"))?;
    let directory = kept().join(name);
    let interpreter = directory.join(INTERPRETER);
    let written_down = read(requirements);
    installed(&directory, &[&version, &written_down], || {
        output_of(Command::new("python3").args(["-m", "venv"]).arg(&directory))?;
        let pip = ["-m", "pip", "install", "--quiet", "--require-hashes", "-r"];
        output_of(Command::new(&interpreter).args(pip).arg(requirements))
    })?;
    Ok(interpreter)
}

/// Installs into an empty folder unless it holds just that already: then a stamp beside it says
/// all of what it was made from.
///
/// # Errors
///
/// Those of `install`.
pub fn installed(
    directory: &Path,
    made_from: &[&str],
    install: impl FnOnce() -> Result<String, Unavailable>,
) -> Result<(), Unavailable> {
    const WRITABLE: &str = "the target folder can be written to";

    fs::create_dir_all(kept()).expect(WRITABLE);
    // Tests run at the same time, in this process and in others.
    let lock = File::create(directory.with_extension("lock")).expect(WRITABLE);
    lock.lock().expect("a file can be locked");
    // An environment does not survive being moved.
    let stamp = format!("{}\n{}", directory.display(), made_from.join("\n"));
    let stamp_file = directory.with_extension("stamp");
    if fs::read_to_string(&stamp_file).is_ok_and(|found| found == stamp) {
        return Ok(());
    }
    for gone in [fs::remove_file(&stamp_file), fs::remove_dir_all(directory)] {
        assert!(gone.is_ok() || gone.is_err_and(|error| error.kind() == io::ErrorKind::NotFound));
    }
    fs::create_dir(directory).expect(WRITABLE);
    install()?;
    fs::write(&stamp_file, stamp).expect(WRITABLE);
    Ok(())
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// Checks that a lock file pins everything by its hash, and names no registry.
pub fn assert_locked(package_lock: &Path) {
    let lock = read(package_lock);
    let shown = package_lock.display();
    assert!(
        !lock.contains("\"resolved\""),
        "{shown}: see tests/peers/README.md"
    );
    assert!(lock.contains("\"integrity\""), "{shown}");
}

/// Checks that a `requirements.txt` pins everything by its hash, and names no registry.
pub fn assert_pinned(requirements: &Path) {
    let text = read(requirements);
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let hash = line.strip_prefix("    --hash=sha256:");
        assert!(hash.is_some() || line.contains("=="), "{line}");
    }
    let shown = requirements.display();
    assert!(text.contains("sha256:"), "{shown}");
    assert!(
        !text.contains("index-url"),
        "{shown}: see tests/peers/README.md"
    );
}
