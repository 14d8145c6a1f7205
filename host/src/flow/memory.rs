//! Pending authorisations in this process's memory, bounded: for one host.

use super::code::CodeHash;
use super::outcome::{CodeStillPending, Decision, Done, IgnoredReason, Outcome};
use super::pending::{Entry, Pending, Stage};
use super::rule::{Held, Known, at_once};
use crate::event::{AuthorizationCompleted, CodeExchanged, Deadline, Due, Event, Timestamp};
use std::num::NonZeroUsize;
use std::sync::{Mutex, MutexGuard, PoisonError};

pub(super) struct Memory(Mutex<Pending>);

impl Entry {
    fn known(&self) -> Known<'_> {
        Known {
            client_id: &self.client_id,
            expires_at: self.expires_at,
            used: matches!(self.stage, Stage::Exchanged),
        }
    }
}

impl Memory {
    pub(super) fn new(bound: NonZeroUsize) -> Self {
        Self(Mutex::new(Pending::new(bound.get())))
    }

    pub(super) fn waiting(&self) -> usize {
        self.lock().waiting()
    }

    pub(super) fn bound(&self) -> usize {
        self.lock().bound()
    }

    /// A fact with this time has come that needs nothing kept.
    pub(super) fn note_time(&self, time: Timestamp) {
        self.lock().note_time(time);
    }

    pub(super) fn authorize<'a>(
        &self,
        fact: AuthorizationCompleted<'a>,
        code: CodeHash,
        expires_at: Deadline,
    ) -> Result<Decision<'a>, CodeStillPending> {
        let time = fact.event.time();
        let client_id = fact.event.client_id().into();
        let (stage, outcome) = match fact.due {
            Due::AtOnce => (Stage::Dispatched, Outcome::Dispatch(at_once(fact))),
            Due::AtExchange => (Stage::Held(Box::new(Held::new(fact))), Outcome::Held),
        };
        let mut pending = self.lock();
        pending.note_time(time);
        if pending
            .get(&code)
            .is_some_and(|entry| entry.known().is_pending(time))
        {
            return Err(CodeStillPending { line: None });
        }
        let entry = Entry {
            expires_at,
            client_id,
            stage,
        };
        let evicted = pending.insert(code, entry);
        let at_once = matches!(outcome, Outcome::Dispatch(_));
        Ok(Decision {
            evicted,
            done: at_once.then_some(Done::Authorized(code)),
            ..outcome.into()
        })
    }

    /// Takes back what a fact has done, whose event is to be dispatched another time.
    pub(super) fn take_back(&self, done: &Done, event: Event<'_>) {
        let mut pending = self.lock();
        match done {
            Done::Authorized(code) => pending.forget(code),
            Done::Exchanged(code) => pending.hold_again(code, Held::again(event)),
        }
    }

    pub(super) fn exchange<'a>(&self, code: CodeHash, fact: CodeExchanged<'a>) -> Decision<'a> {
        match self.redeem(&code, &fact) {
            Err(reason) => Outcome::ignored(reason, fact).into(),
            Ok(None) => Outcome::NothingDue.into(),
            Ok(Some(held)) => Decision {
                done: Some(Done::Exchanged(code)),
                ..Outcome::Dispatch(held.exchanged(fact)).into()
            },
        }
    }

    /// What was held for this code, and `None` where nothing is due any more.
    fn redeem(
        &self,
        code: &CodeHash,
        fact: &CodeExchanged<'_>,
    ) -> Result<Option<Box<Held>>, IgnoredReason> {
        let mut pending = self.lock();
        let entry = pending.get(code).ok_or(IgnoredReason::UnknownCode)?;
        entry.known().check(fact)?;
        // Not before: a fact that is ignored does not tell the time either.
        pending.note_time(fact.time);
        Ok(match pending.exchange(code) {
            Some(Stage::Held(held)) => Some(held),
            _ => None,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Pending> {
        // Nothing in there panics half-way through a change.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
