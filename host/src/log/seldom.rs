//! Says of a flood how often a line of it is logged.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A line is logged once in this time at the most.
pub(crate) const QUIET: Duration = Duration::from_secs(10);

/// Counts what happened since a line was last logged.
#[derive(Debug, Default)]
pub(crate) struct Seldom(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    last: Option<Instant>,
    unsaid: u64,
}

impl Seldom {
    /// Notes that it happened. When it should be logged, says how often it did since the last time,
    /// this one included.
    #[cold]
    pub(crate) fn happened(&self, now: Instant) -> Option<u64> {
        self.happened_often(1, now)
    }

    /// As [`Seldom::happened`], for so many at once.
    #[cold]
    pub(crate) fn happened_often(&self, count: u64, now: Instant) -> Option<u64> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.unsaid += count;
        if state
            .last
            .is_some_and(|last| now.duration_since(last) < QUIET)
        {
            return None;
        }
        state.last = Some(now);
        Some(std::mem::take(&mut state.unsaid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_said_once_with_its_count() {
        let seldom = Seldom::default();
        let start = Instant::now();
        assert_eq!(seldom.happened(start), Some(1));
        for second in 1..10 {
            assert_eq!(seldom.happened(start + Duration::from_secs(second)), None);
        }
        assert_eq!(seldom.happened_often(3, start + QUIET), Some(12));
    }
}
