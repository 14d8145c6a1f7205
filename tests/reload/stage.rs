//! A directory with plugins that change, and what their listeners write down.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use op_listener_host::config::Config;
use op_listener_host::event::Event;
use op_listener_host::{Host, Reloaded};
pub(crate) use op_listener_tests::replace;
use op_listener_tests::tallied::read_record;
pub(crate) use op_listener_tests::tallied::{Line, assert_orderly, library, of, version};
use op_listener_tests::{ELSEWHERE, Running, TIME_LIMIT, host_binary, plugin_dir, start};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// A host's directory.
pub(crate) struct Stage {
    dir: TempDir,
}

/// An entry for the listener that writes down each call, and its settings.
pub(crate) const TALLY: &str = "[[listener]]\nplugin = \"tally\"\n";

impl Stage {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        plugin_dir(&dir.path().join("plugins"));
        Self { dir }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn plugin(&self, name: &str) -> PathBuf {
        let suffix = std::env::consts::DLL_SUFFIX;
        self.path("plugins").join(format!("{name}{suffix}"))
    }

    /// Puts a plugin in place of whatever there is under its name, as installers do.
    pub(crate) fn put(&self, name: &str, bytes: &[u8]) {
        replace(&self.plugin(name), bytes);
    }

    pub(crate) fn remove(&self, name: &str) {
        fs::remove_file(self.plugin(name)).unwrap();
    }

    /// The settings of a tally that writes to `record`, and waits at `gate`.
    pub(crate) fn settings(&self, more: &str) -> String {
        let [record, gate] = ["record", "gate"].map(|name| self.path(name));
        format!("[listener.config]\nrecord = {record:?}\ngate = {gate:?}\n{more}\n")
    }

    /// The configuration of a program. Its key is quickly made.
    pub(crate) fn config(&self, toml: &str) -> Config {
        let signing = if toml.contains("[signing]") {
            ""
        } else {
            "\n[signing]\nalgorithm = \"ES256\"\n"
        };
        let toml = format!("{toml}{signing}");
        Config::from_str(&toml, "test.toml", self.dir.path()).unwrap()
    }

    pub(crate) fn host(&self, toml: &str) -> Host {
        Host::builder().config(self.config(toml)).build().unwrap()
    }

    /// Writes the configuration file of the command.
    pub(crate) fn configure(&self, toml: &str) {
        replace(&self.path("op-listener.toml"), toml.as_bytes());
    }

    /// The command, as an operator runs it with that file.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(host_binary());
        command.args(["run", "--config", "op-listener.toml"]);
        command.current_dir(self.dir.path());
        for name in ELSEWHERE {
            command.env_remove(name);
        }
        command
    }

    /// Runs the command until it is ready.
    pub(crate) fn start(&self) -> Running {
        let mut running = start(&mut self.command());
        running.wait_for("[OPL0001]");
        running
    }

    /// What the listeners have written down, line by line.
    pub(crate) fn record(&self) -> Vec<Line> {
        read_record(&self.path("record"))
    }

    /// Waits until the listeners have written down that call.
    pub(crate) fn wait_for(&self, call: &str, what: &str) {
        let is = |line: &Line| line.call == call && (what.is_empty() || line.what == what);
        wait_until(&format!("{call} {what}"), || self.record().iter().any(is));
    }

    /// Lets all go on who wait.
    pub(crate) fn open_gate(&self) {
        fs::write(self.path("gate"), "").unwrap();
    }
}

/// Sends a signal to a process.
pub(crate) fn send(signal: Signal, running: &Running) {
    let pid = Pid::from_raw(running.id().cast_signed()).unwrap();
    kill_process(pid, signal).unwrap();
}

pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + TIME_LIMIT;
    while !is_so() {
        assert!(Instant::now() < deadline, "in vain: {what}");
        thread::sleep(Duration::from_millis(2));
    }
}

pub(crate) fn event(id: &str) -> Event<'_> {
    Event::id_token_issue("alice", "000123", r#"{"sub":"alice"}"#)
        .issuer("https://op.example.com")
        .id(id)
        .build()
        .unwrap()
}

/// `added, replaced, kept, removed, refused`
pub(crate) fn counts(reloaded: &Reloaded) -> [usize; 5] {
    let Reloaded {
        added,
        replaced,
        kept,
        removed,
        refused,
        ..
    } = *reloaded;
    [added, replaced, kept, removed, refused]
}
