//! What the checks of a file came to, for people and for machines.

use std::fmt::{self, Write as _};
use std::time::Duration;

use serde::{Serialize, Serializer};

use super::{Check, Status};
use crate::library::THIS_INTERFACE;
use crate::listing::Harmless;

/// How one check of a file ended.
///
/// As JSON: `name`, `demand`, `status`, `message` (a text, or `null` where there is nothing to say)
/// and `seconds`.
#[derive(Clone, Debug)]
pub struct CheckResult {
    /// Which.
    pub check: Check,
    /// How it ended.
    pub status: Status,
    /// A sentence that the author can act on; after a success perhaps a figure. One line.
    pub message: Option<String>,
    /// How long its process took.
    pub time: Duration,
}

/// How the checks of a file ended.
#[derive(Clone, Debug, Serialize)]
pub struct FileReport {
    /// The file, as it was named.
    pub file: String,
    /// The SHA-256 of its bytes, in hexadecimal.
    pub sha256: String,
    /// The plugin's id, if the metadata can be read.
    pub plugin: Option<String>,
    /// Its version.
    pub version: Option<String>,
    /// Each check, in the order of [`Check::ALL`].
    pub checks: Vec<CheckResult>,
    /// How many ended in each way.
    pub summary: Summary,
    /// Whether none failed or crashed.
    pub conforms: bool,
    /// Whether any check handed an event to a listener. If not, nothing is known of what the plugin
    /// is there for: no listener was enabled, perhaps, or only other checks were made.
    pub events_tried: bool,
}

/// How many checks ended in each way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Ended well.
    pub success: usize,
    /// Ended with a warning.
    pub warning: usize,
    /// Were not made.
    pub skipped: usize,
    /// Failed.
    pub failed: usize,
    /// Had their process ended.
    pub crashed: usize,
}

/// How the checks of all files ended: the whole of what `op-listener check --json` prints. Members
/// may be added; those that are there keep their meaning.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The version of this shape.
    op_listener_check: u32,
    /// The version of the host that checked.
    host: &'static str,
    /// The interface that it serves, as `major.minor`.
    interface: String,
    /// Each file, in the order in which they were named.
    pub files: Vec<FileReport>,
    /// Whether all files conform.
    pub conforms: bool,
}

impl Report {
    /// Of these files.
    pub fn new(files: Vec<FileReport>) -> Self {
        Self {
            op_listener_check: 1,
            host: env!("CARGO_PKG_VERSION"),
            interface: THIS_INTERFACE.to_string(),
            conforms: files.iter().all(|file| file.conforms),
            files,
        }
    }
}

impl Summary {
    pub(super) fn of(checks: &[CheckResult]) -> Self {
        let count = |status| checks.iter().filter(|check| check.status == status).count();
        Self {
            success: count(Status::Success),
            warning: count(Status::Warning),
            skipped: count(Status::Skipped),
            failed: count(Status::Failed),
            crashed: count(Status::Crashed),
        }
    }

    const fn count(&self, status: Status) -> usize {
        match status {
            Status::Success => self.success,
            Status::Warning => self.warning,
            Status::Skipped => self.skipped,
            Status::Failed => self.failed,
            Status::Crashed => self.crashed,
        }
    }
}

impl Serialize for CheckResult {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Shape<'a> {
            name: Check,
            demand: &'static str,
            status: Status,
            message: Option<&'a str>,
            seconds: f64,
        }

        let shape = Shape {
            name: self.check,
            demand: self.check.demand(),
            status: self.status,
            message: self.message.as_deref(),
            seconds: self.time.as_secs_f64(),
        };
        shape.serialize(serializer)
    }
}

/// One line.
impl fmt::Display for CheckResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (status, name) = (self.status.name(), self.check.name());
        match &self.message {
            None => writeln!(f, "  {status:<8} {name}"),
            Some(message) => writeln!(f, "  {status:<8} {name}: {}", Harmless(message)),
        }
    }
}

impl FileReport {
    /// The line above the checks.
    pub fn heading(&self) -> impl fmt::Display {
        let file = format!("{}", Harmless(&self.file));
        match (&self.plugin, &self.version) {
            (Some(id), Some(version)) => format!("{file}: {id} {}\n", Harmless(version)),
            _ => format!("{file}\n"),
        }
    }

    /// The line below them.
    pub fn ending(&self) -> impl fmt::Display {
        let counts: Vec<String> = Status::ALL
            .iter()
            .map(|status| format!("{} {}", self.summary.count(*status), status.name()))
            .collect();
        let verdict = if self.conforms {
            "conforms"
        } else {
            "does not conform"
        };
        let mut ending = format!("  {verdict}: {}\n", counts.join(", "));
        if let Some(why) = self.why_no_event() {
            // Writing to a `String` does not fail.
            let _ = writeln!(ending, "  warning: no event was tried: {}", Harmless(why));
        }
        ending
    }

    /// Why no check handed over an event, where some should have.
    fn why_no_event(&self) -> Option<&str> {
        if self.events_tried {
            return None;
        }
        let mut skipped = self
            .checks
            .iter()
            .filter(|result| result.check.is_of_events());
        skipped.next()?.message.as_deref()
    }
}
