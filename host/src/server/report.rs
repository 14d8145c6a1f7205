//! What became of a request's events, and what the sender is told of it.

use std::fmt;

use hyper::StatusCode;
use serde_json::{Value, json};

use super::answer::{Answer, Problem, empty, json, retry_later};
use crate::Spi;
use crate::event::Fault;
use crate::feed::Totals;
use crate::intake::Refusal;

/// Of so many refused events the sender is told why; of more, that they are.
const TOLD: usize = 100;

/// No reason is longer, in bytes.
const LONGEST: usize = 500;

/// What became of a request's events.
#[derive(Default)]
pub(super) struct Report {
    /// What became of those that were taken. Its `refused` counts those that are not valid.
    pub(super) totals: Totals,
    /// Dispatched before.
    pub(super) duplicates: u64,
    /// Refused because one with the same id was under way.
    pub(super) under_way: u64,
    /// Refused because there were too many.
    pub(super) overloaded: u64,
    /// Refused because what listeners pushed could not be stored.
    not_stored: u64,
    refused: Vec<Refused>,
    /// There is one too long for the limit on events.
    too_long: bool,
    /// Refused because they cannot be decided at the moment.
    not_now: u64,
}

/// An event that was refused.
struct Refused {
    line: Option<u64>,
    member: Option<String>,
    reason: String,
    retry: bool,
}

/// Why a valid event is refused.
#[derive(Clone, Copy)]
pub(super) enum Why {
    /// One with the same id is under way.
    UnderWay,
    /// There are too many of this SPI.
    Overloaded(Spi),
    /// What listeners pushed could not be stored.
    NotStored,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnderWay => f.write_str(
                "an event with the same id is with the listeners: send it again to learn what became of it",
            ),
            Self::Overloaded(spi) => write!(
                f,
                "as many events of {spi} as may be are with its listeners: send it again"
            ),
            Self::NotStored => f.write_str(
                "what listeners pushed for it cannot be stored, so it would not be delivered; the log says why: send it again",
            ),
        }
    }
}

impl Report {
    #[cold]
    pub(super) fn refuse(&mut self, line: Option<u64>, why: Why) {
        match why {
            Why::UnderWay => self.under_way += 1,
            Why::Overloaded(_) => self.overloaded += 1,
            Why::NotStored => self.not_stored += 1,
        }
        self.note(line, None, why.to_string(), true);
    }

    #[cold]
    pub(super) fn invalid(&mut self, line: Option<u64>, refusal: &Refusal) {
        let retry = refusal.is_retryable();
        if retry {
            self.not_now += 1;
        } else {
            self.totals.refused += 1;
        }
        let mut row = line;
        if let Refusal::Invalid(error) = refusal {
            self.too_long |= matches!(error.fault(), Fault::TooLong { .. });
            row = line.or(match error.fault() {
                Fault::NotJson { row, .. } => Some(*row as u64),
                _ => Some(1),
            });
        }
        let member = refusal.member().map(ToOwned::to_owned);
        self.note(row, member, refusal.to_string(), retry);
    }

    #[cold]
    pub(super) fn too_long(&mut self, line: u64, limit: usize) {
        self.totals.refused += 1;
        self.note(
            Some(line),
            None,
            Fault::TooLong { limit }.to_string(),
            false,
        );
    }

    fn note(&mut self, line: Option<u64>, member: Option<String>, reason: String, retry: bool) {
        if self.refused.len() < TOLD {
            let mut reason = reason;
            reason.truncate(reason.floor_char_boundary(LONGEST));
            self.refused.push(Refused {
                line,
                member,
                reason,
                retry,
            });
        }
    }

    /// How many were refused that may be taken when they are sent again.
    fn count_passing(&self) -> u64 {
        self.under_way + self.overloaded + self.not_stored + self.not_now
    }

    /// How many were refused.
    fn count_refused(&self) -> u64 {
        self.totals.refused + self.count_passing()
    }

    /// The first that is not valid, for the log, and how many there are.
    pub(super) fn first_invalid(&self) -> Option<(u64, String)> {
        if self.totals.refused == 0 {
            return None;
        }
        let first = self.refused.iter().find(|refused| !refused.retry);
        let first = first.map_or_else(String::new, |refused| match refused.line {
            Some(line) => format!("line {line}: {}", refused.reason),
            None => refused.reason.clone(),
        });
        Some((self.totals.refused, first))
    }

    /// The first that cannot be decided at the moment, for the log, and how many there are.
    pub(super) fn first_undecided(&self) -> Option<(u64, &str)> {
        if self.not_now == 0 {
            return None;
        }
        let first = self.refused.iter().find(|refused| refused.retry);
        Some((self.not_now, first.map_or("", |refused| &refused.reason)))
    }

    /// The answer for a body of lines.
    pub(super) fn answer_lines(&self) -> Answer {
        if self.count_refused() == 0 {
            return self.answer_taken();
        }
        let Totals {
            dispatched,
            held,
            ignored,
            ..
        } = self.totals;
        let nothing_taken = dispatched + held + ignored + self.duplicates == 0;
        let passing = self.count_passing() > 0;
        if !nothing_taken {
            let answer = json(StatusCode::MULTI_STATUS, &self.counts());
            return if passing { retry_later(answer) } else { answer };
        }
        let detail = "no line was taken: `refusals` says why";
        let mut problem = if passing {
            Problem::passing("not-now", "Events cannot be taken at the moment", detail)
        } else {
            let title = "No line is a valid event";
            Problem::new(StatusCode::BAD_REQUEST, "invalid-event", title, detail)
        };
        if let Value::Object(counts) = self.counts() {
            problem.more = counts;
        }
        problem.answer()
    }

    /// The answer for a body of one event.
    pub(super) fn answer_one(&self) -> Answer {
        let Some(refused) = self.refused.first() else {
            return self.answer_taken();
        };
        let reason = refused.reason.as_str();
        let mut problem = if self.overloaded > 0 {
            Problem::passing(
                "overloaded",
                "Too many events are with the listeners",
                reason,
            )
        } else if self.under_way > 0 {
            Problem::passing("in-flight", "The same event is under way", reason)
        } else if self.not_stored > 0 {
            Problem::passing("not-stored", "The event cannot be stored", reason)
        } else if self.not_now > 0 {
            Problem::passing("not-now", "The event cannot be taken at the moment", reason)
        } else {
            let status = if self.too_long {
                StatusCode::PAYLOAD_TOO_LARGE
            } else {
                StatusCode::BAD_REQUEST
            };
            Problem::new(status, "invalid-event", "Not a valid event", reason)
        };
        if let Some(line) = refused.line {
            problem.more.insert("line".to_owned(), line.into());
        }
        if let Some(member) = &refused.member {
            let member = member.as_str().into();
            problem.more.insert("member".to_owned(), member);
        }
        problem.answer()
    }

    /// Nothing was refused.
    fn answer_taken(&self) -> Answer {
        if self.duplicates == 0 && self.totals.ignored == 0 {
            empty(StatusCode::NO_CONTENT)
        } else {
            json(StatusCode::OK, &self.counts())
        }
    }

    fn counts(&self) -> Value {
        let refusals = self.refused.iter().map(|refused| {
            let mut refusal = json!({ "reason": refused.reason, "retry": refused.retry });
            if let Some(line) = refused.line {
                refusal["line"] = line.into();
            }
            if let Some(member) = &refused.member {
                refusal["member"] = member.as_str().into();
            }
            refusal
        });
        json!({
            "dispatched": self.totals.dispatched,
            "held": self.totals.held,
            "ignored": self.totals.ignored,
            "duplicates": self.duplicates,
            "refused": self.count_refused(),
            "failures": self.totals.failures,
            "refusals": refusals.collect::<Vec<_>>(),
        })
    }
}
