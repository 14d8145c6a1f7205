//! What an exchange means: the rule itself, for whatever store holds the codes. How they are kept,
//! and that two exchanges at once give one event, is the stores' part.

use super::outcome::IgnoredReason;
use crate::event::{AuthorizationCompleted, CodeExchanged, Deadline, Event, Session, Timestamp};

/// An event that is due when its code is exchanged.
pub(super) struct Held {
    pub(super) event: Event<'static>,
    pub(super) session: Option<Session<'static>>,
}

impl Held {
    pub(super) fn new(fact: AuthorizationCompleted<'_>) -> Self {
        Self {
            event: fact.event.into_owned(),
            session: fact.session.map(Session::into_owned),
        }
    }

    /// An event that was due, and is to be with the same exchange once more.
    pub(super) fn again(event: Event<'_>) -> Self {
        Self {
            event: event.into_owned(),
            // It was put into the event, or had expired.
            session: None,
        }
    }

    /// The event as it is due with this exchange.
    pub(super) fn exchanged<'a>(self, fact: CodeExchanged<'a>) -> Event<'a> {
        let Self { mut event, session } = self;
        if let Some(session) = session {
            event.show_session(&session, fact.time);
        }
        let mut event: Event<'a> = event;
        event.claims = fact.id_token_claims.or(event.claims);
        event.client = event.client.or(fact.client);
        event
    }
}

/// The event of an authorisation that is due with it.
pub(super) fn at_once(fact: AuthorizationCompleted<'_>) -> Event<'_> {
    let mut event = fact.event;
    if let Some(session) = fact.session {
        event.show_session(&session, event.time());
    }
    event
}

/// What the rule needs to know of a code.
pub(super) struct Known<'k> {
    pub(super) client_id: &'k str,
    pub(super) expires_at: Deadline,
    /// Whether it was exchanged, and all that followed from that has happened.
    pub(super) used: bool,
}

impl Known<'_> {
    /// Whether an authorisation at `time` cannot have this code too.
    #[inline]
    pub(super) fn is_pending(&self, time: Timestamp) -> bool {
        !self.used && !self.expires_at.has_come(time)
    }

    /// Whether this exchange counts.
    #[inline]
    pub(super) fn check(&self, fact: &CodeExchanged<'_>) -> Result<(), IgnoredReason> {
        let same_client = |client_id: &str| *client_id == *self.client_id;
        if !fact.client_id.as_deref().is_none_or(same_client) {
            return Err(IgnoredReason::WrongClient);
        }
        if self.used {
            return Err(IgnoredReason::SecondUse);
        }
        if self.expires_at.has_come(fact.time) {
            return Err(IgnoredReason::Expired);
        }
        Ok(())
    }
}
