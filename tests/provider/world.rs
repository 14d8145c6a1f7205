//! The three processes: the host with a puppet that writes down what it sees, the provider with the
//! bridge, and the client.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use op_listener_tests::or_say;
use op_listener_tests::peers::npm_packages;
use op_listener_tests::{Finished, Library, Running, Setup, repository, start};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

/// Nothing that is waited for takes longer, unless something is wrong.
const PATIENCE: Duration = Duration::from_mins(2);

/// The address of the host's socket.
pub(crate) const SOCKET: &str = "events.sock";

/// A host on a Unix socket whose puppet writes down everything.
pub(crate) const RECORDING: &str = r#"
    intake = { unix = "events.sock" }
    [[listener]]
    plugin = "puppet"
    [listener.config]
    record = "record.ndjson"
"#;

/// A directory in which the host runs, and the folder with the scripts.
pub(crate) struct World {
    setup: Setup,
    scripts: PathBuf,
}

/// The provider's process.
pub(crate) struct Provider {
    running: Running,
    issuer: String,
}

/// What the bridge says that it has done.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) posted: usize,
    pub(crate) late: usize,
    pub(crate) refused: usize,
    pub(crate) lost: usize,
    pub(crate) waiting: usize,
}

impl World {
    /// With a host configured so; nothing, which is then said, where Node.js or the packages cannot
    /// be had.
    pub(crate) fn new(config: &str) -> Option<Self> {
        let test = thread::current().name().unwrap_or_default().to_owned();
        let sources = repository().join("tests/oidc-provider");
        let folder = or_say(&test, npm_packages("oidc-provider", &sources))?;
        Some(Self {
            setup: Setup::with(&[Library::Puppet]).config(config),
            scripts: with_scripts(folder, &sources),
        })
    }

    /// A path in the directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.setup.path().join(name)
    }

    /// Writes a file.
    pub(crate) fn file(&self, name: &str, content: &str) {
        self.setup.file(name, content);
    }

    /// Starts the host, which takes events when this returns. The text says where.
    pub(crate) fn host(&self) -> (Running, String) {
        let mut running = self.setup.start();
        let line = running.wait_for("Events are taken at");
        let place = line.trim_end().rsplit(' ').next().unwrap().to_owned();
        (running, place)
    }

    /// The provider's command, with what the bridge is told.
    pub(crate) fn provider_command(&self, bridge: &Value) -> Command {
        let mut node = self.node("provider.mjs");
        node.arg(bridge.to_string());
        node
    }

    /// Starts the provider, its bridge on the Unix socket, with more options for that.
    pub(crate) fn provider(&self, options: Value) -> Provider {
        let mut bridge = json!({ "socketPath": self.path(SOCKET) });
        merge(&mut bridge, options);
        self.provider_with(&bridge)
    }

    /// Starts the provider, with all that the bridge is told.
    pub(crate) fn provider_with(&self, bridge: &Value) -> Provider {
        let mut running = start(&mut self.provider_command(bridge));
        let line = running.wait_for("listening ");
        let issuer = line.trim_end().rsplit(' ').next().unwrap().to_owned();
        Provider { running, issuer }
    }

    /// Drives flows, one after the other, and gives what came of each.
    pub(crate) fn drive(&self, provider: &Provider, flows: &Value) -> Vec<Value> {
        self.drive_at(&provider.issuer, flows, &[])
    }

    /// Drives flows all at once.
    pub(crate) fn drive_together(&self, provider: &Provider, flows: &Value) -> Vec<Value> {
        self.drive_at(&provider.issuer, flows, &["--together"])
    }

    /// Drives flows through the provider of that name.
    pub(crate) fn drive_at(&self, issuer: &str, flows: &Value, flags: &[&str]) -> Vec<Value> {
        let mut node = self.node("driver.mjs");
        let mut client = start(node.arg(issuer).args(flags));
        client.send_last(flows.to_string().as_bytes());
        let done = client.finish();
        assert!(done.status.success(), "{}", done.stderr);
        let lines = done.stdout.lines();
        let done: Vec<Value> = lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(done.len(), flows.as_array().unwrap().len());
        done
    }

    fn node(&self, script: &str) -> Command {
        let mut node = Command::new("node");
        node.arg(self.scripts.join(script));
        node.current_dir(self.setup.path());
        node
    }

    /// What the puppet saw of events.
    pub(crate) fn events(&self) -> Vec<Value> {
        let record = self.setup.record("record.ndjson").into_iter();
        record.filter(|line| line["call"] == "event").collect()
    }

    /// What the puppet saw, once it has seen so many events.
    pub(crate) fn events_when(&self, count: usize) -> Vec<Value> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let events = self.events();
            if events.len() >= count {
                return events;
            }
            assert!(
                Instant::now() < deadline,
                "{} of {count} events came",
                events.len()
            );
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Provider {
    /// Its name, and address.
    pub(crate) fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Waits for a line of what the bridge says.
    pub(crate) fn wait_for(&mut self, text: &str) -> String {
        self.running.wait_for(text)
    }

    /// Ends it: what it said, and what its bridge has done.
    pub(crate) fn end(self) -> (String, Counts) {
        let Finished {
            status,
            stdout,
            stderr,
        } = self.running.finish();
        assert!(status.success(), "{stderr}");
        let last = stdout.lines().last().unwrap();
        let counts: Value = serde_json::from_str(last).unwrap();
        let count = |name: &str| usize::try_from(counts[name].as_u64().unwrap()).unwrap();
        let counts = Counts {
            posted: count("posted"),
            late: count("late"),
            refused: count("refused"),
            lost: count("lost"),
            waiting: count("waiting"),
        };
        (stderr, counts)
    }
}

/// Stops a host as an operator does.
pub(crate) fn stop(host: Running) -> String {
    let id = i32::try_from(host.id()).ok().and_then(Pid::from_raw);
    kill_process(id.unwrap(), Signal::TERM).unwrap();
    let done = host.finish();
    assert_eq!(done.code(), Some(0), "{}", done.stderr);
    done.stderr
}

/// Lays the scripts beside the packages that they import.
fn with_scripts(folder: PathBuf, sources: &Path) -> PathBuf {
    static COPIED: OnceLock<()> = OnceLock::new();

    COPIED.get_or_init(|| {
        let bridge = folder.join("bridge");
        fs::create_dir_all(&bridge).unwrap();
        for (from, to) in [(sources, &folder), (&sources.join("bridge"), &bridge)] {
            for entry in fs::read_dir(from).unwrap() {
                let path = entry.unwrap().path();
                let name = path.file_name().unwrap();
                let suffix = path.extension().and_then(|suffix| suffix.to_str());
                let is_bridges = name == "package.json" && to == &bridge;
                if matches!(suffix, Some("js" | "mjs")) || is_bridges {
                    fs::copy(&path, to.join(name)).unwrap();
                }
            }
        }
    });
    folder
}

fn merge(into: &mut Value, more: Value) {
    if let (Value::Object(into), Value::Object(more)) = (into, more) {
        into.extend(more);
    }
}
