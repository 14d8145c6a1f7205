//! A directory with a courier, a host over it, and what the courier has delivered.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use op_listener_host::config::Config;
use op_listener_host::delivery::QueueSnapshot;
use op_listener_host::event::Event;
use op_listener_host::{Host, StartError};
use op_listener_tests::{Library, copy_into, plugin_dir, whole_lines};
use serde_json::Value;
use tempfile::TempDir;

/// Nothing takes longer, unless something is wrong.
pub(crate) const DEADLINE: Duration = Duration::from_mins(2);

/// A directory for a host with couriers.
pub(crate) struct Yard {
    dir: TempDir,
    /// The process in whose mount namespace the host runs.
    within: Option<u32>,
}

impl Yard {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        plugin_dir(&dir.path().join("plugins"));
        copy_into(
            &dir.path().join("plugins"),
            "courier",
            &Library::Courier.file(),
        );
        Self { dir, within: None }
    }

    /// A yard whose host runs in the mount namespace of a process.
    pub(crate) fn within(self, process: u32) -> Self {
        Self {
            within: Some(process),
            ..self
        }
    }

    /// A program that runs in the yard, where its host does.
    pub(crate) fn program(&self, program: &Path) -> Command {
        let mut command;
        if let Some(process) = self.within {
            command = Command::new("nsenter");
            command
                .args(["--preserve-credentials", "--user", "--mount", "--target"])
                .arg(process.to_string())
                .args(["sh", "-c", "cd \"$0\" && exec \"$@\""])
                .arg(self.path())
                .arg(program);
        } else {
            command = Command::new(program);
            command.current_dir(self.path());
        }
        command.env_remove("RUST_LOG").env_remove("RUST_BACKTRACE");
        command
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// The queues' store, wherever the host runs.
    pub(crate) fn store(&self) -> PathBuf {
        let store = self.path().join("op-listener-data/queue.db");
        match self.within {
            None => store,
            Some(process) => {
                let below_root = store.strip_prefix("/").unwrap();
                Path::new(&format!("/proc/{process}/root")).join(below_root)
            }
        }
    }

    /// Tells the sinks what to do from now on.
    pub(crate) fn script(&self, words: &str) {
        let new = self.path().join("script.new");
        fs::write(&new, words).unwrap();
        fs::rename(new, self.path().join("script")).unwrap();
    }

    /// Starts a host with this configuration.
    pub(crate) fn try_host(&self, config: &str) -> Result<Host, StartError> {
        // The key is made anew for each host, and this one is quickly made.
        let config = format!("{config}\n[signing]\nalgorithm = \"ES256\"\n");
        let config = Config::from_str(&config, "test.toml", self.path()).unwrap();
        Host::builder().config(config).build()
    }

    /// Starts a host with one courier of these settings.
    pub(crate) fn host(&self, settings: &str) -> Host {
        self.try_host(&courier("courier", settings)).unwrap()
    }

    /// What was delivered, in order.
    pub(crate) fn delivered(&self) -> Vec<Value> {
        self.delivered_to("delivered.ndjson")
    }

    /// What the courier with this file has delivered, in order. A line in which it was killed is none:
    /// the host was not told that it is delivered.
    pub(crate) fn delivered_to(&self, out: &str) -> Vec<Value> {
        whole_lines(&self.path().join(out))
            .iter()
            .filter(|line| line.ends_with('}'))
            .map(|line| serde_json::from_str(line).unwrap_or_else(|why| panic!("{why}: {line}")))
            .collect()
    }

    /// Files that were set aside because they were damaged.
    pub(crate) fn set_aside(&self) -> Vec<PathBuf> {
        let dir = fs::read_dir(self.store().parent().unwrap()).unwrap();
        let files = dir.map(|entry| entry.unwrap().path());
        let mut aside: Vec<_> = files
            .filter(|file| file.to_string_lossy().contains(".damaged-"))
            .collect();
        aside.sort();
        aside
    }

    /// The payloads of what was delivered, in order.
    pub(crate) fn payloads(&self) -> Vec<String> {
        let delivered = self.delivered().into_iter();
        delivered
            .map(|line| line["payload"].as_str().unwrap().to_owned())
            .collect()
    }

    /// Waits until so many messages were delivered.
    pub(crate) fn wait_for(&self, count: usize) -> Vec<String> {
        eventually(|| self.payloads().len() >= count);
        self.payloads()
    }
}

/// An entry for a courier.
pub(crate) fn courier(name: &str, settings: &str) -> String {
    format!(
        "[[listener]]\nplugin = \"courier\"\nname = \"{name}\"\n[listener.config]\n{settings}\n"
    )
}

/// Waits until something holds.
pub(crate) fn eventually(mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !holds() {
        assert!(Instant::now() < deadline, "it does not come to be");
        thread::sleep(Duration::from_millis(2));
    }
}

/// An event of that id, of a client.
pub(crate) fn event_of<'a>(id: &'a str, client: &'a str) -> Event<'a> {
    Event::id_token_issue("alice", client, r#"{"sub":"alice"}"#)
        .issuer("https://op.example.com")
        .id(id)
        .build()
        .unwrap()
}

/// Dispatches an event of that id, which must go well.
pub(crate) fn dispatch(host: &Host, id: &str) {
    let dispatched = host.dispatch(&event_of(id, "000123"));
    assert_eq!(dispatched.failures, 0, "{id}");
}

/// What the host knows of a queue.
pub(crate) fn queue(host: &Host, name: &str) -> QueueSnapshot {
    let mut queues = host.delivery().queues.into_iter();
    queues.find(|queue| queue.name == name).unwrap()
}
