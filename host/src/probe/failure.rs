//! How a probe ended that did not end well.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::report::Phase;

/// What a library did in a probe that it must not do in the host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeFailure {
    /// What was under way.
    pub phase: Phase,
    /// How it ended.
    pub ended: Ended,
    /// The end of what it wrote to standard error, on one line; `None` if there was nothing.
    pub said: Option<String>,
    /// How long it was given, in milliseconds.
    pub timeout_ms: u64,
    /// How much address space it was given, in MiB.
    pub memory_mb: u32,
    /// If this was not found out just now: when it was (RFC 3339, UTC).
    #[serde(skip)]
    pub remembered: Option<String>,
}

/// How a process ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// By a signal, such as `SIGSEGV`; on Windows by an exception.
    Signal(String),
    /// By itself, with this exit code.
    ExitCode(i32),
    /// It did not end in time.
    TimeLimit,
    /// It used as much memory as it was allowed, and failed or hung for want of more.
    MemoryLimit,
    /// It was under way when the process that watches over it came to an end that is not its own:
    /// how. The library may have ended it, and so may the system or a person.
    Unwatched(Unwatched),
}

/// What became of the process that watches over a library.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unwatched {
    /// It got this signal.
    Signal(String),
    /// It ended with this exit code, and without a verdict.
    ExitCode(i32),
    /// It gave no sign of life for longer than a probe may take.
    Silent,
}

/// More of what a library said than this makes a line hard to read. In characters.
const LONGEST_QUOTE: usize = 400;

impl fmt::Display for ProbeFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "failed its probe {}: ", self.phase)?;
        match &self.ended {
            Ended::Signal(name) => {
                write!(f, "it was ended by {name}")?;
                if let Some(meaning) = meaning(name) {
                    write!(f, " ({meaning})")?;
                }
            }
            Ended::ExitCode(code) => write!(f, "it ended the process with exit code {code}")?,
            Ended::TimeLimit => write!(f, "it was not done after {} ms", self.timeout_ms)?,
            Ended::MemoryLimit => {
                write!(f, "it asked for more than {} MiB of memory", self.memory_mb)?;
            }
            Ended::Unwatched(how) => match how {
                Unwatched::Signal(name) => write!(f, "its probe was ended by {name}")?,
                Unwatched::ExitCode(code) => {
                    write!(f, "its probe was ended with exit code {code}")?;
                }
                Unwatched::Silent => f.write_str("its probe was stopped or held up")?,
            },
        }
        if let Some(said) = &self.said {
            let length = said.chars().count();
            let cut = length.saturating_sub(LONGEST_QUOTE);
            let more = if cut == 0 { "" } else { "…" };
            let end: String = said.chars().skip(cut).collect();
            write!(f, ", having said \"{more}{end}\"")?;
        }
        if let Some(time) = &self.remembered {
            write!(f, " (remembered from {time})")?;
        }
        f.write_str(": tell its author")?;
        match self.ended {
            Ended::TimeLimit => f.write_str(", raise `probe_timeout_ms` under `[plugins]`")?,
            Ended::MemoryLimit => f.write_str(", raise `probe_memory_mb` under `[plugins]`")?,
            Ended::Unwatched(_) => {
                return f.write_str(" if it happens again, and don't load it until then");
            }
            Ended::Signal(_) | Ended::ExitCode(_) => {}
        }
        f.write_str(", or try it again with `op-listener probe --again FILE`")
    }
}

impl std::error::Error for ProbeFailure {}

/// What a signal mostly means when a library brings it about.
fn meaning(signal: &str) -> Option<&'static str> {
    Some(match signal {
        "SIGSEGV" => "an invalid access to memory, or a stack that overflowed",
        "SIGBUS" => "an access to memory that is not there",
        "SIGABRT" | "STATUS_STACK_BUFFER_OVERRUN" => "it aborted",
        "SIGILL" | "SIGTRAP" => "an instruction that must not be reached",
        "SIGFPE" => "a division by zero",
        "SIGSYS" => "a forbidden system call",
        "SIGXFSZ" => "it wrote too large a file",
        "SIGKILL" => "perhaps by the system, for want of memory",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(phase: Phase, ended: Ended) -> ProbeFailure {
        ProbeFailure {
            phase,
            ended,
            said: None,
            timeout_ms: 10_000,
            memory_mb: 1024,
            remembered: None,
        }
    }

    #[test]
    fn a_failure_says_when_and_how_and_what_to_do() {
        let mut crash = failure(Phase::Mapping, Ended::Signal("SIGABRT".to_owned()));
        crash.said = Some("no such luck".to_owned());
        crash.remembered = Some("2026-11-21T19:00:00Z".to_owned());
        assert_eq!(
            crash.to_string(),
            "failed its probe while it was mapped and its constructors ran: it was ended by SIGABRT \
             (it aborted), having said \"no such luck\" (remembered from 2026-11-21T19:00:00Z): \
             tell its author, or try it again with `op-listener probe --again FILE`"
        );
        let hang = failure(Phase::Init("a::B".to_owned()), Ended::TimeLimit);
        assert_eq!(
            hang.to_string(),
            "failed its probe in `init` of a::B: it was not done after 10000 ms: tell its author, \
             raise `probe_timeout_ms` under `[plugins]`, or try it again with `op-listener probe \
             --again FILE`"
        );
    }

    #[test]
    fn a_probe_that_was_ended_is_not_laid_to_the_limits() {
        let killed = Ended::Unwatched(Unwatched::Signal("SIGKILL".to_owned()));
        assert_eq!(
            failure(Phase::Mapping, killed).to_string(),
            "failed its probe while it was mapped and its constructors ran: its probe was ended by \
             SIGKILL: tell its author if it happens again, and don't load it until then"
        );
    }

    #[test]
    fn of_much_that_was_said_the_end_is_quoted() {
        let mut exit = failure(Phase::Exit, Ended::ExitCode(7));
        exit.said = Some(format!("{}the end", "é".repeat(2000)));
        let text = exit.to_string();
        assert!(
            text.contains("having said \"…éé") && text.contains("éthe end\""),
            "{text}"
        );
        assert!(text.chars().count() < 700, "{text}");
    }
}
