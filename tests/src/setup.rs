//! A directory as an operator lays it out, and what comes of running the host in it.

#![allow(
    clippy::missing_panics_doc,
    reason = "a test that cannot be set up fails"
)]

use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::fixtures::{Library, host_binary};
use crate::growing::whole_lines;
use crate::lines::{LogLine, parse_lines};
use crate::process::{Finished, Running, start};

/// Variables of whoever runs the tests that say something to the host.
pub const ELSEWHERE: [&str; 5] = [
    "RUST_LOG",
    "RUST_BACKTRACE",
    "NOTIFY_SOCKET",
    "WATCHDOG_USEC",
    "WATCHDOG_PID",
];

/// A directory with a folder `plugins` and perhaps a configuration.
#[derive(Debug)]
pub struct Setup {
    dir: TempDir,
    config: bool,
}

impl Default for Setup {
    fn default() -> Self {
        Self::new()
    }
}

/// Copies a library into a directory under a name of its own.
pub fn copy_into(dir: &Path, name: &str, library: &Path) -> PathBuf {
    let file = dir.join(format!("{DLL_PREFIX}{name}{DLL_SUFFIX}"));
    fs::copy(library, &file).expect("a library can be copied");
    for_nobody_else(&file, 0o644);
    file
}

/// Makes a directory for plugins.
pub fn plugin_dir(path: &Path) {
    fs::create_dir_all(path).expect("a directory can be made");
    for_nobody_else(path, 0o755);
}

/// Whatever the umask of whoever runs the tests: a plugin that others can write is not trusted.
fn for_nobody_else(path: &Path, mode: u32) {
    #[cfg(unix)]
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode))
        .expect("the owner can set permissions");
    #[cfg(not(unix))]
    let _ = (path, mode);
}

/// Puts a file in place of another one at once.
pub fn replace(path: &Path, bytes: &[u8]) {
    let name = path
        .file_name()
        .and_then(OsStr::to_str)
        .expect("a file has a name");
    let beside = path.with_file_name(format!(".{name}.new"));
    fs::write(&beside, bytes).expect("a file can be written");
    for_nobody_else(&beside, 0o644);
    fs::rename(&beside, path).expect("a file can be renamed");
}

impl Setup {
    /// A directory with an empty folder `plugins`.
    pub fn new() -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory can be made");
        plugin_dir(&dir.path().join("plugins"));
        Self { dir, config: false }
    }

    /// A directory with these libraries in `plugins`.
    pub fn with(libraries: &[Library]) -> Self {
        let mut setup = Self::new();
        for library in libraries {
            setup.add(&format!("{library:?}").to_lowercase(), &library.file());
        }
        setup
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// The folder with the plugins.
    pub fn plugins(&self) -> PathBuf {
        self.path().join("plugins")
    }

    /// Copies a library into `plugins` under a name of its own.
    pub fn add(&mut self, name: &str, library: &Path) -> PathBuf {
        copy_into(&self.plugins(), name, library)
    }

    /// Writes the configuration.
    #[must_use]
    pub fn config(mut self, toml: &str) -> Self {
        self.file("op-listener.toml", toml);
        self.config = true;
        self
    }

    /// Writes a file.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        fs::write(&path, content).expect("a file can be written");
        path
    }

    /// Writes a file that nobody else can read.
    pub fn secret(&self, name: &str, content: &str) -> PathBuf {
        let path = self.file(name, content);
        #[cfg(unix)]
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600))
            .expect("the owner can set permissions");
        path
    }

    /// The command with these arguments, to be run in the directory.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(host_binary());
        command.args(arguments).current_dir(self.path());
        // What is set where the tests run is not set where they are expected to pass.
        for name in ELSEWHERE {
            command.env_remove(name);
        }
        command
    }

    /// Runs the command with these arguments to its end.
    pub fn call(&self, arguments: &[&str]) -> Finished {
        start(&mut self.command(arguments)).finish()
    }

    /// Starts `op-listener run`, which then waits for events on standard input.
    pub fn start(&self) -> Running {
        let mut arguments = vec!["run"];
        if self.config {
            arguments.extend(["--config", "op-listener.toml"]);
        }
        start(&mut self.command(&arguments))
    }

    /// Runs `op-listener run` with these lines on standard input.
    pub fn run<L: AsRef<str>>(&self, lines: impl IntoIterator<Item = L>) -> Run<'_> {
        let mut input = String::new();
        for line in lines {
            input.push_str(line.as_ref());
            input.push('\n');
        }
        self.run_bytes(input.as_bytes())
    }

    /// Runs `op-listener run` with these bytes on standard input.
    pub fn run_bytes(&self, input: &[u8]) -> Run<'_> {
        let mut running = self.start();
        running.send_last(input);
        running.finish().of(self)
    }

    /// What the puppet wrote down in a file.
    pub fn record(&self, name: &str) -> Vec<Value> {
        whole_lines(&self.path().join(name))
            .iter()
            .map(|line| serde_json::from_str(line).expect("the puppet writes JSON lines"))
            .collect()
    }
}

/// A run of the host to its end.
#[derive(Debug)]
pub struct Run<'s> {
    setup: &'s Setup,
    /// The exit code.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub log: String,
}

/// Reads a finished process as a run of the host.
pub trait Finish {
    /// The run in this directory.
    fn of(self, setup: &Setup) -> Run<'_>;
}

impl Finish for Finished {
    fn of(self, setup: &Setup) -> Run<'_> {
        Run {
            setup,
            code: self.code(),
            stdout: self.stdout,
            log: self.stderr,
        }
    }
}

impl Run<'_> {
    /// The log, every line of which has the layout.
    pub fn lines(&self) -> Vec<LogLine> {
        parse_lines(&self.log)
    }

    /// The messages under a code.
    pub fn messages(&self, code: &str) -> Vec<String> {
        let lines = self.lines().into_iter();
        lines
            .filter(|line| line.is(code))
            .map(|line| line.message)
            .collect()
    }

    /// The one message under a code.
    pub fn message(&self, code: &str) -> String {
        match <[String; 1]>::try_from(self.messages(code)) {
            Ok([message]) => message,
            Err(several) => panic!("one {code} expected, found {several:?} in\n{}", self.log),
        }
    }

    /// What the puppet wrote down in `record.ndjson`.
    pub fn record(&self) -> Vec<Value> {
        self.setup.record("record.ndjson")
    }

    /// What it wrote down of events.
    pub fn events(&self) -> Vec<Value> {
        let record = self.record().into_iter();
        record.filter(|line| line["call"] == "event").collect()
    }

    /// The ids of the events, in order.
    pub fn event_ids(&self) -> Vec<String> {
        let events = self.events().into_iter();
        events
            .map(|event| event["id"].as_str().unwrap_or_default().to_owned())
            .collect()
    }

    /// Checks that the host ended so.
    #[must_use]
    pub fn ended(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}", self.log);
        self
    }
}
