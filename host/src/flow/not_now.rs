//! When a fact cannot be decided because the store of the codes does not answer, and how long to
//! try before that is said.

use super::outcome::CodeStillPending;
use std::error::Error;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How long a fact may wait for a store that does not answer, beyond one try. Nothing in memory
/// ever waits.
#[derive(Clone, Copy, Debug, Default)]
pub struct Patience<'s> {
    limit: Duration,
    stop: Option<&'s AtomicBool>,
}

impl<'s> Patience<'s> {
    /// One try: for whoever can be told to send the fact again.
    pub const NONE: Patience<'static> = Patience {
        limit: Duration::ZERO,
        stop: None,
    };

    /// Tries again until `limit` is over or `stop` is set: for a stream, which cannot be told.
    pub fn until(limit: Duration, stop: &'s AtomicBool) -> Self {
        Self {
            limit,
            stop: Some(stop),
        }
    }

    /// The limit.
    pub fn limit(&self) -> Duration {
        self.limit
    }

    /// Whether it was said to end.
    pub fn is_stopped(&self) -> bool {
        self.stop.is_some_and(|stop| stop.load(Ordering::Relaxed))
    }
}

/// A fact that cannot be decided now. Nothing was dispatched for it, and nothing is lost if it is
/// sent again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotNow {
    /// The line of the stream, where it is known.
    pub line: Option<u64>,
    reason: Box<str>,
}

impl NotNow {
    #[cfg(feature = "redis")]
    pub(super) fn new(reason: &impl fmt::Display) -> Self {
        Self {
            line: None,
            reason: reason.to_string().into(),
        }
    }

    /// The same, of this line.
    pub(crate) fn at_line(self, line: Option<u64>) -> Self {
        Self { line, ..self }
    }

    /// Why, without the advice to send it again.
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

impl fmt::Display for NotNow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        write!(f, "cannot be decided now: {}; send it again", self.reason)
    }
}

impl Error for NotNow {}

/// Why nothing comes of an `authorization_completed`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotTaken {
    /// Its code is that of an earlier authorisation that is still pending; that one stays.
    StillPending(CodeStillPending),
    /// Not now.
    NotNow(NotNow),
}

impl fmt::Display for NotTaken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StillPending(error) => error.fmt(f),
            Self::NotNow(error) => error.fmt(f),
        }
    }
}

impl Error for NotTaken {}
