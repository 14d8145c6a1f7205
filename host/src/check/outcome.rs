//! How a check ended.

use serde::{Deserialize, Serialize};

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// As it should.
    Success,
    /// The listener can be used, but its author should look at this.
    Warning,
    /// It could not be made, or does not apply.
    Skipped,
    /// The listener does not conform.
    Failed,
    /// The check's process was ended: by a signal, an abort, an exit, or because it took too long.
    Crashed,
}

impl Status {
    /// All of them, in the order of the summary.
    pub const ALL: [Self; 5] = [
        Self::Success,
        Self::Warning,
        Self::Skipped,
        Self::Failed,
        Self::Crashed,
    ];

    /// As it stands in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Warning => "warning",
            Self::Skipped => "skipped",
            Self::Failed => "failed",
            Self::Crashed => "crashed",
        }
    }

    /// Whether a listener with such a check conforms.
    pub const fn conforms(self) -> bool {
        !matches!(self, Self::Failed | Self::Crashed)
    }
}

/// How a check ended, and what there is to say of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Outcome {
    pub(super) status: Status,
    /// A sentence for the author; may be empty after a success.
    pub(super) message: String,
}

/// What a check comes to. The error is an early end, whose status is as good as any.
pub(super) type Verdict = Result<Outcome, Outcome>;

impl Outcome {
    pub(super) fn new(status: Status, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
        }
    }

    pub(super) fn success() -> Self {
        Self::new(Status::Success, "")
    }

    /// A success with something to tell, such as a figure.
    pub(super) fn note(message: impl Into<String>) -> Self {
        Self::new(Status::Success, message)
    }

    pub(super) fn warning(message: impl Into<String>) -> Self {
        Self::new(Status::Warning, message)
    }

    pub(super) fn skipped(message: impl Into<String>) -> Self {
        Self::new(Status::Skipped, message)
    }

    pub(super) fn failed(message: impl Into<String>) -> Self {
        Self::new(Status::Failed, message)
    }
}

/// What a check that looks at several things has found so far.
#[derive(Default)]
pub(super) struct Findings {
    failed: Vec<String>,
    warned: Vec<String>,
}

/// So many are told; the rest are counted.
const MOST_TOLD: usize = 3;

impl Findings {
    pub(super) fn fail(&mut self, what: impl Into<String>) {
        push(&mut self.failed, what.into());
    }

    pub(super) fn warn(&mut self, what: impl Into<String>) {
        push(&mut self.warned, what.into());
    }

    pub(super) fn merge(&mut self, other: Self) {
        other.failed.into_iter().for_each(|what| self.fail(what));
        other.warned.into_iter().for_each(|what| self.warn(what));
    }

    /// `otherwise` where nothing was found.
    pub(super) fn or(self, otherwise: Outcome) -> Outcome {
        let told = |what: &[String]| {
            let more = what.len().saturating_sub(MOST_TOLD);
            let text = what[..what.len().min(MOST_TOLD)].join("; ");
            match more {
                0 => text,
                more => format!("{text}; and {more} more"),
            }
        };
        if !self.failed.is_empty() {
            Outcome::failed(told(&self.failed))
        } else if !self.warned.is_empty() {
            Outcome::warning(told(&self.warned))
        } else {
            otherwise
        }
    }
}

/// The same thing found in each of a thousand calls is one finding.
fn push(found: &mut Vec<String>, what: String) {
    if !found.contains(&what) {
        found.push(what);
    }
}
