//! The flow rule: which subject event is due when.
//!
//! A provider that reports what happened (`authorization_completed`, `code_exchanged`) leaves it to
//! this rule when the subject event is due: at once where the authorisation response carries a
//! token, when the code is exchanged where it carries only a code, never when that does not happen.
//! Time is the facts' own, so that a recording replays as it happened. What is to be dispatched is
//! returned; calling listeners and logging are left to the caller.

mod code;
mod outcome;
mod pending;

pub use outcome::{CodeStillPending, Decision, Evicted, Ignored, IgnoredReason, Outcome};

use crate::event::{AuthorizationCompleted, CodeExchanged, Due, Event, Session};
use code::CodeHash;
use pending::{Entry, Held, Pending, Stage};
use std::borrow::Cow;
use std::fmt;
use std::num::NonZeroUsize;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The flow rule with its pending authorisations in memory.
///
/// Usable from many threads at once. What is kept is bounded; codes are kept as hashes only.
pub struct FlowRule {
    pending: Mutex<Pending>,
}

impl FlowRule {
    /// How many codes may be pending by default.
    pub const DEFAULT_BOUND: NonZeroUsize = NonZeroUsize::new(100_000).unwrap();

    /// A rule that keeps at most so many codes.
    pub fn new(bound: NonZeroUsize) -> Self {
        Self {
            pending: Mutex::new(Pending::new(bound.get())),
        }
    }

    /// How many codes wait for their exchange. One that is never exchanged counts until it is
    /// dropped to make room.
    pub fn pending(&self) -> usize {
        self.lock().waiting()
    }

    /// How many codes are kept at the most.
    pub fn bound(&self) -> usize {
        self.lock().bound()
    }

    /// Takes an authorisation: dispatches its event at once, or holds it until its code is
    /// exchanged.
    ///
    /// # Errors
    /// Its code is that of an earlier authorisation that is still pending; that one stays.
    pub fn authorization_completed<'a>(
        &self,
        fact: AuthorizationCompleted<'a>,
    ) -> Result<Decision<'a>, CodeStillPending> {
        let time = fact.event.time();
        let mut fact = fact;
        let issued = fact
            .code
            .take()
            .map(|(code, expires_at)| (CodeHash::new(fact.event.issuer(), &code), expires_at));
        let Some((code, expires_at)) = issued else {
            self.lock().note_time(time);
            return Ok(Outcome::Dispatch(with_session(fact)).into());
        };
        let client_id = fact.event.client_id().into();
        let (stage, outcome) = match fact.due {
            Due::AtOnce => (Stage::Dispatched, Outcome::Dispatch(with_session(fact))),
            Due::AtExchange => {
                let held = Held {
                    event: fact.event.into_owned(),
                    session: fact.session.map(Session::into_owned),
                };
                (Stage::Held(Box::new(held)), Outcome::Held)
            }
        };
        let mut pending = self.lock();
        pending.note_time(time);
        let still_pending = pending.get(&code).is_some_and(|entry| {
            !matches!(entry.stage, Stage::Exchanged) && !entry.expires_at.has_come(time)
        });
        if still_pending {
            return Err(CodeStillPending { line: None });
        }
        let entry = Entry {
            expires_at,
            client_id,
            stage,
        };
        let evicted = pending.insert(code, entry);
        Ok(Decision { outcome, evicted })
    }

    /// Takes the exchange of a code: dispatches the event that was held for it.
    pub fn code_exchanged<'a>(&self, fact: CodeExchanged<'a>) -> Outcome<'a> {
        let code = CodeHash::new(&fact.issuer, &fact.code);
        match self.exchange(&code, &fact) {
            Err(reason) => Outcome::Ignored(Ignored {
                reason,
                issuer: fact.issuer.into(),
                id: fact.id.map(boxed),
                txn: fact.txn.map(boxed),
                client_id: fact.client_id.map(boxed),
            }),
            Ok(None) => Outcome::NothingDue,
            Ok(Some(held)) => {
                let Held { mut event, session } = *held;
                if let Some(session) = session {
                    event.show_session(&session, fact.time);
                }
                let mut event: Event<'a> = event;
                event.claims = fact.id_token_claims.or(event.claims);
                event.client = event.client.or(fact.client);
                Outcome::Dispatch(event)
            }
        }
    }

    /// What was held for this code, and `None` where nothing is due any more.
    fn exchange(
        &self,
        code: &CodeHash,
        fact: &CodeExchanged<'_>,
    ) -> Result<Option<Box<Held>>, IgnoredReason> {
        let mut pending = self.lock();
        let entry = pending.get(code).ok_or(IgnoredReason::UnknownCode)?;
        let same_client = |client_id: &str| *client_id == *entry.client_id;
        if !fact.client_id.as_deref().is_none_or(same_client) {
            return Err(IgnoredReason::WrongClient);
        }
        if matches!(entry.stage, Stage::Exchanged) {
            return Err(IgnoredReason::SecondUse);
        }
        if entry.expires_at.has_come(fact.time) {
            return Err(IgnoredReason::Expired);
        }
        // Not before: a fact that is ignored does not tell the time either.
        pending.note_time(fact.time);
        Ok(match pending.exchange(code) {
            Some(Stage::Held(held)) => Some(held),
            _ => None,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Pending> {
        // Nothing in there panics half-way through a change.
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for FlowRule {
    fn default() -> Self {
        Self::new(Self::DEFAULT_BOUND)
    }
}

impl fmt::Debug for FlowRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FlowRule")
            .field("pending", &self.pending())
            .finish()
    }
}

/// The event of an authorisation that is due with it.
fn with_session(fact: AuthorizationCompleted<'_>) -> Event<'_> {
    let mut event = fact.event;
    if let Some(session) = fact.session {
        event.show_session(&session, event.time());
    }
    event
}

fn boxed(text: Cow<'_, str>) -> Box<str> {
    text.into()
}

#[cfg(test)]
mod tests;
