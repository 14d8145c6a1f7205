//! The host's side: whether a library may be loaded, by what is remembered or by a probe.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::time::Duration;
use std::{env, thread};

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::processes::{Bytes, MARK, Outcome, Request, SUBCOMMAND, Supervise, Told};
use super::report::Phase;
use super::verdicts::{Finding, Verdict, Verdicts};
use super::{Ended, ProbeFailure, Unwatched, scratch, system};
use crate::config::{Config, ProbeConfig};
use crate::library::{Distrust, Inspected, LoadError, Reason, Sealed, Staged, Trust, inspect};
use crate::log::say;

/// Lets libraries be loaded that came through a probe, now or earlier.
pub struct Prober {
    /// An `op-listener` command.
    program: PathBuf,
    trust: Trust,
    limits: ProbeConfig,
    verdicts: Verdicts,
}

/// A library came through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probed {
    /// When it did (RFC 3339, UTC), if not just now.
    pub remembered: Option<String>,
    /// What listeners said that declined an empty configuration, as `class: why`. Not remembered.
    pub declined: Vec<String>,
}

/// How much longer than the library the supervisor may take, before it is given up.
const GRACE: Duration = Duration::from_secs(15);
/// What still stands in the pipe of a supervisor that was ended is read in less.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// More than any outcome takes, in bytes.
const LONGEST_OUTCOME: u64 = 8 << 20;

impl Prober {
    /// A prober with the limits and the trust of a configuration, which remembers in its data
    /// directory. `program` is an `op-listener` command of this host's version.
    pub fn new(config: &Config, program: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
            trust: config.plugins.trust.clone(),
            limits: config.plugins.probe.clone(),
            verdicts: Verdicts::read(&config.data_dir),
        }
    }

    /// This very program, for the `op-listener` command.
    ///
    /// # Errors
    ///
    /// The system does not say which it is.
    pub fn this_program() -> io::Result<PathBuf> {
        system::this_program()
    }

    /// Probes the library in a file. With `again`, what is remembered of it is forgotten first.
    ///
    /// # Errors
    ///
    /// The file is refused, by inspection or by the probe; or it is not trusted, and then nothing
    /// of it was run.
    pub fn probe_file(&mut self, file: &Path, again: bool) -> Result<Probed, LoadError> {
        let library = inspect(Sealed::read(file)?)?;
        let judge = self.trust.judge().map_err(|error| {
            let why = Distrust::Unjudged(error.to_string());
            LoadError::new(file, Reason::Untrusted(Box::new(why)))
        })?;
        let library = judge.admit(library)?;
        if again {
            self.verdicts.forget(&sha256(library.library()));
        }
        self.vouch_for(library.library())
    }

    /// Says whether a library may be loaded; probes it if that is not known yet.
    ///
    /// # Errors
    ///
    /// It must not, or nobody can tell.
    pub(crate) fn vouch_for(&mut self, library: &Inspected) -> Result<Probed, LoadError> {
        let file = library.sealed().file();
        let sha256 = sha256(library);
        if let Some(known) = self.remembered(&sha256) {
            return known.map_err(|reason| LoadError::new(file, reason));
        }
        let outcome = self
            .run(library)
            .unwrap_or_else(|error| Outcome::Impossible(error.to_string()));
        let reason = match outcome {
            Outcome::Passed { declined } => {
                self.remember(&sha256, file, Finding::Passed);
                say!(PROBED, "Probed {file:?}: it did no harm");
                return Ok(Probed {
                    remembered: None,
                    declined,
                });
            }
            // Not remembered: a library that is missing today is there tomorrow, and then the
            // constructors run that did not run today.
            Outcome::Refused(refusal) => refusal.into(),
            // Not remembered either: whoever ended the probe need not have been the library.
            Outcome::Failed(failure) if matches!(failure.ended, Ended::Unwatched(_)) => {
                Reason::Probe(Box::new(failure))
            }
            Outcome::Failed(failure) => {
                self.remember(&sha256, file, Finding::Failed(failure.clone()));
                Reason::Probe(Box::new(failure))
            }
            Outcome::Impossible(what) => Reason::ProbeImpossible(what),
        };
        Err(LoadError::new(file, reason))
    }

    fn remembered(&self, sha256: &str) -> Option<Result<Probed, Reason>> {
        let verdict = self.verdicts.on(sha256)?;
        match &verdict.finding {
            Finding::Passed => Some(Ok(Probed {
                remembered: Some(verdict.time.clone()),
                declined: Vec::new(),
            })),
            Finding::Failed(failure) if self.may_do_better(failure) => None,
            Finding::Failed(failure) => {
                let mut failure = failure.clone();
                failure.remembered = Some(verdict.time.clone());
                Some(Err(Reason::Probe(Box::new(failure))))
            }
        }
    }

    /// What failed at a limit is tried again once the limit was raised.
    fn may_do_better(&self, failure: &ProbeFailure) -> bool {
        match failure.ended {
            Ended::TimeLimit => self.limits.timeout.as_millis() > failure.timeout_ms.into(),
            Ended::MemoryLimit => self.limits.memory_mb > failure.memory_mb,
            Ended::Signal(_) | Ended::ExitCode(_) | Ended::Unwatched(_) => false,
        }
    }

    fn remember(&mut self, sha256: &str, file: &Path, finding: Finding) {
        let now = OffsetDateTime::now_utc().replace_nanosecond(0);
        let time = now.map(|now| now.format(&Rfc3339).unwrap_or_default());
        let verdict = Verdict::new(sha256, file, time.unwrap_or_default(), finding);
        self.verdicts.keep(&verdict);
    }

    /// Runs a supervisor and reads what it answers.
    fn run(&self, library: &Inspected) -> io::Result<Outcome> {
        if env::var_os(MARK).is_some() {
            return Err(io::Error::other(
                "this process was itself started for a probe, so the program that was named as prober is no op-listener command",
            ));
        }
        let staged = library.sealed().stage()?;
        let mut command = Command::new(&self.program);
        let bytes = hand_over(&staged, &mut command);
        let scratch = scratch::new_name();
        let timeout_ms = u64::try_from(self.limits.timeout.as_millis()).unwrap_or(u64::MAX);
        let request = Request::Supervise(Supervise {
            host: env!("CARGO_PKG_VERSION").to_owned(),
            bytes,
            scratch: scratch.clone(),
            timeout_ms,
            memory_mb: self.limits.memory_mb,
        });
        command
            .arg(SUBCOMMAND)
            .arg(serde_json::to_string(&request)?)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .env(MARK, "1");
        let answer = answer(command, self.limits.timeout + GRACE);
        staged.discard();
        let Answer { told, how } = answer?;
        match understand(&told) {
            Understood::Ended(outcome) => Ok(outcome),
            Understood::Began(phase) => {
                // The tester ends with its supervisor.
                scratch::remove(&scratch);
                Ok(Outcome::Failed(ProbeFailure {
                    phase,
                    ended: Ended::Unwatched(how),
                    said: None,
                    timeout_ms,
                    memory_mb: self.limits.memory_mb,
                    remembered: None,
                }))
            }
            Understood::Nothing => {
                let program = &self.program;
                Err(io::Error::other(format!(
                    "{program:?} gave no answer ({}): is it the op-listener command?",
                    match how {
                        Unwatched::Signal(name) => format!("it was ended by {name}"),
                        Unwatched::ExitCode(code) => format!("it ended with exit code {code}"),
                        Unwatched::Silent => "it did not end".to_owned(),
                    }
                )))
            }
        }
    }
}

/// What the supervisor's lines come to.
enum Understood {
    /// It said what it found out.
    Ended(Outcome),
    /// It began, came as far as this, and said no more.
    Began(Phase),
    /// It said nothing that a supervisor says.
    Nothing,
}

fn understand(told: &[u8]) -> Understood {
    let mut understood = Understood::Nothing;
    for line in serde_json::Deserializer::from_slice(told).into_iter() {
        match line {
            Ok(Told::Ends(outcome)) => return Understood::Ended(outcome),
            Ok(Told::Begins(phase)) => understood = Understood::Began(phase),
            // Cut off, where it was ended.
            Err(_) => break,
        }
    }
    understood
}

/// Puts the bytes where the supervisor finds them.
#[cfg(target_os = "linux")]
fn hand_over(staged: &Staged, command: &mut Command) -> Bytes {
    match staged.file().try_clone() {
        Ok(file) => {
            command.stdin(file);
        }
        // The tester will say that there is no library.
        Err(_) => {
            command.stdin(Stdio::null());
        }
    }
    Bytes::StandardInput
}

#[cfg(not(target_os = "linux"))]
fn hand_over(staged: &Staged, command: &mut Command) -> Bytes {
    command.stdin(Stdio::null());
    Bytes::Copy(staged.path().to_owned())
}

/// What a supervisor left behind.
struct Answer {
    /// What it wrote to standard output.
    told: Vec<u8>,
    /// How it ended.
    how: Unwatched,
}

/// Runs a command to its end, or ends it.
fn answer(mut command: Command, patience: Duration) -> io::Result<Answer> {
    let program = command.get_program().to_owned();
    let mut process = command
        .spawn()
        .map_err(|error| io::Error::new(error.kind(), format!("{program:?}: {error}")))?;
    let pipe = process.stdout.take();
    let pipe = pipe.ok_or_else(|| io::Error::other("a pipe is missing"))?;
    let (sender, receiver) = channel();
    let reader = thread::Builder::new().spawn(move || {
        let mut answer = Vec::new();
        let read = pipe.take(LONGEST_OUTCOME).read_to_end(&mut answer);
        // Nobody waits for it any more where this fails.
        let _ = sender.send(read.map(|_| answer));
    });
    let told = match reader {
        Ok(_) => receiver.recv_timeout(patience).ok(),
        Err(_) => None,
    };
    if told.is_none() {
        // Fails where it has ended already.
        let _ = process.kill();
    }
    // Fails where the host ignores the end of its children; then there is nothing to reap.
    let status = process.wait();
    match told {
        Some(told) => Ok(Answer {
            told: told?,
            how: match status.map(system::how) {
                Ok(Ended::Signal(name)) => Unwatched::Signal(name),
                Ok(Ended::ExitCode(code)) => Unwatched::ExitCode(code),
                _ => Unwatched::Silent,
            },
        }),
        // What it wrote before it fell silent.
        None => Ok(Answer {
            told: receiver
                .recv_timeout(LAST_WORDS)
                .map_err(io::Error::other)??,
            how: Unwatched::Silent,
        }),
    }
}

fn sha256(library: &Inspected) -> String {
    library.sealed().sha256().to_string()
}
