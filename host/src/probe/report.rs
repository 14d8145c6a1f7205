//! What the tester tells its supervisor while it works: one JSON object a line.
//!
//! The library under test may write to any descriptor, so each line begins with a token that this
//! one run has, and all else is passed over.

use std::fmt;
use std::io::{self, BufRead, Read, Write};

use serde::{Deserialize, Serialize};

use crate::library::Reason;

/// What was under way in a probe. Classes are named as the library's metadata does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// All is made ready for the library.
    Begin,
    /// The library is mapped, and its constructors run.
    Mapping,
    /// Its table is read.
    Table,
    /// The library as a whole is started.
    Start,
    /// A listener's `init`.
    Init(String),
    /// A listener is asked for its class.
    Class(String),
    /// A listener is asked whether it is enabled.
    IsEnabled(String),
    /// A listener's `shutdown`.
    Shutdown(String),
    /// A listener is released.
    Release(String),
    /// The process ends, and the library's destructors run.
    Exit,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Begin => f.write_str("soon after it began"),
            Self::Mapping => f.write_str("while it was mapped and its constructors ran"),
            Self::Table => f.write_str("while its table was read"),
            Self::Start => f.write_str("when it was started"),
            Self::Init(class) => write!(f, "in `init` of {class}"),
            Self::Class(class) => write!(f, "when {class} was asked for its class"),
            Self::IsEnabled(class) => write!(f, "in `is_enabled` of {class}"),
            Self::Shutdown(class) => write!(f, "in `shutdown` of {class}"),
            Self::Release(class) => write!(f, "when {class} was released"),
            Self::Exit => f.write_str("when the process ended and its destructors ran"),
        }
    }
}

/// A line of the tester's.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Report {
    /// This comes next.
    Begins(Phase),
    /// The library was refused in good order.
    Refused(Refusal),
    /// A listener's `init` returned an error, which it may.
    Declined { class: String, why: String },
}

/// Why a library was refused in good order: what the host would have found itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Refusal {
    Loader(String),
    NoTable,
    Layout {
        summary: String,
        detail: String,
    },
    Exports(String),
    Start(String),
    /// Nothing that has to do with the library.
    Other(String),
}

/// All differences between two interfaces can fill pages.
const LONGEST_DETAIL: usize = 64 << 10;

impl From<Reason> for Refusal {
    fn from(reason: Reason) -> Self {
        match reason {
            Reason::Loader(what) => Self::Loader(what),
            Reason::NoTable => Self::NoTable,
            Reason::Layout { summary, detail } => Self::Layout {
                summary,
                detail: detail.chars().take(LONGEST_DETAIL).collect(),
            },
            Reason::Exports(what) => Self::Exports(what),
            Reason::Start(what) => Self::Start(what),
            other => Self::Other(other.to_string()),
        }
    }
}

impl From<Refusal> for Reason {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Loader(what) => Self::Loader(what),
            Refusal::NoTable => Self::NoTable,
            Refusal::Layout { summary, detail } => Self::Layout { summary, detail },
            Refusal::Exports(what) => Self::Exports(what),
            Refusal::Start(what) => Self::Start(what),
            Refusal::Other(what) => Self::ProbeImpossible(what),
        }
    }
}

/// Writes a report as one line. It begins with a line end, for what the library wrote there may
/// not have ended with one.
pub(super) fn write(to: &mut impl Write, token: &str, report: &Report) -> io::Result<()> {
    let line = format!("\n{token} {}\n", serde_json::to_string(report)?);
    to.write_all(line.as_bytes())
}

/// The longest line that is looked at. JSON writes a character as six at the most.
const LONGEST_LINE: u64 = 6 * LONGEST_DETAIL as u64 + 4096;
/// A library with more listeners than this many phases can tell of is not a sound one.
const MOST_REPORTS: usize = 10_000;

/// Reads reports to the end of the pipe, and hands on those of this run. Never keeps more than a
/// line in memory, and never stops reading: whoever writes must not have to wait.
pub(super) fn read(from: impl Read, token: &str, mut hand_on: impl FnMut(Report)) {
    let mut from = io::BufReader::new(from);
    let mut line = Vec::new();
    let mut reports = 0;
    let mut beginning = true;
    loop {
        line.clear();
        match (&mut from).take(LONGEST_LINE).read_until(b'\n', &mut line) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => return,
        }
        let whole = line.ends_with(b"\n");
        let report = (beginning && whole && reports < MOST_REPORTS)
            .then(|| line.strip_prefix(token.as_bytes()))
            .flatten()
            .and_then(|json| serde_json::from_slice(json).ok());
        beginning = whole;
        if let Some(report) = report {
            reports += 1;
            hand_on(report);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reports(bytes: &[u8]) -> Vec<Report> {
        let mut all = Vec::new();
        read(bytes, "token", |report| all.push(report));
        all
    }

    #[test]
    fn reports_come_through_whatever_the_library_writes_between_them() {
        let mut pipe = b"garbage without an end".to_vec();
        write(&mut pipe, "token", &Report::Begins(Phase::Mapping)).unwrap();
        pipe.extend([0xff, 0, b'\n', b'{']);
        pipe.extend(vec![b'x'; 3 * usize::try_from(LONGEST_LINE).unwrap()]);
        write(&mut pipe, "other", &Report::Begins(Phase::Exit)).unwrap();
        write(
            &mut pipe,
            "token",
            &Report::Begins(Phase::Init("a::B".into())),
        )
        .unwrap();
        pipe.extend(b"token {\"begins\":\"no such phase\"}\ntoken {\"begins\":\"exit\"}");
        let expected = [Phase::Mapping, Phase::Init("a::B".into())].map(Report::Begins);
        assert_eq!(reports(&pipe), expected);
    }

    #[test]
    fn a_flood_of_reports_is_cut_off() {
        let mut pipe = Vec::new();
        for _ in 0..MOST_REPORTS + 5 {
            write(&mut pipe, "token", &Report::Begins(Phase::Start)).unwrap();
        }
        assert_eq!(reports(&pipe).len(), MOST_REPORTS);
    }

    #[test]
    fn a_refusal_is_in_the_host_what_it_was_in_the_probe() {
        let layout = || Reason::Layout {
            summary: "size 8 against 16".to_owned(),
            detail: "line\nline".to_owned(),
        };
        for reason in [
            Reason::Loader("libx.so.1: not found".to_owned()),
            Reason::NoTable,
            layout(),
            Reason::Exports("2, and the metadata names 1".to_owned()),
            Reason::Start("no".to_owned()),
        ] {
            let text = format!("{reason:?}");
            let json = serde_json::to_string(&Refusal::from(reason)).unwrap();
            let refusal: Refusal = serde_json::from_str(&json).unwrap();
            assert_eq!(format!("{:?}", Reason::from(refusal)), text);
        }
    }
}
