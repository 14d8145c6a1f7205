//! Poll delivery (RFC 8936): the real host with the real plugin, whose SETs receivers fetch.

mod access;
mod from_now_on;
mod handing_out;
mod ordering;
mod verified;
mod waiting;

use std::net::SocketAddr;
use std::sync::LazyLock;

use op_listener_tests::{Answer, Client, Door, Finished, Running, Setup, id_token, set_push};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::receiver::eventually;

pub(crate) const TOKEN: &str = "cGFydG5lcg==";
const OTHER_TOKEN: &str = "b3RoZXI=";
const INTAKE_TOKEN: &str = "aW50YWtl";

/// A host that takes events on a Unix socket, and serves streams there and over TCP: that of `push`,
/// whose receiver has [`TOKEN`].
pub(crate) struct Polled {
    pub(crate) setup: Setup,
    pub(crate) running: Running,
    address: SocketAddr,
}

/// The configuration, with more for `[listener.poll]` and for the listener.
fn config(poll: &str, push: &str) -> String {
    format!(
        r#"
[signing]
keys = "keys.json"
algorithm = "ES256"
[reload]
watch = false
[intake]
unix = "s"
http = "127.0.0.1:0"
token_file = "intake-token"
[[listener]]
plugin = "set-push"
name = "push"
[listener.poll]
token_file = "token"
{poll}
[listener.config]
enable = true
method = "poll"
audience = "https://receiver.example.com"
{push}
"#
    )
}

/// The configuration with a listener that pushes, to nobody.
fn pushing() -> String {
    let config = config(
        "",
        "endpoint = \"http://127.0.0.1:1/set\"\nallow_hosts = \"127.0.0.1\"",
    );
    let config = config.replace("[listener.poll]\ntoken_file = \"token\"\n", "");
    config.replace("method = \"poll\"", "method = \"push\"")
}

fn setup() -> Setup {
    static LIBRARY: LazyLock<std::path::PathBuf> = LazyLock::new(set_push);

    let mut setup = Setup::new();
    setup.add("set_push", &LIBRARY);
    let keys = setup.call(&["keys", "generate", "--algorithm", "ES256"]);
    setup.secret("keys.json", &keys.stdout);
    for (file, token) in [
        ("token", TOKEN),
        ("other-token", OTHER_TOKEN),
        ("intake-token", INTAKE_TOKEN),
    ] {
        setup.secret(file, &format!("{token}\n"));
    }
    setup
}

impl Polled {
    fn start(poll: &str, push: &str) -> Self {
        Self::start_in(setup(), &config(poll, push))
    }

    fn start_in(setup: Setup, config: &str) -> Self {
        let setup = setup.config(config);
        let mut running = setup.start();
        let line = running.wait_for("[OPL0501] Events are taken at http");
        let (_, rest) = line.split_once("://").unwrap();
        let (address, _) = rest.split_once("/events").unwrap();
        Self {
            address: address.parse().unwrap(),
            setup,
            running,
        }
    }

    /// The same after it was killed, or has ended.
    fn again(self, config: &str) -> Self {
        drop(self.running);
        Self::start_in(self.setup, config)
    }

    fn door(&self) -> Door {
        Door::Tcp(self.address)
    }

    fn client(&self) -> Receiver {
        Receiver(Client::connect(&self.door()))
    }

    /// The intake's Unix socket.
    fn inside(&self) -> Client {
        Client::connect(&Door::Unix(self.setup.path().join("s")))
    }

    /// Posts an event of each id, which is answered when its SET is stored.
    #[track_caller]
    fn events(&self, ids: &[&str]) {
        let lines: Vec<_> = ids.iter().map(|id| id_token(id)).collect();
        let answer = self.inside().post_lines(&lines);
        assert_eq!(answer.status, 204, "{answer:?}");
    }

    /// Waits until so many requests were answered, or wait.
    #[track_caller]
    fn wait_for_polls(&self, count: u64) {
        let metric = format!("op_listener_queue_polls_total{{queue=\"push\"}} {count}\n");
        let mut inside = self.inside();
        let mut page = move || String::from_utf8(inside.get("/metrics").body).unwrap();
        eventually(|| page().contains(&metric).then_some(()), || metric.clone());
    }

    /// The queue, as `op-listener queue list` shows it.
    fn queue(&self) -> Value {
        let listed: Value = serde_json::from_str(&self.say(&["list", "--json"])).unwrap();
        let queues = listed["queues"].as_array().unwrap();
        queues[0].clone()
    }

    /// What `op-listener queue` says to these arguments.
    #[track_caller]
    fn say(&self, arguments: &[&str]) -> String {
        let config = ["--config", "op-listener.toml"];
        let done = self.setup.call(&[&["queue"], arguments, &config].concat());
        assert_eq!(done.code(), Some(0), "{arguments:?}: {}", done.stderr);
        done.stdout
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.running.id().cast_signed()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Puts another configuration into effect.
    fn reload(&mut self, config: &str) {
        self.setup.file("op-listener.toml", config);
        self.signal(Signal::HUP);
        self.running.wait_for("[OPL0601]");
    }

    fn stop(self) -> Finished {
        self.signal(Signal::TERM);
        self.running.finish()
    }
}

/// One who fetches from `push`.
struct Receiver(Client);

fn fields(token: &str) -> String {
    format!("Authorization: Bearer {token}\r\nContent-Type: application/json\r\n")
}

impl Receiver {
    /// Sends a request and waits for the answer.
    fn ask(&mut self, body: &Value) -> Answer {
        self.begin(body);
        self.0.answer()
    }

    /// Sends a request.
    fn begin(&mut self, body: &Value) {
        let (fields, body) = (fields(TOKEN), body.to_string());
        let length = body.len();
        self.0.send(format!(
            "POST /set/push HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n{fields}\r\n{body}"
        ));
    }

    /// The `jti`s of what it gets.
    #[track_caller]
    fn get(&mut self, body: &Value) -> Vec<String> {
        ids(&self.ask(body))
    }

    /// What is there at the moment.
    #[track_caller]
    fn look(&mut self) -> Vec<String> {
        self.get(&json!({ "returnImmediately": true }))
    }

    /// Says that it has these, and asks for nothing.
    #[track_caller]
    fn acknowledge(&mut self, ids: &[&str]) {
        let got = self.get(&json!({ "ack": ids, "maxEvents": 0 }));
        assert!(got.is_empty(), "{got:?}");
    }
}

/// The `jti`s of an answer, in its order.
#[track_caller]
fn ids(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.field("content-type"), Some("application/json"));
    assert_eq!(answer.field("cache-control"), Some("no-store"));
    let answer = answer.json();
    assert!(answer["moreAvailable"].is_boolean(), "{answer}");
    let sets = answer["sets"].as_object().unwrap();
    for (id, set) in sets {
        let parts = set.as_str().unwrap().split('.').count();
        assert_eq!(parts, 3, "{id}: {set}");
    }
    sets.keys().cloned().collect()
}
