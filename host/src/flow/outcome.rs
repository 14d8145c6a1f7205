//! What comes of a fact. The caller dispatches, logs and counts.

use super::Claim;
use super::code::CodeHash;
use crate::event::{CodeExchanged, Event};
use std::error::Error;
use std::fmt;

/// What comes of an event or a fact.
///
/// Keep it until its event has been dispatched: where several hosts share a store, dropping it says
/// that the event was, unless the thread panics.
#[derive(Debug)]
pub struct Decision<'a> {
    /// What to do now.
    pub outcome: Outcome<'a>,
    /// What had to be dropped to make room: to be logged as a warning, and counted.
    pub evicted: Option<Evicted>,
    /// That this host is the one to dispatch it, where several could.
    #[cfg_attr(
        not(feature = "redis"),
        expect(dead_code, reason = "in memory there is none")
    )]
    pub(crate) claim: Option<Claim>,
    /// What it has done to a code that is kept in memory.
    pub(super) done: Option<Done>,
}

/// What a fact has done to its code.
pub(super) enum Done {
    /// It is known from now on, and its event is dispatched.
    Authorized(CodeHash),
    /// It was exchanged, and its event is dispatched.
    Exchanged(CodeHash),
}

/// Not even the hash of a code gets into a log.
impl fmt::Debug for Done {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Authorized(_) => "Authorized(…)",
            Self::Exchanged(_) => "Exchanged(…)",
        })
    }
}

impl<'a> From<Outcome<'a>> for Decision<'a> {
    fn from(outcome: Outcome<'a>) -> Self {
        Self {
            outcome,
            evicted: None,
            claim: None,
            done: None,
        }
    }
}

/// What to do with an event or a fact.
#[derive(Debug)]
pub enum Outcome<'a> {
    /// Dispatch this event.
    Dispatch(Event<'a>),
    /// Nothing yet: the event is due when the code is exchanged.
    Held,
    /// Nothing: the event of this code was dispatched with its authorisation.
    NothingDue,
    /// Nothing, and something is odd about it: to be logged as a warning.
    Ignored(Ignored),
}

impl<'a> Outcome<'a> {
    pub(super) fn ignored(reason: IgnoredReason, fact: CodeExchanged<'a>) -> Self {
        Self::Ignored(Ignored {
            reason,
            issuer: fact.issuer.into(),
            id: fact.id.map(Into::into),
            txn: fact.txn.map(Into::into),
            client_id: fact.client_id.map(Into::into),
        })
    }
}

/// A `code_exchanged` that dispatches nothing though it should have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ignored {
    /// What is odd.
    pub reason: IgnoredReason,
    /// The issuer.
    pub issuer: Box<str>,
    /// The fact's own id, if it has one.
    pub id: Option<Box<str>>,
    /// The fact's own transaction, if it has one.
    pub txn: Option<Box<str>>,
    /// The client that is said to have submitted the code, if it is said.
    pub client_id: Option<Box<str>>,
}

/// Why a `code_exchanged` dispatches nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IgnoredReason {
    /// No authorisation with this code is known, or no longer.
    UnknownCode,
    /// The code expired before it was exchanged.
    Expired,
    /// The code was issued to another client.
    WrongClient,
    /// The code was exchanged before.
    SecondUse,
}

impl IgnoredReason {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 4] = [
        Self::UnknownCode,
        Self::Expired,
        Self::WrongClient,
        Self::SecondUse,
    ];

    /// The name that machines know it by.
    pub const fn name(self) -> &'static str {
        match self {
            Self::UnknownCode => "unknown_code",
            Self::Expired => "expired",
            Self::WrongClient => "wrong_client",
            Self::SecondUse => "second_use",
        }
    }
}

impl fmt::Display for IgnoredReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnknownCode => "its code is not known",
            Self::Expired => "its code had expired",
            Self::WrongClient => "its code was issued to another client",
            Self::SecondUse => "its code was exchanged before",
        })
    }
}

impl fmt::Display for Ignored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "code_exchanged ignored: {}, issuer {:?}",
            self.reason, self.issuer
        )?;
        let details = [
            ("id", &self.id),
            ("txn", &self.txn),
            ("client_id", &self.client_id),
        ];
        for (name, value) in details {
            if let Some(value) = value {
                write!(f, ", {name} {value:?}")?;
            }
        }
        Ok(())
    }
}

/// A pending authorisation that was dropped because there were too many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evicted {
    /// How many may be pending.
    pub bound: usize,
    /// The client it belongs to.
    pub client_id: Box<str>,
    /// The id of the event that now will never be dispatched; `None` where it was dispatched
    /// already, and nothing is lost but the knowledge of its code.
    pub lost_event: Option<Box<str>>,
}

impl fmt::Display for Evicted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            bound, client_id, ..
        } = self;
        write!(
            f,
            "more than {bound} codes are pending: dropped the one that expires first, of client \
             {client_id:?}"
        )?;
        match &self.lost_event {
            Some(id) => write!(f, "; its event {id} will not be dispatched"),
            None => f.write_str("; its event was dispatched before"),
        }
    }
}

/// A second `authorization_completed` with a code that is still pending. The first one stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeStillPending {
    /// The line of the stream, where it is known.
    pub line: Option<u64>,
}

impl fmt::Display for CodeStillPending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        f.write_str(
            "member `code`: belongs to an earlier authorization_completed that is still pending, \
             which stays: send each authorisation once, with a code of its own",
        )
    }
}

impl Error for CodeStillPending {}
