//! Makes the checks of a file, one process after the other.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Map, Value};

use super::bench::Bench;
use super::catalogue::Needs;
use super::job::Job;
use super::outcome::{Outcome, Status};
use super::report::{CheckResult, FileReport, Summary};
use super::scratch::Scratch;
use super::{Check, child, that};
use crate::library::{LoadError, Sealed, read_metadata};

/// The longest that a check may take, unless said otherwise.
pub const DEFAULT_LIMIT: Duration = Duration::from_secs(45);
/// Checks that need few calls may take a third of it, but this in any case.
const SHORT_LIMIT: Duration = Duration::from_secs(15);

/// What threads have in Rust, unless their maker says otherwise. In bytes.
const STACK: usize = 2 << 20;

/// How checks are made.
#[derive(Clone, Debug)]
pub struct Checker {
    /// The program that makes one check when it is called with [`Checker::arguments`] and a path:
    /// it has to call [`one`] with the path. The `op-listener` command is one.
    pub program: PathBuf,
    /// Its arguments before the path.
    pub arguments: Vec<&'static str>,
    /// The listener's own settings: what a host's configuration has as `[listener.config]`.
    /// Relative paths in it are relative to a directory that each check has anew.
    pub config: Option<Map<String, Value>>,
    /// The checks to make; all, if it is empty.
    pub only: Vec<Check>,
    /// When a check's process is ended.
    pub limit: Duration,
}

/// Why a file was not checked.
#[derive(Debug)]
#[non_exhaustive]
pub enum CheckError {
    /// The file cannot be read.
    File(LoadError),
    /// What the checks need cannot be set up.
    Setup(io::Error),
    /// The check's own process was not told what to do.
    Job(PathBuf, io::Error),
}

impl fmt::Display for CheckError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(error) => error.fmt(f),
            Self::Setup(error) => write!(
                f,
                "checks cannot be made: {error}; they need a place for temporary files (`TMPDIR`) and processes"
            ),
            Self::Job(file, error) => write!(
                f,
                "{file:?} does not say which check to make: {error}; this command is for `check` itself"
            ),
        }
    }
}

impl std::error::Error for CheckError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::File(error) => Some(error),
            Self::Setup(error) | Self::Job(_, error) => Some(error),
        }
    }
}

impl From<io::Error> for CheckError {
    fn from(error: io::Error) -> Self {
        Self::Setup(error)
    }
}

impl Checker {
    /// Checks a file, and tells each result as it comes. The first call is with the report as it
    /// is before any check.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or no check can be made.
    pub fn check(
        &self,
        file: &Path,
        mut tell: impl FnMut(&FileReport, Option<&CheckResult>),
    ) -> Result<FileReport, CheckError> {
        let sealed = Sealed::read(file).map_err(CheckError::File)?;
        let scratch = Scratch::new()?;
        // So that all checks are of the same bytes.
        let copy = scratch.path().join("library");
        fs::write(&copy, sealed.bytes())?;
        let mut report = describe(file, &sealed);
        drop(sealed);
        tell(&report, None);
        // What ended the process once would end it in each check that builds on it.
        let mut blocked: Option<(Needs, Check)> = None;
        for check in Check::ALL.iter().copied() {
            if !self.only.is_empty() && !self.only.contains(&check) {
                continue;
            }
            let begin = Instant::now();
            let outcome = match blocked {
                Some((needs, by)) if check.needs() >= needs => {
                    Outcome::skipped(format!("see `{by}`"))
                }
                _ => self.make(check, &copy, scratch.path())?,
            };
            if outcome.status == Status::Crashed {
                let needs = match check {
                    Check::Loads => Some(Needs::Loaded),
                    Check::Starts => Some(Needs::Started),
                    Check::Init => Some(Needs::Instance),
                    _ => None,
                };
                blocked = blocked.or(needs.map(|needs| (needs, check)));
            }
            let result = CheckResult {
                check,
                status: outcome.status,
                message: (!outcome.message.is_empty()).then(|| one_line(&outcome.message)),
                time: begin.elapsed(),
            };
            tell(&report, Some(&result));
            report.checks.push(result);
        }
        report.summary = Summary::of(&report.checks);
        report.events_tried = report
            .checks
            .iter()
            .any(|result| result.check.is_of_events() && result.status != Status::Skipped);
        report.conforms = report.checks.iter().all(|check| check.status.conforms());
        Ok(report)
    }

    fn make(&self, check: Check, file: &Path, scratch: &Path) -> io::Result<Outcome> {
        let home = scratch.join(check.name());
        let job = Job {
            check,
            file: file.to_owned(),
            config: self.config.clone(),
            home,
            limit: if check.is_long() {
                self.limit
            } else {
                self.limit.min(SHORT_LIMIT.max(self.limit / 3))
            },
        };
        let outcome = child::run(&self.program, &self.arguments, &job)?;
        // The rest goes with the scratch directory.
        let _ = fs::remove_dir_all(&job.home);
        Ok(outcome)
    }
}

fn describe(file: &Path, sealed: &Sealed) -> FileReport {
    let metadata = read_metadata(sealed.bytes()).ok();
    let (plugin, version) = metadata
        .map(|metadata| (metadata.id, metadata.version))
        .unzip();
    FileReport {
        file: file.to_string_lossy().into_owned(),
        sha256: sealed.sha256().to_string(),
        plugin,
        version,
        checks: Vec::new(),
        summary: Summary::default(),
        conforms: true,
        events_tried: false,
    }
}

fn one_line(text: &str) -> String {
    text.split(['\n', '\r'])
        .map(str::trim)
        .collect::<Vec<_>>()
        .join(" ")
}

/// Makes the one check that a file describes, in this process, which should end soon afterwards:
/// what a [`Checker`]'s program does. The listener may end the process first.
///
/// # Errors
///
/// The file does not describe a check, or the outcome cannot be told.
pub fn one(file: &Path) -> Result<(), CheckError> {
    let failed = |error| CheckError::Job(file.to_owned(), error);
    let job = Job::read(file).map_err(failed)?;
    limits::set();
    let make = || {
        let outcome = that::make(job.check, &Bench { job: &job });
        job.answer(&outcome).map_err(failed)
    };
    // Providers call listeners from threads, which have less room than a process's first one.
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK);
        let thread = thread.spawn_scoped(scope, make).map_err(failed)?;
        match thread.join() {
            Ok(answered) => answered,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

#[cfg(unix)]
mod limits {
    use rustix::process::{Resource, Rlimit, setrlimit};

    /// More than any listener should need, and less than most machines have.
    const MEMORY: u64 = 4 << 30;

    /// Keeps a listener from taking the machine with it. Where a limit cannot be set, the check
    /// goes on without.
    pub(super) fn set() {
        let limit = |most| Rlimit {
            current: Some(most),
            maximum: Some(most),
        };
        // A dump of memory helps nobody here, and would lie in the current directory.
        let _ = setrlimit(Resource::Core, limit(0));
        let _ = setrlimit(Resource::Data, limit(MEMORY));
        #[cfg(target_os = "linux")]
        let _ =
            rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL));
    }
}

#[cfg(not(unix))]
mod limits {
    pub(super) fn set() {}
}
