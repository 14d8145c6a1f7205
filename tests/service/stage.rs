//! A host that serves, and what the tests ask of it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use op_listener_tests::{Client, Door, Finished, Library, Running, Setup, replace};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// What is waited for comes within this time, on a loaded machine too.
const PATIENCE: Duration = Duration::from_mins(1);

pub(crate) const TOKEN: &str = "c29tZXRoaW5nLXNlY3JldA==";

/// A puppet that writes down what it sees.
pub(crate) const RECORDING: &str =
    "\n[[listener]]\nplugin = \"puppet\"\nconfig = { record = \"record.ndjson\" }\n";

/// A host that serves.
pub(crate) struct Service {
    pub(crate) setup: Setup,
    pub(crate) running: Running,
}

impl Service {
    /// A host with the puppet, whose configuration this is. It listens when this comes back.
    pub(crate) fn start(config: &str) -> Self {
        let setup = Setup::with(&[Library::Puppet]);
        setup.file("token", format!("{TOKEN}\n"));
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(setup.path().join("token"), mode).unwrap();
        Self::start_in(setup, config)
    }

    /// The same in a directory that is laid out already.
    pub(crate) fn start_in(setup: Setup, config: &str) -> Self {
        let setup = setup.config(config);
        let mut running = setup.start();
        running.wait_for("[OPL0501]");
        Self { setup, running }
    }

    /// On a Unix socket, with more keys of `[intake]` and a puppet that records.
    pub(crate) fn on_unix(intake: &str) -> Self {
        Self::start(&format!("[intake]\nunix = \"s\"\n{intake}\n{RECORDING}"))
    }

    /// On loopback TCP with a token, in a file that everybody can read. Gives the address too.
    pub(crate) fn on_tcp(intake: &str) -> (Self, Door) {
        let setup = Setup::with(&[Library::Puppet]);
        replace(&setup.path().join("token"), format!("{TOKEN}\n").as_bytes());
        let mut setup = setup.config(&format!(
            "[intake]\nhttp = \"127.0.0.1:0\"\ntoken_file = \"token\"\n{intake}\n{RECORDING}"
        ));
        let (running, address) = listening(&mut setup);
        (Self { setup, running }, Door::Tcp(address))
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.setup.path().join("s")
    }

    /// The Unix socket.
    pub(crate) fn door(&self) -> Door {
        Door::Unix(self.socket())
    }

    /// A new connection to the Unix socket.
    pub(crate) fn client(&self) -> Client {
        Client::connect(&self.door())
    }

    /// Lets events come back that wait at the puppet's `gate = "gate"`.
    pub(crate) fn open_gate(&self) {
        self.setup.file("gate", "");
    }

    /// The ids of the events that the puppet has seen, in order.
    pub(crate) fn seen(&self) -> Vec<String> {
        let record = self.setup.record("record.ndjson").into_iter();
        record
            .filter(|line| line["call"] == "event")
            .map(|line| line["id"].as_str().unwrap().to_owned())
            .collect()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.running.id().cast_signed()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Asks it to stop, and waits until it has.
    pub(crate) fn stop(self) -> (Setup, Finished) {
        self.signal(Signal::TERM);
        (self.setup, self.running.finish())
    }
}

/// Starts a host that listens over TCP, and finds out where.
pub(crate) fn listening(setup: &mut Setup) -> (Running, SocketAddr) {
    let mut running = setup.start();
    let line = running.wait_for("[OPL0501] Events are taken at http");
    let (_, rest) = line.split_once("://").unwrap();
    let (address, _) = rest.split_once("/events").unwrap();
    (running, address.parse().unwrap())
}

/// Asks again and again until it is so.
pub(crate) fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "{what} does not come");
        thread::sleep(Duration::from_millis(10));
    }
}

/// How many events of an SPI are with listeners, as `/readyz` says.
pub(crate) fn in_flight(client: &mut Client, spi: &str) -> u64 {
    let state: Value = client.get("/readyz").json();
    state["spi"][spi]["in_flight"].as_u64().unwrap()
}

/// The field for the token.
pub(crate) fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}\r\nContent-Type: application/json\r\n")
}
