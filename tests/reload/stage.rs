//! A directory with plugins that change, and what their listeners write down.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use op_listener_host::config::Config;
use op_listener_host::event::Event;
use op_listener_host::{Host, Reloaded};
use op_listener_tests::{Running, TIME_LIMIT, host_binary, start, tally};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// The bytes of the listener that writes down each call.
pub(crate) fn library(defines: &'static [&'static str]) -> Vec<u8> {
    // One compiler at a time for one file.
    static COMPILING: Mutex<()> = Mutex::new(());

    let _compiling = COMPILING.lock().unwrap_or_else(PoisonError::into_inner);
    let name: String = defines.concat();
    let name: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    fs::read(tally(
        &format!("tally{}{name}", std::process::id()),
        defines,
    ))
    .unwrap()
}

/// A version of the listener: other bytes that do the same.
pub(crate) fn version(number: usize) -> Vec<u8> {
    static PLAIN: OnceLock<Vec<u8>> = OnceLock::new();

    let mut bytes = PLAIN.get_or_init(|| library(&[])).clone();
    bytes.extend_from_slice(format!("version {number}").as_bytes());
    bytes
}

/// A host's directory.
pub(crate) struct Stage {
    dir: TempDir,
}

/// An entry for the listener that writes down each call, and its settings.
pub(crate) const TALLY: &str = "[[listener]]\nplugin = \"tally\"\n";

impl Stage {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("plugins")).unwrap();
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
        command.env_remove("RUST_LOG").env_remove("RUST_BACKTRACE");
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

/// Puts a file in place of another one at once.
pub(crate) fn replace(path: &Path, bytes: &[u8]) {
    let name = path.file_name().unwrap().to_str().unwrap();
    let beside = path.with_file_name(format!(".{name}.new"));
    fs::write(&beside, bytes).unwrap();
    fs::rename(&beside, path).unwrap();
}

/// A line of the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) call: String,
    /// Which instance.
    pub(crate) object: String,
    pub(crate) what: String,
}

pub(crate) fn read_record(path: &Path) -> Vec<Line> {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines()
        .map(|line| {
            let mut words = line.split(' ').map(ToOwned::to_owned);
            let mut next = || words.next().unwrap();
            Line {
                call: next(),
                object: next(),
                what: next(),
            }
        })
        .collect()
}

/// The calls of a kind.
pub(crate) fn of<'r>(record: &'r [Line], call: &str) -> Vec<&'r Line> {
    record.iter().filter(|line| line.call == call).collect()
}

/// That every instance got its events between its `init` and its `shutdown`, and was released
/// after that; how many are not at their end.
#[track_caller]
pub(crate) fn assert_orderly(record: &[Line]) -> usize {
    let mut states = std::collections::HashMap::new();
    for line in record {
        let state = states.entry(line.object.clone()).or_insert("none");
        let (before, after): (&[&str], _) = match &*line.call {
            "init" => (&["none"], "init"),
            "event" => (&["init"], "init"),
            "shutdown" => (&["init"], "shutdown"),
            "release" => (&["shutdown"], "release"),
            other => panic!("{other}"),
        };
        assert!(before.contains(state), "{line:?} after {state}");
        *state = after;
    }
    states.values().filter(|state| **state != "release").count()
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
