//! `export!` as authors write it, in crates of its own: that what is right builds, under both
//! editions, and that what is wrong is explained.
//!
//! The first crate is the one that the README tells to write, taken from there. Each file of `tests/mistakes` is a program that must not compile, with a message that holds what
//! its `//! expect:` lines say; each of `tests/forms` one that builds, whose file has the classes
//! of its `//! class:` lines.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// The programs of a folder beside this file, by name.
fn programs(folder: &str) -> BTreeMap<String, PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests")
        .join(folder);
    let files = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path());
    files
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), path))
        .collect()
}

/// What the lines say that begin so.
fn said<'a>(source: &'a str, what: &str) -> Vec<&'a str> {
    source
        .lines()
        .filter_map(|line| line.strip_prefix("//! ")?.strip_prefix(what))
        .collect()
}

struct Crate {
    dir: PathBuf,
    target: PathBuf,
}

impl Crate {
    /// A crate outside this workspace, with those programs.
    fn new(name: &str, edition: &str, programs: &BTreeMap<String, PathBuf>) -> Self {
        let scratch = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let dir = scratch.join(name);
        std::fs::create_dir_all(&dir).unwrap();
        let mut manifest = format!(
            "[package]\nname = \"op-listener-{name}\"\nversion = \"1.2.3\"\n\
             edition = \"{edition}\"\n[workspace]\n\
             [dependencies]\nop-listener-api = {{ path = {:?} }}\n",
            here.display().to_string()
        );
        for (name, path) in programs {
            let path = path.display().to_string();
            write!(manifest, "[[bin]]\nname = {name:?}\npath = {path:?}\n").unwrap();
        }
        std::fs::write(dir.join("Cargo.toml"), manifest).unwrap();
        // The versions that this workspace uses, which are here already.
        std::fs::copy(here.join("../Cargo.lock"), dir.join("Cargo.lock")).unwrap();
        Self {
            dir,
            target: scratch.join("export"),
        }
    }

    /// Runs cargo on all programs, and returns the errors of each.
    fn cargo(&self, command: &str) -> BTreeMap<String, String> {
        let output = Command::new(env!("CARGO"))
            .args([
                command,
                "--offline",
                "--bins",
                "--keep-going",
                "--message-format=json",
            ])
            .arg("--target-dir")
            .arg(&self.target)
            .current_dir(&self.dir)
            .output()
            .unwrap();
        let mut errors: BTreeMap<String, String> = BTreeMap::new();
        for line in String::from_utf8(output.stdout).unwrap().lines() {
            let line: Value = serde_json::from_str(line).unwrap();
            if line["reason"] == "compiler-message" && line["message"]["level"] == "error" {
                let program = line["target"]["name"].as_str().unwrap().to_owned();
                errors
                    .entry(program)
                    .or_default()
                    .push_str(line["message"]["rendered"].as_str().unwrap());
            }
        }
        assert!(
            output.status.success() || !errors.is_empty(),
            "cargo itself failed: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        errors
    }
}

/// The first block of the README that begins so.
fn block<'a>(readme: &'a str, start: &str) -> &'a str {
    let at = readme.find(start).expect(start) + start.find('\n').unwrap() + 1;
    readme[at..].split_once("```\n").unwrap().0
}

#[test]
fn the_readme_leads_from_nothing_to_a_listener_with_tests_that_pass() {
    let scratch = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = std::fs::read_to_string(here.join("README.md")).unwrap();
    let manifest = block(&readme, "```toml\n[package]");
    let code = block(&readme, "```rust\n");
    let tests = block(&readme, "```rust,ignore\n#[cfg(test)]");

    let dir = scratch.join("readme");
    std::fs::create_dir_all(dir.join("src")).unwrap();
    let here_said = here.display().to_string();
    let here_instead =
        format!("\n[workspace]\n[patch.crates-io]\nop-listener-api = {{ path = {here_said:?} }}\n");
    std::fs::write(dir.join("Cargo.toml"), manifest.to_owned() + &here_instead).unwrap();
    std::fs::copy(here.join("../Cargo.lock"), dir.join("Cargo.lock")).unwrap();
    std::fs::write(
        dir.join("src/lib.rs"),
        format!("#![deny(warnings)]\n{code}\n{tests}"),
    )
    .unwrap();

    let output = Command::new(env!("CARGO"))
        .args(["test", "--offline", "--target-dir"])
        .arg(scratch.join("export"))
        .current_dir(&dir)
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}\n{errors}");
    assert!(told.contains("test result: ok. 2 passed"), "{told}");
}

/// Text with neither line breaks nor the marks that the compiler draws.
fn plain(text: &str) -> String {
    let words = text
        .split_whitespace()
        .filter(|word| !word.chars().all(|c| "|=^-_".contains(c)));
    words.collect::<Vec<_>>().join(" ")
}

#[test]
fn mistakes_are_explained_in_a_sentence() {
    let programs = programs("mistakes");
    let mut errors = Crate::new("mistakes", "2024", &programs).cargo("check");
    for (name, path) in &programs {
        let source = std::fs::read_to_string(path).unwrap();
        let rendered = errors.remove(name).unwrap_or_default();
        let expected = said(&source, "expect: ");
        assert!(!expected.is_empty(), "{name} expects nothing");
        for expected in expected {
            assert!(
                plain(&rendered).contains(expected),
                "{name}: expected `{expected}` in:\n{rendered}"
            );
        }
        assert!(
            !rendered.contains("unreachable"),
            "{name}: one mistake is told once:\n{rendered}"
        );
    }
}

#[test]
fn every_form_builds_in_both_editions_without_unsafe_code() {
    let programs = programs("forms");
    for edition in ["2021", "2024"] {
        let name = format!("forms-{edition}");
        let built = Crate::new(&name, edition, &programs);
        let errors = built.cargo("build");
        assert!(errors.is_empty(), "{edition}: {errors:?}");
        for (program, path) in &programs {
            let source = std::fs::read_to_string(path).unwrap();
            let file = format!("{program}{}", std::env::consts::EXE_SUFFIX);
            let metadata = metadata(&built.target.join("debug").join(file));
            let listeners = metadata["listeners"].as_array().unwrap();
            let classes: Vec<_> = listeners
                .iter()
                .map(|l| l["class"].as_str().unwrap())
                .collect();
            assert_eq!(classes, said(&source, "class: "), "{program}");
            let id = if source.contains("id = \"forms\"") {
                "forms"
            } else {
                &*name
            };
            assert_eq!(
                (metadata["id"].as_str(), metadata["version"].as_str()),
                (Some(id), Some("1.2.3"))
            );
        }
    }
}

/// The metadata in a program's file.
fn metadata(file: &Path) -> Value {
    let bytes = std::fs::read(file).unwrap();
    let start = b"{\"op_listener\":1,";
    let at = bytes
        .windows(start.len())
        .position(|window| window == start);
    let at = at.expect("the section is in the file");
    let read = serde_json::Deserializer::from_slice(&bytes[at..])
        .into_iter()
        .next();
    read.unwrap().unwrap()
}
