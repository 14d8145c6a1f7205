//! Runs `op-listener check` and reads what it says.

use std::path::Path;
use std::process::{Command, Output};

use op_listener_tests::host_binary;
use serde_json::Value;
use tempfile::TempPath;

/// A run of the command, before its end.
pub(crate) struct Run {
    command: Command,
    /// There until the end.
    settings: Option<TempPath>,
}

impl Run {
    pub(crate) fn of(file: &Path) -> Self {
        let mut command = Command::new(host_binary());
        command.arg("check").arg(file);
        // One of the run that tests would do wrong what a test does not ask for.
        command.env_remove("MISCHIEF");
        Self {
            command,
            settings: None,
        }
    }

    pub(crate) fn with(mut self, arguments: &[&str]) -> Self {
        self.command.args(arguments);
        self
    }

    /// With a misdeed of the listener in Rust.
    pub(crate) fn doing(mut self, misdeed: &str) -> Self {
        self.command.env("MISCHIEF", misdeed);
        self
    }

    /// With another place for temporary files.
    pub(crate) fn in_place(mut self, place: &Path) -> Self {
        self.command.env("TMPDIR", place);
        self
    }

    /// With these settings for the listener.
    pub(crate) fn configured(mut self, settings: &str) -> Self {
        let file = tempfile::Builder::new().suffix(".toml").tempfile();
        let path = file.unwrap().into_temp_path();
        std::fs::write(&path, settings).unwrap();
        self.command.arg("--config").arg(&path);
        self.settings = Some(path);
        self
    }

    pub(crate) fn output(mut self) -> Output {
        let output = self.command.output().unwrap();
        drop(self.settings);
        output
    }

    /// Runs to the end, and reads the report.
    pub(crate) fn report(self) -> Report {
        let output = self.with(&["--json"]).output();
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        let json = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("no report: {error}\n{stderr}"));
        Report {
            code: output.status.code().unwrap(),
            json,
        }
    }
}

/// What a run came to.
pub(crate) struct Report {
    pub(crate) code: i32,
    pub(crate) json: Value,
}

/// One check of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) name: String,
    pub(crate) status: String,
    pub(crate) message: String,
}

impl Report {
    /// All checks of the first file.
    pub(crate) fn checks(&self) -> Vec<Told> {
        let checks = self.json["files"][0]["checks"].as_array().unwrap();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let told = |check: &Value| Told {
            name: text(&check["name"]),
            status: text(&check["status"]),
            message: text(&check["message"]),
        };
        checks.iter().map(told).collect()
    }

    /// Those that warned. How long something takes is the machine's as well, and left out.
    pub(crate) fn warned(&self) -> Vec<String> {
        let mut warned = self.named("warning");
        warned.retain(|name| !["load-time", "time-per-call"].contains(&&**name));
        warned
    }

    /// The check of that name.
    pub(crate) fn check(&self, name: &str) -> Told {
        let told = self.checks().into_iter().find(|told| told.name == name);
        told.unwrap_or_else(|| panic!("`{name}` was not made"))
    }

    /// Those that ended in such a way.
    pub(crate) fn named(&self, status: &str) -> Vec<String> {
        let checks = self.checks().into_iter();
        let such = checks.filter(|told| told.status == status);
        such.map(|told| told.name).collect()
    }
}

/// Demands that a check ended so, with a message that has these words, and that the exit code goes
/// with it.
#[track_caller]
pub(crate) fn expect(run: Run, check: &str, status: &str, words: &str) {
    let report = run.with(&["--only", check]).report();
    let told = report.check(check);
    let so = told.status == status && told.message.contains(words);
    assert!(so, "wanted {status} with {words:?}, got {told:?}");
    let code = if matches!(status, "failed" | "crashed") {
        3
    } else {
        0
    };
    assert_eq!(report.code, code, "{told:?}");
    assert_eq!(report.json["conforms"], code == 0);
}
