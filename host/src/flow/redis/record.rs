//! What Redis holds for a code, as JSON: documented for operators in `host/FLOW.md`. A change that
//! older hosts would misread raises the version.

use super::trouble::Trouble;
use crate::Spi;
use crate::event::{AuthorizationCompleted, Deadline, Due, Event, Session, Timestamp, owned};
use crate::flow::rule::{Held, Known};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// The version that this host writes, and the only one that it reads.
const VERSION: u32 = 1;

type Text<'r> = Cow<'r, str>;

/// A code that was issued.
#[derive(Serialize, Deserialize)]
pub(super) struct Record<'r> {
    v: u32,
    #[serde(borrow)]
    pub(super) client_id: Text<'r>,
    /// Microseconds since the Unix epoch, by the clock of the facts.
    expires_at: u64,
    /// The id of the authorisation's event.
    #[serde(borrow)]
    pub(super) event_id: Text<'r>,
    pub(super) due: DueWhen,
    /// Whether the code was exchanged.
    pub(super) exchanged: bool,
    /// The id of the exchange, if it has one.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) exchange_id: Option<Text<'r>>,
    pub(super) dispatch: Dispatch,
    /// Who dispatches it.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) claim: Option<Claimed<'r>>,
    /// The event, until it was dispatched, unless it came at once.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    event: Option<HeldEvent<'r>>,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum DueWhen {
    AtOnce,
    AtExchange,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Dispatch {
    /// It is not due yet.
    Waiting,
    /// A host has claimed it, and has not said that it was dispatched.
    Claimed,
    Done,
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Claimed<'r> {
    /// Of the process, made when it started.
    #[serde(borrow)]
    pub(super) host: Text<'r>,
    /// Of the attempt.
    #[serde(borrow)]
    pub(super) token: Text<'r>,
}

/// The members of the event as texts, so that each stays as it came.
#[derive(Serialize, Deserialize)]
struct HeldEvent<'r> {
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    txn: Option<Text<'r>>,
    /// Microseconds since the Unix epoch.
    time: u64,
    #[serde(borrow)]
    issuer: Text<'r>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    subject: Option<Text<'r>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    id_token_claims: Option<Text<'r>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    client: Option<Text<'r>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    more: Option<Text<'r>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    session: Option<Text<'r>>,
    /// Microseconds since the Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    session_expires_at: Option<u64>,
}

/// The first thing that is read of a record.
#[derive(Deserialize)]
struct Version {
    v: u32,
}

impl<'r> Record<'r> {
    pub(super) fn authorized(
        fact: &'r AuthorizationCompleted<'_>,
        expires_at: Deadline,
        claim: Claimed<'r>,
    ) -> Self {
        let event = &fact.event;
        let at_once = fact.due == Due::AtOnce;
        let held = || HeldEvent {
            txn: event.txn.as_deref().map(Cow::Borrowed),
            time: event.time.as_micros(),
            issuer: Cow::Borrowed(&event.issuer),
            subject: event.subject.as_deref().map(Cow::Borrowed),
            id_token_claims: event.claims.as_deref().map(Cow::Borrowed),
            client: event.client.as_deref().map(Cow::Borrowed),
            more: event.more.as_deref().map(Cow::Borrowed),
            session: fact.session.as_ref().map(|session| session.json().into()),
            session_expires_at: fact
                .session
                .as_ref()
                .and_then(Session::expires_at)
                .map(Deadline::as_micros),
        };
        Self {
            v: VERSION,
            client_id: Cow::Borrowed(&event.client_id),
            expires_at: expires_at.as_micros(),
            event_id: Cow::Borrowed(&event.id),
            due: if at_once {
                DueWhen::AtOnce
            } else {
                DueWhen::AtExchange
            },
            exchanged: false,
            exchange_id: None,
            dispatch: if at_once {
                Dispatch::Claimed
            } else {
                Dispatch::Waiting
            },
            claim: at_once.then_some(claim),
            event: (!at_once).then(held),
        }
    }

    pub(super) fn read(text: &'r str) -> Result<Self, Trouble> {
        match serde_json::from_str::<Version>(text) {
            Ok(Version { v: VERSION }) => {}
            Ok(Version { v }) => {
                let what = format!(
                    "another version of this host wrote it (format {v}, here {VERSION}): run the same version on all hosts"
                );
                return Err(Trouble::damaged(&what));
            }
            Err(_) => return Err(Trouble::damaged(NOT_OURS)),
        }
        serde_json::from_str(text).map_err(|_| Trouble::damaged(NOT_OURS))
    }

    pub(super) fn write(&self) -> String {
        serde_json::to_string(self).expect("texts, numbers and words are JSON")
    }

    /// As the rule sees it: used when nothing more follows from it.
    pub(super) fn known(&self) -> Known<'_> {
        Known {
            client_id: &self.client_id,
            expires_at: Deadline::from_micros(self.expires_at),
            used: self.exchanged && !self.is_unsettled(),
        }
    }

    /// Whether an event is on its way that was due with an exchange.
    pub(super) fn is_unsettled(&self) -> bool {
        self.due == DueWhen::AtExchange && self.dispatch == Dispatch::Claimed
    }

    /// Takes the event out of the record, whose other members stay.
    pub(super) fn take_event(&mut self) -> Result<Held, Trouble> {
        let event = self
            .event
            .take()
            .ok_or_else(|| Trouble::damaged(NOT_OURS))?;
        let time = Timestamp::from_micros(event.time).ok_or_else(|| Trouble::damaged(NOT_OURS))?;
        let expires_at = event.session_expires_at.map(Deadline::from_micros);
        let session = event.session.map(owned);
        Ok(Held {
            session: session.map(|json| Session::from_parts(json, expires_at)),
            event: Event {
                spi: Spi::SubjectAuthAndConsent,
                id: self.event_id.clone().into_owned().into(),
                txn: event.txn.map(owned),
                time,
                issuer: owned(event.issuer),
                client_id: self.client_id.clone().into_owned().into(),
                subject: event.subject.map(owned),
                claims: event.id_token_claims.map(owned),
                client: event.client.map(owned),
                more: event.more.map(owned),
            },
        })
    }

    /// The same, claimed by another.
    pub(super) fn claimed_by(self, claim: Claimed<'r>) -> Self {
        Self {
            claim: Some(claim),
            ..self
        }
    }

    /// The same, its event dispatched.
    pub(super) fn done(&self) -> Record<'static> {
        Record {
            v: VERSION,
            client_id: self.client_id.clone().into_owned().into(),
            expires_at: self.expires_at,
            event_id: self.event_id.clone().into_owned().into(),
            due: self.due,
            exchanged: self.exchanged,
            exchange_id: self.exchange_id.clone().map(owned),
            dispatch: Dispatch::Done,
            claim: None,
            event: None,
        }
    }
}

const NOT_OURS: &str =
    "something else than this host wrote it: give the host a `redis_prefix` of its own";
