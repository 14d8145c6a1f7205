//! Why a text is no event: what is wrong, in which line and member, and what was expected there.
//! Whether that is logged, answered or counted is the caller's business.

use super::issuer::IssuerFault;
use super::json;
use std::fmt;

/// A text that is no valid event or fact.
///
/// Its message never holds a code, a client's metadata, claims, or an issuer's user information, query
/// or fragment, and of an identifier no more than how it begins; other wrong values are shown cut
/// short and with control characters escaped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventError {
    line: Option<u64>,
    member: Option<Box<str>>,
    fault: Fault,
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Longer than so many bytes, the line's end not counted.
    TooLong {
        /// The limit in bytes.
        limit: usize,
    },
    /// Not valid UTF-8.
    NotUtf8 {
        /// How many bytes before the first wrong one are valid.
        valid: usize,
    },
    /// Not valid JSON (RFC 8259).
    NotJson {
        /// What the JSON reader says.
        reason: Box<str>,
        /// The line within the text, from 1.
        row: usize,
        /// The byte within that line, from 1.
        column: usize,
    },
    /// Valid so far, but not an object.
    NotAnObject {
        /// What it is instead.
        found: &'static str,
    },
    /// Objects and arrays nested deeper than so many levels.
    TooDeep {
        /// The limit in levels, the event itself being the first.
        limit: usize,
    },
    /// An escape such as `\ud800` without its other half.
    LoneSurrogate,
    /// A name that occurs twice at the top level.
    Duplicate,
    /// A member that is needed and absent.
    Missing {
        /// The value of `type`, or why it is needed.
        by: &'static str,
        /// What it must be.
        expected: &'static str,
    },
    /// A member that must not be there.
    Unwanted {
        /// Why.
        reason: &'static str,
    },
    /// A member with a wrong value.
    Wrong {
        /// What it must be.
        expected: &'static str,
        /// What it is; a value that may be secret is described, not shown.
        found: Box<str>,
    },
    /// No issuer in the event, nor a default one.
    NoIssuer,
}

impl Fault {
    pub(crate) fn not_json(error: &serde_json::Error) -> Self {
        let text = error.to_string();
        let (row, column) = (error.line(), error.column());
        let reason = text
            .strip_suffix(&format!(" at line {row} column {column}"))
            .unwrap_or(&text);
        Self::NotJson {
            reason: reason.into(),
            row,
            column,
        }
    }
}

impl EventError {
    pub(crate) fn whole(fault: Fault) -> Self {
        Self {
            line: None,
            member: None,
            fault,
        }
    }

    pub(crate) fn member(name: &str, fault: Fault) -> Self {
        Self {
            line: None,
            member: Some(json::excerpt(name).into()),
            fault,
        }
    }

    pub(crate) fn issuer(expected: &'static str, text: &str, fault: IssuerFault) -> Self {
        let found = if text.contains('@') {
            format!("a text that {fault}")
        } else {
            // What stands behind the path may be a credential, too.
            let end = text.find(['?', '#']);
            let (shown, mark) = end.map_or((text, ""), |at| (&text[..at], &text[at..=at]));
            let more = if mark.is_empty() { "" } else { "…" };
            format!("\"{}{mark}{more}\", which {fault}", json::excerpt(shown))
        };
        Self::member(
            "issuer",
            Fault::Wrong {
                expected,
                found: found.into(),
            },
        )
    }

    /// The same error, said of this line of a stream.
    #[must_use]
    pub fn at_line(mut self, line: Option<u64>) -> Self {
        self.line = line;
        self
    }

    /// The line of the stream, from 1, where it is known.
    pub fn line(&self) -> Option<u64> {
        self.line
    }

    /// The member that is wrong (`session.sid` for one within the session), if it is one, cut
    /// short and escaped when it is long or strange.
    pub fn name(&self) -> Option<&str> {
        self.member.as_deref()
    }

    /// What is wrong.
    pub fn fault(&self) -> &Fault {
        &self.fault
    }

    /// The message without the line, for answers that name the line elsewhere.
    pub fn reason(&self) -> impl fmt::Display + '_ {
        Reason(self)
    }
}

impl fmt::Display for EventError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        Reason(self).fmt(f)
    }
}

impl std::error::Error for EventError {}

struct Reason<'a>(&'a EventError);

impl fmt::Display for Reason<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(member) = &self.0.member {
            write!(f, "member `{member}`: ")?;
        }
        self.0.fault.fmt(f)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { limit } => write!(
                f,
                "longer than {limit} bytes: send less in one event, or raise the limit"
            ),
            Self::NotUtf8 { valid } => {
                write!(f, "not valid UTF-8 at byte {}: send UTF-8", valid + 1)
            }
            Self::NotJson {
                reason,
                row,
                column,
            } => {
                write!(f, "not valid JSON: {reason} at ")?;
                if *row > 1 {
                    write!(f, "line {row} of the object, ")?;
                }
                write!(f, "byte {column}: send one JSON object (RFC 8259)")
            }
            Self::NotAnObject { found } => {
                write!(f, "expected one JSON object, found {found}")
            }
            Self::TooDeep { limit } => write!(
                f,
                "objects and arrays nested more than {limit} levels deep: flatten them, or raise the limit"
            ),
            Self::LoneSurrogate => f.write_str(
                "a lone surrogate escape: write the character itself, or both halves of the pair",
            ),
            Self::Duplicate => f.write_str("is there twice: send it once"),
            Self::Missing { by, expected } => {
                write!(f, "missing: {by} needs it, {expected}")
            }
            Self::Unwanted { reason } => f.write_str(reason),
            Self::Wrong { expected, found } => write!(f, "expected {expected}, found {found}"),
            Self::NoIssuer => f.write_str(
                "missing, and no default is configured: set `issuer = \"https://…\"` at the top of \
                 the configuration file, or send the member with each event",
            ),
        }
    }
}
