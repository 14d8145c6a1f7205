//! Lines that could come in floods, and come once in a while instead.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Such a line is logged once in this time at the most.
const QUIET: Duration = Duration::from_secs(10);

/// Counts what is not said, until it is time to say something again.
#[derive(Debug, Default)]
pub(super) struct Seldom(Mutex<(Option<Instant>, u64)>);

impl Seldom {
    /// Notes so many. When it should be said, says how many there were since the last time, these
    /// included.
    pub(super) fn note(&self, count: u64) -> Option<u64> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.1 += count;
        if state.0.is_some_and(|last| last.elapsed() < QUIET) {
            return None;
        }
        state.0 = Some(Instant::now());
        Some(std::mem::take(&mut state.1))
    }
}
