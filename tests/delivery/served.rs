//! The real program over a yard, with its intake at a Unix socket: how it is started, killed, told to
//! reload and asked about its queues.

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use op_listener_tests::{Door, Finished, Library, Running, host_binary, replace, start};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::yard::Yard;

/// What is the same for every host here. Nothing is probed, which takes time, and the key is quickly
/// made.
const COMMON: &str = "[signing]\nalgorithm = \"ES256\"\n[plugins]\nprobe = false\n\
                      [intake]\nunix = \"s\"\n[reload]\ndebounce_ms = 10\nrescan = 1\n";

/// Says that the host takes events.
pub(crate) const LISTENING: &str = "[OPL0501]";

impl Yard {
    /// Where events are posted.
    pub(crate) fn door(&self) -> Door {
        Door::Unix(self.path().join("s"))
    }

    /// Writes the configuration of the program.
    pub(crate) fn configure(&self, toml: &str) {
        let toml = format!("{COMMON}{toml}");
        replace(&self.path().join("op-listener.toml"), toml.as_bytes());
    }

    /// Puts another build of the courier in the place of whatever there is.
    pub(crate) fn put_build(&self, number: u64) {
        let suffix = std::env::consts::DLL_SUFFIX;
        let prefix = std::env::consts::DLL_PREFIX;
        let file = self.path().join(format!("plugins/{prefix}courier{suffix}"));
        replace(&file, &build(number));
    }

    /// The command that runs the host.
    pub(crate) fn command(&self, run: &str) -> Command {
        let mut command = self.program(host_binary());
        command
            .args(["run", "--config", "op-listener.toml"])
            .env("COURIER_RUN", run);
        command
    }

    /// Starts the host; what its sinks deliver has this name of the run. It may not listen yet.
    pub(crate) fn start(&self, run: &str) -> Running {
        start(&mut self.command(run))
    }

    /// Starts the host, and waits until it listens.
    pub(crate) fn serve(&self, run: &str) -> Running {
        let mut running = self.start(run);
        running.wait_for(LISTENING);
        running
    }

    /// What `op-listener queue` says to these arguments.
    pub(crate) fn ask(&self, arguments: &[&str]) -> Value {
        let mut command = self.program(host_binary());
        command
            .arg("queue")
            .args(arguments)
            .args(["--json", "--config", "op-listener.toml"]);
        let done = start(&mut command).finish();
        assert_eq!(done.code(), Some(0), "{}", done.stderr);
        serde_json::from_str(&done.stdout).unwrap()
    }

    /// A queue, as `op-listener queue list` shows it.
    pub(crate) fn listed(&self, name: &str) -> Value {
        let listed = self.ask(&["list"]);
        let mut queues = listed["queues"].as_array().unwrap().iter();
        let found = queues.find(|queue| queue["name"] == name);
        found.cloned().unwrap_or_else(|| panic!("{listed}"))
    }

    /// How many messages wait in these queues. Counted in the store, so that it can be asked often.
    pub(crate) fn waiting(&self, queues: &[&str]) -> u64 {
        let listed = self.ask(&["list"]);
        let all = listed["queues"].as_array().unwrap().iter();
        let all = all.filter(|queue| queues.iter().any(|name| queue["name"] == *name));
        all.map(|queue| queue["waiting"].as_u64().unwrap()).sum()
    }
}

/// A build of the courier: other bytes that do the same, and tell which they are.
fn build(number: u64) -> Vec<u8> {
    const MARK: &[u8] = b"courier-build-00000";

    let mut bytes = fs::read(Library::Courier.file()).unwrap();
    let own = build_name(number);
    let places: Vec<_> = bytes
        .windows(MARK.len())
        .enumerate()
        .filter_map(|(place, window)| (window == MARK).then_some(place))
        .collect();
    assert!(!places.is_empty(), "the library has its mark");
    for place in places {
        bytes[place..place + MARK.len()].copy_from_slice(own.as_bytes());
    }
    bytes
}

/// What that build writes down as its name.
pub(crate) fn build_name(number: u64) -> String {
    format!("courier-build-{number:05}")
}

/// Sends a signal to a host.
pub(crate) fn send(signal: Signal, running: &Running) {
    let pid = Pid::from_raw(running.id().cast_signed()).unwrap();
    kill_process(pid, signal).unwrap();
}

/// Kills a host. Comes back with all that it has said.
pub(crate) fn kill(running: Running) -> Finished {
    send(Signal::KILL, &running);
    running.finish()
}

/// Stops a host in good order.
pub(crate) fn stop(running: Running) -> Finished {
    send(Signal::TERM, &running);
    let finished = running.finish();
    assert_eq!(finished.code(), Some(0), "{}", finished.stderr);
    finished
}

/// Checks that a store is whole, with SQLite's own check, by somebody who is not the host.
pub(crate) fn assert_whole(store: &Path) {
    const CHECK: &str = "import sqlite3, sys\n\
                         print(sqlite3.connect(sys.argv[1]).execute('PRAGMA integrity_check').fetchall())";

    let checked = Command::new("python3")
        .args(["-c", CHECK])
        .arg(store)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&checked.stdout);
    let why = String::from_utf8_lossy(&checked.stderr);
    assert_eq!(said.trim(), "[('ok',)]", "{why}");
}

/// The ids of messages, each once.
pub(crate) fn ids(delivered: &[Value]) -> HashSet<String> {
    let ids = delivered.iter().map(|line| line["id"].as_str().unwrap());
    ids.map(ToOwned::to_owned).collect()
}
