//! The flow rule: which subject event is due when.
//!
//! A provider that reports what happened (`authorization_completed`, `code_exchanged`) leaves it to
//! this rule when the subject event is due: at once where the authorisation response carries a
//! token, when the code is exchanged where it carries only a code, never when that does not happen.
//! Time is the facts' own, so that a recording replays as it happened. What is to be dispatched is
//! returned; calling listeners and logging what becomes of a fact are left to the caller.
//!
//! What the rule says stands in `rule`. The codes are kept in memory (`memory`), or in Redis where
//! several hosts serve one provider (`redis`; `host/FLOW.md` says what that guarantees).

#![cfg_attr(
    not(feature = "server"),
    allow(dead_code, reason = "nobody sends a line of a stream again")
)]

mod code;
mod memory;
mod not_now;
mod outcome;
mod pending;
#[cfg(feature = "redis")]
mod redis;
mod rule;
mod stats;

pub use not_now::{NotNow, NotTaken, Patience};
pub use outcome::{CodeStillPending, Decision, Evicted, Ignored, IgnoredReason, Outcome};
#[cfg(feature = "redis")]
pub use redis::{Address, AddressError, StoreError};
pub use stats::{STORE_DURATION_BOUNDS, StoreStats};

#[cfg(feature = "redis")]
pub(crate) use redis::Claim;

#[cfg(feature = "redis")]
use crate::config::RedisConfig;
use crate::event::{AuthorizationCompleted, CodeExchanged};
use code::CodeHash;
use memory::Memory;
use std::fmt;
use std::num::NonZeroUsize;

/// The flow rule with its pending authorisations.
///
/// Usable from many threads at once. Codes are kept as hashes only.
pub struct FlowRule {
    store: Store,
}

/// With all codes in memory there is nobody else who could dispatch an event.
#[cfg(not(feature = "redis"))]
#[derive(Debug)]
pub(crate) enum Claim {}

enum Store {
    Memory(Memory),
    #[cfg(feature = "redis")]
    Redis(redis::Store),
}

impl FlowRule {
    /// How many codes may be pending in memory by default.
    pub const DEFAULT_BOUND: NonZeroUsize = NonZeroUsize::new(100_000).unwrap();

    /// A rule that keeps at most so many codes, in memory.
    pub fn new(bound: NonZeroUsize) -> Self {
        Self {
            store: Store::Memory(Memory::new(bound)),
        }
    }

    /// A rule that keeps its codes in Redis. Nothing is asked of Redis yet: it may be away, and
    /// come later.
    ///
    /// # Errors
    /// The password or the certificates cannot be read, or the address is none.
    #[cfg(feature = "redis")]
    pub fn in_redis(config: &RedisConfig) -> Result<Self, StoreError> {
        Ok(Self {
            store: Store::Redis(redis::Store::new(config)?),
        })
    }

    /// How many codes wait for their exchange in memory; `None` where they are kept elsewhere. One
    /// that is never exchanged counts until it is dropped to make room.
    pub fn pending(&self) -> Option<usize> {
        match &self.store {
            Store::Memory(memory) => Some(memory.waiting()),
            #[cfg(feature = "redis")]
            Store::Redis(_) => None,
        }
    }

    /// Whether facts can be decided now: asks the store, for twice its time-out at the most.
    /// In memory they always can.
    ///
    /// # Errors
    /// Why not.
    pub fn ready(&self) -> Result<(), NotNow> {
        match &self.store {
            Store::Memory(_) => Ok(()),
            #[cfg(feature = "redis")]
            Store::Redis(store) => store.ready(),
        }
    }

    /// What was asked of the store since the start; `None` in memory.
    pub fn store_stats(&self) -> Option<StoreStats> {
        match &self.store {
            Store::Memory(_) => None,
            #[cfg(feature = "redis")]
            Store::Redis(store) => Some(store.stats()),
        }
    }

    /// How many codes are kept in memory at the most; `None` where they are kept elsewhere.
    pub fn bound(&self) -> Option<usize> {
        match &self.store {
            Store::Memory(memory) => Some(memory.bound()),
            #[cfg(feature = "redis")]
            Store::Redis(_) => None,
        }
    }

    /// Takes an authorisation: dispatches its event at once, or holds it until its code is
    /// exchanged.
    ///
    /// # Errors
    /// Its code is that of an earlier authorisation that is still pending; that one stays. Or the
    /// store does not answer.
    #[cfg_attr(
        not(feature = "redis"),
        expect(unused_variables, reason = "memory never waits")
    )]
    pub fn authorization_completed<'a>(
        &self,
        fact: AuthorizationCompleted<'a>,
        patience: Patience<'_>,
    ) -> Result<Decision<'a>, NotTaken> {
        let mut fact = fact;
        let issued = fact
            .code
            .take()
            .map(|(code, expires_at)| (CodeHash::new(fact.event.issuer(), &code), expires_at));
        let Some((code, expires_at)) = issued else {
            match &self.store {
                Store::Memory(memory) => memory.note_time(fact.event.time()),
                #[cfg(feature = "redis")]
                Store::Redis(_) => {}
            }
            return Ok(Outcome::Dispatch(rule::at_once(fact)).into());
        };
        match &self.store {
            Store::Memory(memory) => memory
                .authorize(fact, code, expires_at)
                .map_err(NotTaken::StillPending),
            #[cfg(feature = "redis")]
            Store::Redis(store) => store.authorize(fact, code, expires_at, patience),
        }
    }

    /// Takes the exchange of a code: dispatches the event that was held for it.
    ///
    /// # Errors
    /// The store does not answer.
    #[cfg_attr(
        not(feature = "redis"),
        expect(unused_variables, reason = "memory never waits")
    )]
    pub fn code_exchanged<'a>(
        &self,
        fact: CodeExchanged<'a>,
        patience: Patience<'_>,
    ) -> Result<Decision<'a>, NotNow> {
        let code = CodeHash::new(&fact.issuer, &fact.code);
        match &self.store {
            Store::Memory(memory) => Ok(memory.exchange(code, fact)),
            #[cfg(feature = "redis")]
            Store::Redis(store) => store.exchange(code, fact, patience),
        }
    }

    /// Takes a decision back whose event is to be dispatched another time: the same fact, sent again,
    /// comes to the same. In Redis once the claim of this time has run out.
    pub(crate) fn take_back(&self, decision: Decision<'_>) {
        #[cfg(feature = "redis")]
        if let Some(claim) = decision.claim {
            claim.abandon();
        }
        let (done, outcome) = (decision.done, decision.outcome);
        if let (Store::Memory(memory), Some(done), Outcome::Dispatch(event)) =
            (&self.store, done, outcome)
        {
            memory.take_back(&done, event);
        }
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
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
