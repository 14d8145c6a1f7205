//! The receiver, a process of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Once;
use std::thread;
use std::time::{Duration, Instant};

use op_listener_tests::{Running, start};
use serde_json::{Value, json};

use crate::receiver_sources;

/// No test waits longer for what is bound to come.
pub(crate) const DEADLINE: Duration = Duration::from_mins(2);

/// The receiver of a stage. Ends with the drop.
pub(crate) struct Receiver {
    running: Running,
    pub(crate) port: u16,
    record: PathBuf,
}

impl Receiver {
    /// Starts it with this configuration, from the folder that has its package.
    pub(crate) fn start(node: &Path, config: &Path, record: PathBuf) -> Self {
        static COPIED: Once = Once::new();

        // Scripts find packages beside themselves.
        let script = node.join("receiver.mjs");
        COPIED.call_once(|| {
            fs::copy(receiver_sources().join("receiver.mjs"), &script).unwrap();
        });
        let mut running = start(Command::new("node").arg(script).arg(config));
        let line = running.wait_for("listening ");
        let port = line.trim().rsplit(' ').next().unwrap();
        Self {
            port: port.parse().unwrap(),
            running,
            record,
        }
    }

    /// What it is to do with the next requests, before it verifies all others.
    pub(crate) fn plan(&mut self, steps: &Value) {
        self.running.send(&format!("{steps}\n"));
        self.running.wait_for("planned ");
    }

    /// Waits for a line that it says.
    pub(crate) fn wait_for(&mut self, text: &str) -> String {
        self.running.wait_for(text)
    }

    /// What came so far.
    pub(crate) fn requests(&self) -> Vec<Value> {
        let text = fs::read_to_string(&self.record).unwrap_or_default();
        // A last line that is being written has no end yet.
        let whole = text
            .split_inclusive('\n')
            .filter(|line| line.ends_with('\n'));
        whole
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// The claims of the SETs that it has taken.
    pub(crate) fn taken(&self) -> Vec<Value> {
        let requests = self.requests().into_iter();
        let taken = requests.filter(|request| request["taken"] == true);
        taken.map(|request| request["claims"].clone()).collect()
    }

    /// Waits until it has taken so many SETs.
    #[track_caller]
    pub(crate) fn wait_for_taken(&self, count: usize) -> Vec<Value> {
        eventually(
            || Some(self.taken()).filter(|taken| taken.len() >= count),
            || format!("{:#?}", self.requests()),
        )
    }
}

/// Waits for something that is bound to come.
#[track_caller]
pub(crate) fn eventually<T>(
    mut look: impl FnMut() -> Option<T>,
    why: impl FnOnce() -> String,
) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "it did not come: {}", why());
        thread::sleep(Duration::from_millis(10));
    }
}

/// A step of a plan: an answer.
pub(crate) fn answer(status: u16) -> Value {
    json!({ "do": "answer", "status": status })
}

/// A step of a plan: a refusal.
pub(crate) fn refusal(err: &str) -> Value {
    json!({
        "do": "answer",
        "status": 400,
        "headers": { "Content-Type": "application/json", "Content-Language": "en" },
        "body": json!({ "err": err, "description": format!("this is {err}") }).to_string(),
    })
}
