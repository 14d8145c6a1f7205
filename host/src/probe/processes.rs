//! What is asked of the two processes of a probe, as their one argument, and where they begin.

use std::io::{self, Write};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::report::{Phase, Refusal};
use super::{ProbeFailure, inside, supervise};

/// The hidden subcommand of `op-listener` behind which [`run`] stands.
pub(super) const SUBCOMMAND: &str = "probe-process";

/// Set in both processes. A program that is named as a prober and is none would else start itself
/// without end.
pub(super) const MARK: &str = "OP_LISTENER_PROBE_PROCESS";

/// What a process is to do.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Request {
    Supervise(Supervise),
    Inside(Inside),
}

/// The supervisor's orders.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Supervise {
    /// The version of the host that asks.
    pub(super) host: String,
    pub(super) bytes: Bytes,
    /// The directory to be made for what the library writes.
    pub(super) scratch: PathBuf,
    pub(super) timeout_ms: u64,
    pub(super) memory_mb: u32,
}

/// The tester's orders.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Inside {
    pub(super) bytes: Bytes,
    /// Before each report.
    pub(super) token: String,
    /// Where the library may write.
    pub(super) scratch: PathBuf,
    pub(super) timeout_ms: u64,
    pub(super) memory_mb: u32,
}

/// Where the library's bytes are.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Bytes {
    /// A sealed memory file, passed on as standard input.
    StandardInput,
    /// A private copy.
    Copy(PathBuf),
}

/// A line of the supervisor's to the host.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Told {
    /// This is under way.
    Begins(Phase),
    /// The last line.
    Ends(Outcome),
}

/// What the supervisor found out.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Outcome {
    /// The library came through. Some of its listeners may have declined an empty configuration.
    Passed { declined: Vec<String> },
    /// The library was refused in good order.
    Refused(Refusal),
    /// It did what it must not do.
    Failed(ProbeFailure),
    /// There was no probe, for a reason that does not lie in the library.
    Impossible(String),
}

/// The exit code of a process that could not do what it was asked.
const FAILED: u8 = 4;

/// Acts as one of the processes of a probe. `request` is the argument of the hidden subcommand,
/// made by the host that asks for a probe. Returns the exit code.
#[doc(hidden)]
pub fn run(request: &str) -> u8 {
    let done = match serde_json::from_str(request) {
        Ok(Request::Supervise(orders)) => tell(&Told::Ends(supervise::supervise(&orders))),
        Ok(Request::Inside(orders)) => inside::test(&orders),
        Err(error) => Err(io::Error::other(format!("the request: {error}"))),
    };
    match done {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("op-listener: the probe's process failed: {error}");
            FAILED
        }
    }
}

/// Tells the host.
pub(super) fn tell(what: &Told) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(format!("{}\n", serde_json::to_string(what)?).as_bytes())?;
    out.flush()
}
