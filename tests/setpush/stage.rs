//! A directory with the host's configuration and keys, the plugin, and a receiver.

use std::process::Command;
use std::sync::LazyLock;

use op_listener_tests::or_say;
use op_listener_tests::peers::npm_packages;
use op_listener_tests::{Running, Setup, host_binary, set_push, start};
use serde_json::{Value, json};

use crate::receiver::{Receiver, eventually};
use crate::receiver_sources;

/// The audience of the SETs, and the issuer of the events that `op_listener_tests` makes.
pub(crate) const AUDIENCE: &str = "https://receiver.example.com";
pub(crate) const ISSUER: &str = "https://op.example.com";

pub(crate) struct Stage {
    pub(crate) setup: Setup,
    pub(crate) algorithm: &'static str,
    pub(crate) receiver: Receiver,
}

/// What a receiver is to be like.
pub(crate) struct Wanted<'a> {
    pub(crate) algorithm: &'static str,
    /// Members of its configuration that are to be others, with `{dir}` for its directory.
    pub(crate) but: Value,
    /// Prepares the directory, before the receiver starts in it.
    pub(crate) prepare: &'a dyn Fn(&Setup),
}

impl Default for Wanted<'_> {
    fn default() -> Self {
        Self {
            // Quick, and the others are the peers' to try.
            algorithm: "ES256",
            but: json!({}),
            prepare: &|_| {},
        }
    }
}

impl Stage {
    /// A plain one, or nothing where the receiver's package cannot be had.
    pub(crate) fn new(test: &str) -> Option<Self> {
        Self::with(test, &Wanted::default())
    }

    pub(crate) fn with(test: &str, wanted: &Wanted<'_>) -> Option<Self> {
        let node = or_say(test, npm_packages("set-receiver", &receiver_sources()))?;
        let mut setup = Setup::new();
        setup.add("set_push", &LIBRARY);
        let keys = keys(&["generate", "--algorithm", wanted.algorithm]);
        let keys = setup.secret("keys.json", &keys);
        let jwks = self::keys(&[
            "jwks",
            "--algorithm",
            wanted.algorithm,
            keys.to_str().unwrap(),
        ]);
        setup.file("jwks.json", jwks);
        (wanted.prepare)(&setup);
        let record = setup.path().join("record.ndjson");
        let mut config = json!({
            "issuer": ISSUER,
            "audience": AUDIENCE,
            "algorithm": wanted.algorithm,
            "jwks": setup.path().join("jwks.json"),
            "record": record,
        });
        let changed = wanted.but.as_object().unwrap().clone();
        config.as_object_mut().unwrap().extend(changed);
        let dir = setup.path().to_str().unwrap();
        let config = setup.file("receiver.json", config.to_string().replace("{dir}", dir));
        Some(Self {
            receiver: Receiver::start(&node, &config, record),
            setup,
            algorithm: wanted.algorithm,
        })
    }

    /// Where the receiver is.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/set", self.receiver.port)
    }

    /// Writes the host's configuration. `push` goes into the listener's own.
    pub(crate) fn configure(&self, endpoint: &str, push: &str) {
        let config = format!(
            r#"
[signing]
keys = "keys.json"
algorithm = "{}"
[[listener]]
plugin = "set-push"
name = "push"
[listener.queue]
backoff_ms = 20
backoff_max_ms = 200
pause_after_ms = 0
attempts = 100000
[listener.config]
enable = true
endpoint = "{endpoint}"
audience = "{AUDIENCE}"
{push}
"#,
            self.algorithm
        );
        self.setup.file("op-listener.toml", config);
    }

    /// Configures for the plain receiver, and starts the host.
    pub(crate) fn start(&self, push: &str) -> Running {
        let settings = format!("allow_hosts = [\"127.0.0.1\"]\n{push}");
        self.configure(&self.url(), &settings);
        self.run()
    }

    /// Starts the host as it is configured. It waits for events on standard input.
    pub(crate) fn run(&self) -> Running {
        start(&mut self.command())
    }

    /// What [`Stage::run`] runs.
    pub(crate) fn command(&self) -> Command {
        self.setup.command(&["run", "--config", "op-listener.toml"])
    }

    /// The queue, as `op-listener queue list` shows it; null before the host has opened it.
    pub(crate) fn queue(&self) -> Value {
        let listed = self.try_call(&["list"]).unwrap_or_default();
        let mut queues = listed["queues"].as_array().into_iter().flatten();
        let ours = queues.find(|queue| queue["name"] == "push");
        ours.cloned().unwrap_or_default()
    }

    /// What `op-listener queue` says to these arguments.
    pub(crate) fn call(&self, arguments: &[&str]) -> Value {
        self.try_call(arguments)
            .unwrap_or_else(|why| panic!("{arguments:?}: {why}"))
    }

    /// As [`Stage::call`], where the host may not have opened its queues yet.
    pub(crate) fn try_call(&self, arguments: &[&str]) -> Result<Value, String> {
        let more = ["--config", "op-listener.toml", "--json"];
        let done = self.setup.call(&[&["queue"], arguments, &more].concat());
        match done.code() {
            Some(0) => Ok(serde_json::from_str(&done.stdout).unwrap()),
            _ => Err(done.stderr),
        }
    }

    /// Waits until so many messages wait, and so many are dead letters.
    #[track_caller]
    pub(crate) fn wait_for_queue(&self, waiting: u64, dead: u64) {
        eventually(
            || {
                let queue = self.queue();
                (queue["waiting"] == waiting && queue["dead"] == dead).then_some(())
            },
            || format!("{:#}\n{:#?}", self.queue(), self.receiver.requests()),
        );
    }
}

static LIBRARY: LazyLock<std::path::PathBuf> = LazyLock::new(set_push);

fn keys(arguments: &[&str]) -> String {
    let done = start(Command::new(host_binary()).arg("keys").args(arguments)).finish();
    assert_eq!(done.code(), Some(0), "{}", done.stderr);
    done.stdout
}
