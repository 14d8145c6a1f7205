//! How long a listener may take, and how often it is told off.

use std::time::{Duration, Instant};

use crate::log::Seldom;

/// A listener's time budget.
#[derive(Debug)]
pub(super) struct Budget {
    pub(super) limit: Duration,
    told_off: Seldom,
}

impl Budget {
    pub(super) fn new(limit: Duration) -> Self {
        Self {
            limit,
            told_off: Seldom::default(),
        }
    }

    /// Notes a breach. When it should be logged, says how many there were since the last time,
    /// this one included.
    #[cold]
    pub(super) fn breached(&self, now: Instant) -> Option<u64> {
        self.told_off.happened(now)
    }
}
