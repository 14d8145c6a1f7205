//! The supervisor: starts the tester, listens to it, keeps its time, and leaves nothing of it
//! behind.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};
use std::{env, thread};

use super::processes::{Bytes, Inside, MARK, Outcome, Request, SUBCOMMAND, Supervise, Told, tell};
use super::report::{self, Phase, Refusal, Report};
use super::scratch::Scratch;
use super::system::Signals;
use super::{Ended, ProbeFailure, Unwatched, system};

/// Between two looks at what has no way to make itself heard: the memory in use, the host's end.
const TICK: Duration = Duration::from_millis(5);

/// How long the tester may take to get as far as the library, whose own time begins there. A busy
/// machine is no fault of the library's.
const TO_BEGIN: Duration = Duration::from_secs(10);

/// What still stands in a pipe whose writers are dead is read in less.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Probes a library.
pub(super) fn supervise(orders: &Supervise) -> Outcome {
    if orders.host != env!("CARGO_PKG_VERSION") {
        return Outcome::Impossible(format!(
            "the prober is op-listener {}, and this host is {}: name one of this version",
            env!("CARGO_PKG_VERSION"),
            orders.host
        ));
    }
    let probed = system::become_supervisor().and_then(|signals| {
        let scratch = Scratch::new(&orders.scratch)?;
        probe(orders, scratch.path(), &signals)
    });
    probed.unwrap_or_else(|error| Outcome::Impossible(error.to_string()))
}

fn probe(orders: &Supervise, scratch: &Path, signals: &Signals) -> io::Result<Outcome> {
    pass_on(&Phase::Begin);
    let token = uuid::Uuid::now_v7().simple().to_string();
    let mut tester = start(orders, &token, scratch)?;
    let (sender, heard) = channel();
    listen(&mut tester, token, &sender)?;
    system::watch(&tester, move || drop(sender.send(Heard::End)));
    let mut progress = Progress::default();
    let limit = Duration::from_millis(orders.timeout_ms);
    let mut stopped = attend(&mut tester, &heard, &mut progress, signals, limit);
    system::kill_all(&mut tester);
    let status = tester.wait()?;
    system::kill_the_rest();
    let then = progress.phase.clone();
    progress.hear_last_words(&heard);
    if matches!(stopped, Some(Stopped::Signal(_))) && then.is_some() {
        // The library went on until it was stopped.
        progress.phase = then;
    }
    // One that the tester sent and did not outlive for long.
    if let Some(signal) = signals.first() {
        stopped = Some(Stopped::Signal(signal));
    }
    Ok(progress.judge(stopped, system::how(status), orders))
}

fn start(orders: &Supervise, token: &str, scratch: &Path) -> io::Result<Child> {
    let request = Request::Inside(Inside {
        bytes: orders.bytes.clone(),
        token: token.to_owned(),
        scratch: scratch.to_owned(),
        timeout_ms: orders.timeout_ms,
        memory_mb: orders.memory_mb,
    });
    let mut command = Command::new(system::this_program()?);
    command
        .arg(SUBCOMMAND)
        .arg(serde_json::to_string(&request)?)
        .stdin(match orders.bytes {
            Bytes::StandardInput => Stdio::inherit(),
            Bytes::Copy(_) => Stdio::null(),
        })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .current_dir(scratch)
        .env_clear();
    // Whatever decides which libraries the system's loader finds is as it is for the host.
    for kept in system::KEPT_ENVIRONMENT {
        if let Some(value) = env::var_os(kept) {
            command.env(kept, value);
        }
    }
    for home in ["HOME", "TMPDIR", "TMP", "TEMP"] {
        command.env(home, scratch);
    }
    // Each further arena of glibc's takes 64 MiB of the address space that is limited.
    command.env("MALLOC_ARENA_MAX", "2").env(MARK, "1");
    command.spawn()
}

enum Heard {
    Report(Report),
    /// The end of what it wrote to standard error.
    Said(String),
    /// Nothing more comes in reports.
    NoMoreReports,
    /// The tester has ended.
    End,
}

/// Listens on both pipes, on threads of their own.
fn listen(tester: &mut Child, token: String, sender: &Sender<Heard>) -> io::Result<()> {
    let missing = || io::Error::other("a pipe is missing");
    let reports = tester.stdout.take().ok_or_else(missing)?;
    let errors = tester.stderr.take().ok_or_else(missing)?;
    let to = sender.clone();
    thread::Builder::new().spawn(move || {
        report::read(reports, &token, |report| {
            drop(to.send(Heard::Report(report)));
        });
        drop(to.send(Heard::NoMoreReports));
    })?;
    let to = sender.clone();
    thread::Builder::new().spawn(move || drop(to.send(Heard::Said(last_words(errors)))))?;
    Ok(())
}

/// Lets the host know how far things are.
fn pass_on(phase: &Phase) {
    // Where it is gone, that is noticed soon.
    let _ = tell(&Told::Begins(phase.clone()));
}

/// Why the tester was stopped.
enum Stopped {
    /// This process was told to end, by this signal.
    Signal(String),
    /// Its time was over.
    TimeLimit,
    /// Nobody waits for the outcome any more.
    Abandoned,
}

/// Waits until the tester ends, or has to.
fn attend(
    tester: &mut Child,
    heard: &Receiver<Heard>,
    progress: &mut Progress,
    signals: &Signals,
    limit: Duration,
) -> Option<Stopped> {
    let mut deadline = Instant::now() + TO_BEGIN;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Some(Stopped::TimeLimit);
        }
        if let Some(signal) = signals.first() {
            return Some(Stopped::Signal(signal));
        }
        match heard.recv_timeout(left.min(TICK)) {
            Ok(Heard::End) => return None,
            Ok(heard) => {
                let before = progress.phase.is_none();
                // What was begun after a signal had come is not what sent it.
                if !before && let Some(signal) = signals.first() {
                    return Some(Stopped::Signal(signal));
                }
                progress.hear(heard);
                if before && progress.phase.is_some() {
                    deadline = Instant::now() + limit;
                }
            }
            Err(_) if system::has_ended(tester) => return None,
            Err(_) => {
                progress.memory = progress.memory.max(system::memory_of(tester));
                if system::nobody_listens() {
                    return Some(Stopped::Abandoned);
                }
            }
        }
    }
}

/// What is known of a probe.
#[derive(Default)]
struct Progress {
    phase: Option<Phase>,
    refused: Option<Refusal>,
    declined: Vec<String>,
    said: String,
    /// The most address space that was seen in use, in bytes.
    memory: u64,
    silent: (bool, bool),
}

impl Progress {
    fn hear(&mut self, heard: Heard) {
        match heard {
            Heard::Report(Report::Begins(phase)) => {
                pass_on(&phase);
                self.phase = Some(phase);
            }
            Heard::Report(Report::Refused(refusal)) => self.refused = Some(refusal),
            Heard::Report(Report::Declined { class, why }) => {
                self.declined.push(format!("{class}: {why}"));
            }
            Heard::NoMoreReports => self.silent.0 = true,
            Heard::Said(said) => {
                self.said = said;
                self.silent.1 = true;
            }
            Heard::End => {}
        }
    }

    /// Reads what was written before all writers were killed.
    fn hear_last_words(&mut self, heard: &Receiver<Heard>) {
        let deadline = Instant::now() + LAST_WORDS;
        while self.silent != (true, true) {
            let left = deadline.saturating_duration_since(Instant::now());
            match heard.recv_timeout(left) {
                Ok(heard) => self.hear(heard),
                // Something that could not be killed holds a pipe open.
                Err(_) => return,
            }
        }
    }

    fn judge(self, stopped: Option<Stopped>, ended: Ended, orders: &Supervise) -> Outcome {
        let quote = |said: &str| {
            if said.is_empty() {
                String::new()
            } else {
                format!(": {said}")
            }
        };
        let signalled = matches!(stopped, Some(Stopped::Signal(_)));
        let begun = self.phase.or(signalled.then_some(Phase::Begin));
        let Some(phase) = begun else {
            return Outcome::Impossible(format!(
                "its process ended before it began ({}){}",
                match stopped {
                    None => format!("{ended:?}"),
                    Some(_) => "out of time".to_owned(),
                },
                quote(&self.said)
            ));
        };
        let ended = match stopped {
            Some(Stopped::Abandoned) => return Outcome::Impossible("it was given up".to_owned()),
            Some(Stopped::TimeLimit) => Ended::TimeLimit,
            Some(Stopped::Signal(signal)) => Ended::Unwatched(Unwatched::Signal(signal)),
            None if phase == Phase::Exit && ended == Ended::ExitCode(0) => {
                return match self.refused {
                    Some(refusal) => Outcome::Refused(refusal),
                    None => Outcome::Passed {
                        declined: self.declined,
                    },
                };
            }
            // The limit on the processor's time stands behind ours.
            None if ended == Ended::Signal("SIGXCPU".to_owned()) => Ended::TimeLimit,
            None => ended,
        };
        let out_of_memory = !matches!(ended, Ended::ExitCode(0) | Ended::Unwatched(_))
            && (self.memory >= nearly_all_of(orders.memory_mb) || speaks_of_memory(&self.said));
        Outcome::Failed(ProbeFailure {
            phase,
            ended: if out_of_memory {
                Ended::MemoryLimit
            } else {
                ended
            },
            said: Some(self.said).filter(|said| !said.is_empty()),
            timeout_ms: orders.timeout_ms,
            memory_mb: orders.memory_mb,
            remembered: None,
        })
    }
}

/// The request that fails is the one that does not fit in any more, so the limit itself is never
/// seen in use.
fn nearly_all_of(memory_mb: u32) -> u64 {
    (u64::from(memory_mb) << 20) / 8 * 7
}

/// What runtimes say when they give up for want of memory: Rust's, C++'s, Go's.
fn speaks_of_memory(said: &str) -> bool {
    let known = ["memory allocation of", "std::bad_alloc", "out of memory"];
    known.iter().any(|words| said.contains(words))
}

/// How much of what the tester says last is kept, in bytes.
const KEPT: usize = 2048;

/// Reads to the end and keeps the last of it, made harmless, on one line.
fn last_words(mut from: impl Read) -> String {
    let mut last = VecDeque::with_capacity(2 * KEPT);
    let mut buffer = [0; KEPT];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => {
                last.extend(&buffer[..read]);
                let surplus = last.len().saturating_sub(KEPT);
                last.drain(..surplus);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
    let bytes: Vec<u8> = last.into();
    let text = String::from_utf8_lossy(&bytes);
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut harmless = String::with_capacity(words.len());
    for character in words.chars() {
        if character.is_control() || character == '"' {
            harmless.extend(character.escape_default());
        } else {
            harmless.push(character);
        }
    }
    harmless
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_what_was_said_is_kept_harmless_and_on_one_line() {
        let mut said = b"x".repeat(10_000);
        said.extend(b"\n\n\x1b[31m \"quoted\"\xff\r\n");
        let kept = last_words(&said[..]);
        assert!(kept.len() < KEPT + 40, "{}", kept.len());
        assert!(
            kept.ends_with("x \\u{1b}[31m \\\"quoted\\\"\u{fffd}"),
            "{kept}"
        );
    }

    #[test]
    fn what_does_not_get_as_far_as_the_library_is_no_verdict_on_it() {
        let orders = Supervise {
            host: String::new(),
            bytes: Bytes::StandardInput,
            scratch: "nowhere".into(),
            timeout_ms: 1000,
            memory_mb: 64,
        };
        let judge = |phase: Option<Phase>, stopped, ended| {
            let progress = Progress {
                phase,
                ..Progress::default()
            };
            progress.judge(stopped, ended, &orders)
        };
        let impossible = |outcome| matches!(outcome, Outcome::Impossible(_));
        assert!(impossible(judge(None, None, Ended::ExitCode(4))));
        assert!(impossible(judge(
            None,
            Some(Stopped::TimeLimit),
            Ended::ExitCode(0)
        )));
        let started = Some(Phase::Start);
        assert!(impossible(judge(
            started,
            Some(Stopped::Abandoned),
            Ended::ExitCode(0)
        )));
        // A library that ends the process says nothing of its own end, whatever the exit code.
        for (phase, code, passed) in [
            (Phase::Start, 0, false),
            (Phase::Exit, 1, false),
            (Phase::Exit, 0, true),
        ] {
            let outcome = judge(Some(phase), None, Ended::ExitCode(code));
            assert_eq!(
                matches!(outcome, Outcome::Passed { .. }),
                passed,
                "{outcome:?}"
            );
            assert_eq!(
                matches!(outcome, Outcome::Failed(_)),
                !passed,
                "{outcome:?}"
            );
        }
    }
}
