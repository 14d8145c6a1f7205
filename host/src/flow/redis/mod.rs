//! Pending authorisations in Redis, for several hosts that serve one provider: of all the calls
//! that could dispatch an event one does, and none is lost because an answer, a host or Redis was.
//! What an exchange means is decided in [`super::rule`]; `host/FLOW.md` says what is guaranteed.
//!
//! Each change is made upon what was seen, or not at all (`script.lua`), and carries a token of the
//! attempt, so that an attempt whose answer was lost recognises what it has done. An event is
//! claimed before it is dispatched, and marked as dispatched afterwards (`claims`); a claim whose
//! host does not say so is over after a while, and the fact, sent again, gives the event.

mod authorize;
mod claims;
mod connect;
mod counters;
mod exchange;
mod health;
mod pool;
mod record;
mod script;
mod trouble;

pub(crate) use claims::Claim;
pub use connect::{Address, AddressError, StoreError};

use super::not_now::{NotNow, Patience};
use super::stats::StoreStats;
use crate::config::RedisConfig;
use crate::event::new_id;
use ::redis::cmd;
use claims::{Marker, Mine};
use connect::Target;
use counters::Counters;
use pool::Pool;
use record::{Claimed, Record};
use script::Found;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};
use trouble::{Trouble, TroubleKind};

/// However late a code expires, it is kept no longer; it would be until Redis is full.
const LONGEST_KEPT: Duration = Duration::from_hours(7 * 24);
/// Between two tries, doubled from the first to the second.
const PAUSES: [Duration; 2] = [Duration::from_millis(2), Duration::from_millis(200)];

pub(super) struct Store {
    pool: Arc<Pool>,
    prefix: String,
    timeout: Duration,
    claimed_for: Duration,
    grace: Duration,
    /// This process.
    host: String,
    mine: Arc<Mine>,
    marker: Arc<Marker>,
    counters: Arc<Counters>,
}

impl Store {
    pub(super) fn new(config: &RedisConfig) -> Result<Self, StoreError> {
        let counters = Arc::<Counters>::default();
        let pool = Arc::new(Pool::new(
            Target::new(config)?,
            config.timeout,
            format!("{}epoch", config.prefix),
            Arc::clone(&counters),
        ));
        Ok(Self {
            marker: Arc::new(Marker::new(Arc::clone(&pool), Arc::clone(&counters))),
            pool,
            prefix: config.prefix.clone(),
            timeout: config.timeout,
            claimed_for: config.claim,
            grace: config.grace,
            host: new_id(),
            mine: Arc::default(),
            counters,
        })
    }

    pub(super) fn stats(&self) -> StoreStats {
        self.counters.snapshot(self.pool.health().is_good())
    }

    /// By a write that is gone by itself: a replica, or a Redis that is full, can still be read.
    pub(super) fn ready(&self) -> Result<(), NotNow> {
        let key = format!("{}ready", self.prefix);
        let ask = || {
            self.pool.with(true, |connection| {
                let mut set = cmd("SET");
                set.arg(&key).arg(&self.host).arg("PX").arg(60_000);
                set.exec(connection)
            })
        };
        // The first connection may have been one that Redis has closed since.
        let asked = match ask() {
            Err(trouble) if trouble.kind == TroubleKind::Lost => ask(),
            asked => asked,
        };
        asked.map_err(|trouble| NotNow::new(&trouble))
    }

    /// Whether a claim is over: another host's after its time, one of this host's own when no
    /// thread is at it any more.
    fn check_claim(
        &self,
        record: &Record<'_>,
        found: &Found,
        attempt: &str,
    ) -> Result<(), Trouble> {
        let of_this_host = |claim: &Claimed<'_>| claim.host == self.host || claim.token == attempt;
        let ours = record.claim.as_ref().is_some_and(of_this_host);
        if ours || found.until <= found.now {
            Ok(())
        } else {
            Err(Trouble::being_dispatched())
        }
    }

    fn claimed<'t>(&'t self, attempt: &'t str) -> Claimed<'t> {
        Claimed {
            host: self.host.as_str().into(),
            token: attempt.into(),
        }
    }

    /// Tries until it is decided, or there is no hope that it soon is.
    fn patiently<T>(
        &self,
        patience: Patience<'_>,
        mut attempt: impl FnMut() -> Result<T, Trouble>,
    ) -> Result<T, Trouble> {
        use TroubleKind::{Away, BeingDispatched, Changed, Damaged, Lost, NotWritten, Refused};
        let start = Instant::now();
        let mut pause = Duration::ZERO;
        loop {
            let trouble = match attempt() {
                Ok(result) => return Ok(result),
                Err(trouble) => trouble,
            };
            let (least, longest) = match trouble.kind {
                // A connection that Redis has closed meanwhile is no reason to give up.
                Lost | Changed => (self.timeout * 2, patience.limit()),
                BeingDispatched => (self.timeout, patience.limit()),
                Away | Refused | NotWritten => (Duration::ZERO, patience.limit()),
                // Nothing that goes away by waiting, while other lines wait behind.
                Damaged => (Duration::ZERO, Duration::ZERO),
            };
            let limit = longest.max(least);
            let left = limit.saturating_sub(start.elapsed());
            if left.is_zero() || (patience.is_stopped() && !pause.is_zero()) {
                return Err(trouble);
            }
            thread::sleep(pause.min(left));
            pause = (pause * 2).clamp(PAUSES[0], PAUSES[1]);
        }
    }

    fn not_now(&self, trouble: &Trouble) -> NotNow {
        self.counters.undecided();
        NotNow::new(trouble)
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.marker.close();
    }
}
