//! The peers: Python packages and an npm package, in exactly the versions that are written down,
//! installed once and kept below the target folder until what is written down changes.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use op_listener_tests::{Unavailable, output_of};

use crate::{here, kept};

const INTERPRETER: &str = if cfg!(windows) {
    "Scripts/python.exe"
} else {
    "bin/python"
};
const NPM: &str = if cfg!(windows) { "npm.cmd" } else { "npm" };

/// The Python interpreter of an environment that has the packages of `requirements.txt`.
pub(crate) fn python() -> Result<PathBuf, Unavailable> {
    let requirements = here().join("requirements.txt");
    let version = output_of(Command::new("python3").arg("--version"))?;
    let directory = kept().join("python");
    let interpreter = directory.join(INTERPRETER);
    let written_down = read(&requirements);
    installed(&directory, &[&version, &written_down], || {
        output_of(Command::new("python3").args(["-m", "venv"]).arg(&directory))?;
        let pip = ["-m", "pip", "install", "--quiet", "--require-hashes", "-r"];
        output_of(Command::new(&interpreter).args(pip).arg(&requirements))
    })?;
    Ok(interpreter)
}

/// The folder whose `node_modules` has the packages of `package-lock.json`: scripts that import
/// them must lie in it.
pub(crate) fn node_folder() -> Result<PathBuf, Unavailable> {
    let files = ["package.json", "package-lock.json"];
    let version = output_of(Command::new("node").arg("--version"))?;
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
            output_of(Command::new(NPM).args(npm).current_dir(&directory))
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
