//! Builds the fuzz targets as `cargo fuzz` does, but with the stable compiler and no sanitizer, and
//! runs each for a while over the corpus: the host has no `unsafe` of its own there, so what can be
//! found are panics, hangs and memory without bounds.
//!
//! `OP_LISTENER_FUZZ_SECONDS` makes them run for longer than 5 seconds each.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use op_listener_tests::{repository, target_dir};

use crate::elsewhere::{mach_o, pe};

/// What `cargo fuzz build --sanitizer none` gives the compiler.
const FLAGS: [&str; 7] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "--cfg=fuzzing",
    "-Ccodegen-units=1",
];

fn build() -> &'static PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();

    BUILT.get_or_init(|| {
        let target = target_dir().join("fuzz");
        let machine = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
        // With a target named, the flags are not those of build scripts too.
        let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
            .args(["build", "--locked", "--bins", "--target", &machine])
            .current_dir(repository().join("host/fuzz"))
            .env("CARGO_TARGET_DIR", &target)
            .env("CARGO_INCREMENTAL", "0")
            .env("CARGO_ENCODED_RUSTFLAGS", FLAGS.join("\x1f"))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        target.join(machine).join("debug")
    })
}

fn run(target: &str) {
    let seconds = std::env::var("OP_LISTENER_FUZZ_SECONDS").unwrap_or_else(|_| "5".to_owned());
    let dir = tempfile::tempdir().unwrap();
    // New inputs go to the first directory; the corpus in the tree is only read.
    let found = dir.path().join("found");
    fs::create_dir(&found).unwrap();
    let output = Command::new(build().join(target))
        .args([
            "-rss_limit_mb=512",
            "-timeout=60",
            "-print_final_stats=1",
            "-seed=1",
        ])
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-artifact_prefix={}/", dir.path().display()))
        .arg(&found)
        .arg(repository().join("host/fuzz/corpus").join(target))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    let inputs = fs::read_dir(dir.path())
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let inputs: Vec<String> = inputs
        .filter(|path| path.is_file())
        .map(|path| fs::read(path).unwrap().escape_ascii().to_string())
        .collect();
    assert!(output.status.success(), "{said}\nThe input: {inputs:#?}");
    let number = |name: &str| -> u64 {
        let line = said.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_else(|| panic!("{said}"))
            .trim()
            .parse()
            .unwrap()
    };
    let executed = number("stat::number_of_executed_units:");
    let new = number("stat::new_units_added:");
    println!("{target}: {executed} inputs, {new} of them new to it");
    // Without coverage it would find nothing new, and a target that hangs tries nothing.
    assert!(executed > 1000 && new > 0, "{said}");
}

#[test]
fn metadata_is_fuzzed() {
    run("metadata");
}

#[test]
fn inspection_is_fuzzed() {
    run("inspect");
}

#[test]
fn events_are_fuzzed() {
    run("event");
}

#[test]
fn the_corpus_has_plugins_of_other_machines() {
    let corpus = repository().join("host/fuzz/corpus/inspect");
    for (name, bytes) in [("pe", pe()), ("mach-o", mach_o())] {
        if std::env::var_os("UPDATE_CORPUS").is_some() {
            fs::write(corpus.join(name), &bytes).unwrap();
        }
        let kept = fs::read(corpus.join(name)).unwrap();
        assert!(kept == bytes, "{name}: run this with UPDATE_CORPUS=1");
    }
}
