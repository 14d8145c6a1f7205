//! Programs of other people that a test needs on this machine: run, or said to be missing.

#![allow(
    clippy::missing_panics_doc,
    reason = "where all that is needed has to be there, a test without it fails"
)]

use std::io::{self, Write as _};
use std::process::Command;
use std::{env, error, fmt};

/// Why something that a test needs cannot be had on this machine.
#[derive(Debug)]
pub struct Unavailable(String);

impl Unavailable {
    /// For the same reason as something else.
    #[must_use]
    pub fn because(other: &Self) -> Self {
        Self(other.0.clone())
    }
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl error::Error for Unavailable {}

/// What is needed, or nothing, which is then said on standard error; a failure where `CI=true`.
pub fn or_say<T>(test: &str, needed: Result<T, Unavailable>) -> Option<T> {
    match needed {
        Ok(needed) => Some(needed),
        Err(why) if env::var_os("CI").is_some_and(|ci| ci == "true") => {
            panic!("{test}: {why}")
        }
        Err(why) => {
            say_not_run(test, &why);
            None
        }
    }
}

/// Past the capture of the test harness, which keeps the output of tests that pass to itself.
pub fn say_not_run(test: &str, why: &Unavailable) {
    // At once, so that no line of another thread falls between.
    let line = format!("NOT RUN: {test}: {why}\n");
    let _ = io::stderr().write_all(line.as_bytes());
}

/// Whether a program that is no library of ours to install is on this machine.
///
/// # Errors
///
/// It does not run with that argument.
pub fn on_this_machine(program: &str, version: &str) -> Result<(), Unavailable> {
    output_of(Command::new(program).arg(version)).map(drop)
}

/// What a command prints.
///
/// # Errors
///
/// It does not run, or fails.
pub fn output_of(command: &mut Command) -> Result<String, Unavailable> {
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
