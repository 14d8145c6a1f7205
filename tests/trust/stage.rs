//! A directory with plugins, and the real binary in it.

use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use op_listener_tests::{audit_log, host_binary, parse_lines};
use serde_json::Value;
use tempfile::TempDir;

/// The audit log's version: that of the workspace.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The audit log with another version in its metadata, of the same length.
pub(crate) fn plugin_of_version(version: &str) -> Vec<u8> {
    plugin_with(
        &format!("\"version\":\"{VERSION}\""),
        &format!("\"version\":\"{version}\""),
    )
}

/// The bytes of the audit log.
pub(crate) fn plugin() -> Vec<u8> {
    fs::read(audit_log().0).unwrap()
}

/// The audit log with other bytes at its end: what the loader maps is the same.
pub(crate) fn rebuilt() -> Vec<u8> {
    let mut bytes = plugin();
    bytes.extend(b"rebuilt");
    bytes
}

/// The audit log with something else in its metadata, of the same length.
pub(crate) fn plugin_with(from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len(), "nothing else moves");
    let mut bytes = plugin();
    let found = bytes
        .windows(from.len())
        .position(|window| window == from.as_bytes());
    let at = found.unwrap_or_else(|| panic!("no {from} in the metadata"));
    bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
    bytes
}

/// A directory with a folder `plugins`, which is empty at first.
pub(crate) struct Stage(TempDir);

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Stage {
    pub(crate) fn empty() -> Self {
        let stage = Self(tempfile::tempdir().unwrap());
        fs::create_dir(stage.plugins()).unwrap();
        set_mode(&stage.plugins(), 0o755);
        stage
    }

    /// With the audit log as `libaudit.so`.
    pub(crate) fn new() -> Self {
        let stage = Self::empty();
        stage.put("audit", &plugin());
        stage
    }

    /// With the audit log and a configuration, whose `[plugins]` section says this.
    pub(crate) fn trusting(plugins: &str) -> Self {
        let stage = Self::new();
        stage.configure(plugins);
        stage
    }

    pub(crate) fn configure(&self, plugins: &str) {
        let text = format!("[plugins]\n{plugins}\n");
        fs::write(self.path("op-listener.toml"), text).unwrap();
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn plugins(&self) -> PathBuf {
        self.path("plugins")
    }

    /// The plugin of that short name.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.plugins()
            .join(format!("{DLL_PREFIX}{name}{DLL_SUFFIX}"))
    }

    /// Writes a plugin, in place if it is there.
    pub(crate) fn put(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let file = self.file(name);
        fs::write(&file, bytes).unwrap();
        set_mode(&file, 0o644);
        file
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(host_binary());
        command.args(arguments).current_dir(self.0.path());
        command.env_remove("RUST_BACKTRACE").stdin(Stdio::null());
        command
    }

    pub(crate) fn call(&self, arguments: &[&str]) -> Done {
        let output = self.command(arguments).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Done {
            code: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    /// Runs the host, with the configuration if there is one, on no events at all.
    pub(crate) fn run(&self) -> Done {
        if self.path("op-listener.toml").exists() {
            self.call(&["run", "--config", "op-listener.toml"])
        } else {
            self.call(&["run"])
        }
    }

    /// The one object that `list --json` shows.
    pub(crate) fn listed(&self) -> Value {
        match &self.all_listed()[..] {
            [listed] => listed.clone(),
            several => panic!("one file expected: {several:?}"),
        }
    }

    pub(crate) fn all_listed(&self) -> Vec<Value> {
        let mut arguments = vec!["list", "--json"];
        if self.path("op-listener.toml").exists() {
            arguments.extend(["--config", "op-listener.toml"]);
        }
        let done = self.call(&arguments);
        assert_eq!(done.code, Some(0), "{done:?}");
        serde_json::from_str(&done.stdout).unwrap()
    }

    /// That the host starts with the audit log, and says why it is trusted.
    #[track_caller]
    pub(crate) fn loads(&self, why: &str) {
        let done = self.run();
        assert_eq!(done.code, Some(0), "{}", done.stderr);
        let line = done.line("OPL0101");
        assert!(line.ends_with(&format!("…, trust: {why}")), "{line}");
        done.line("OP0211");
    }

    /// That the host does not start, since the audit log is refused in these words, that it comes to
    /// nothing of it, and that `list` says the same.
    #[track_caller]
    pub(crate) fn refuses(&self, why: &str) {
        let done = self.run();
        assert_eq!(done.code, Some(3), "{}", done.stderr);
        assert_eq!(
            done.line("OPL0102"),
            format!("{:?}: {why}", self.file("audit"))
        );
        assert!(!done.stderr.contains("[OP0211]"), "{}", done.stderr);
        assert!(!self.path("op-listener-data").exists(), "something was run");
        let listed = self.listed();
        assert_eq!(listed["reason"], why);
        assert_eq!(listed["loads"], false);
        assert_eq!(listed["trusted"], false);
        assert_eq!(
            listed["trust"],
            why.strip_prefix("is not trusted: ").unwrap_or(why)
        );
    }
}

impl Done {
    /// The message of the one line under a code.
    #[track_caller]
    pub(crate) fn line(&self, code: &str) -> String {
        let lines = parse_lines(&self.stderr).into_iter();
        let lines: Vec<_> = lines.filter(|line| line.is(code)).collect();
        match &lines[..] {
            [line] => line.message.clone(),
            _ => panic!("one {code} expected in\n{}", self.stderr),
        }
    }
}

pub(crate) fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Whether the tests may do what only root may. Says so where they may not.
pub(crate) fn is_root() -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        eprintln!("not root: that files of other users are refused was not tried");
    }
    root
}
