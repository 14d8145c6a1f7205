//! What became of events and facts, counted over all streams and threads: a relaxed addition for
//! each. What is counted for whom is told in [`crate::metrics`].

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::Refusal;
use crate::Spi;
use crate::flow::{IgnoredReason, Outcome};

/// Counts of all streams of a host since it started.
#[derive(Debug, Default)]
pub struct Counts {
    /// By the position of the SPI in [`Spi::ALL`].
    dispatched: [AtomicU64; Spi::ALL.len()],
    held: AtomicU64,
    /// By the position of the reason in [`IgnoredReason::ALL`].
    ignored: [AtomicU64; IgnoredReason::ALL.len()],
    invalid: AtomicU64,
    code_still_pending: AtomicU64,
    not_now: AtomicU64,
    dropped: AtomicU64,
}

/// The counts at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CountsSnapshot {
    /// Events handed to the listeners of their SPI, by its position in [`Spi::ALL`].
    pub dispatched: [u64; Spi::ALL.len()],
    /// Facts of which no event was due.
    pub held: u64,
    /// Exchanges that gave no event though they should have, by why.
    pub ignored: [(IgnoredReason, u64); IgnoredReason::ALL.len()],
    /// Lines that are no valid event or fact.
    pub invalid: u64,
    /// Authorisations whose code is that of an earlier one that is still pending.
    pub code_still_pending: u64,
    /// Facts that could not be decided, because the store of the flow rule did not answer.
    pub not_now: u64,
    /// Pending authorisations dropped at the bound.
    pub dropped: u64,
}

impl Counts {
    /// Notes what is done about an event or a fact. For one that is dispatched: once the listeners
    /// were called.
    #[inline]
    pub fn outcome(&self, outcome: &Outcome<'_>) {
        let count = match outcome {
            Outcome::Dispatch(event) => return self.dispatched(event.spi()),
            Outcome::Held | Outcome::NothingDue => &self.held,
            Outcome::Ignored(ignored) => &self.ignored[ignored.reason as usize],
        };
        count.fetch_add(1, Relaxed);
    }

    /// Notes that an event was dispatched to the listeners of this SPI: once they were called.
    #[inline]
    pub fn dispatched(&self, spi: Spi) {
        self.dispatched[spi as usize].fetch_add(1, Relaxed);
    }

    /// Notes that a line was refused.
    #[cold]
    pub fn refused(&self, refusal: &Refusal) {
        let count = match refusal {
            Refusal::Invalid(_) => &self.invalid,
            Refusal::CodeStillPending(_) => &self.code_still_pending,
            Refusal::NotNow(_) => &self.not_now,
        };
        count.fetch_add(1, Relaxed);
    }

    /// Notes that a pending authorisation was dropped.
    #[cold]
    pub fn dropped(&self) {
        self.dropped.fetch_add(1, Relaxed);
    }

    /// The counts as they are now.
    pub fn snapshot(&self) -> CountsSnapshot {
        let load = |count: &AtomicU64| count.load(Relaxed);
        CountsSnapshot {
            dispatched: self.dispatched.each_ref().map(load),
            held: load(&self.held),
            ignored: IgnoredReason::ALL
                .map(|reason| (reason, load(&self.ignored[reason as usize]))),
            invalid: load(&self.invalid),
            code_still_pending: load(&self.code_still_pending),
            not_now: load(&self.not_now),
            dropped: load(&self.dropped),
        }
    }
}
